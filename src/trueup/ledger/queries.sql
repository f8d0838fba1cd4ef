-- name: number_skus
-- Gives every SKU its number, new ones too.
-- Parameters: codes (sorted).
-- Rows: many: code, sku_id.
-- Index: sku_code_key.
WITH made AS (
  INSERT INTO ledger.sku (code)
  SELECT code FROM unnest(%(codes)s::text[]) AS c (code)
  WHERE NOT EXISTS (SELECT FROM ledger.sku s WHERE s.code = c.code)
  ORDER BY code
  ON CONFLICT (code) DO NOTHING
  RETURNING code, sku_id
)
SELECT code, sku_id FROM made
UNION
SELECT code, sku_id FROM ledger.sku WHERE code = ANY(%(codes)s::text[]);

-- name: posted_of_records
-- What has been posted for some records.
-- Parameters: record_ids.
-- Rows: many: record_id, code, place, site, occurred_at, units.
-- Index: posting_record.
SELECT p.record_id, s.code, p.place, p.site, p.occurred_at, sum(p.units)::int AS units
FROM ledger.posting p JOIN ledger.sku s USING (sku_id)
WHERE p.record_id = ANY(%(record_ids)s)
GROUP BY p.record_id, s.code, p.place, p.site, p.occurred_at
HAVING sum(p.units) <> 0;

-- name: insert_transactions
-- Appends transactions.
-- Parameters: arrays of equal length.
-- Rows: none.
-- Index: transaction primary key: an event posts once.
INSERT INTO ledger.transaction (event_id, record_id, reason, occurred_at)
SELECT * FROM unnest(%(event_ids)b::bigint[], %(record_ids)b::bigint[], %(reasons)b::text[],
  %(occurred_ats)b::timestamptz[]);

-- name: insert_postings
-- Appends postings.
-- Parameters: arrays of equal length.
-- Rows: none.
-- Index: posting primary key, posting_record, posting_sku, posting_on_hand.
INSERT INTO ledger.posting
  (event_id, ordinal, record_id, sku_id, place, site, units, occurred_at)
SELECT * FROM unnest(%(event_ids)b::bigint[], %(ordinals)b::int[], %(record_ids)b::bigint[],
  %(sku_ids)b::int[], %(places)b::text[], %(sites)b::text[], %(units)b::int[],
  %(ats)b::timestamptz[]);

-- name: fold_balances
-- Folds a batch's moves into the balances; each SKU's row is locked in the order of its number
-- until the end of the transaction, so what follows sees the true sum.
-- Parameters: arrays of equal length, sorted by sku_id, one element a SKU.
-- Rows: many: sku_id, sequence, available, counted.
-- Index: balance primary key.
INSERT INTO ledger.balance AS b (sku_id, sequence, supplier, on_hand, in_transit, reserved, demand,
  customer, quarantine, loss, kit, counted, moved_at)
SELECT sku_id, 1, supplier, on_hand, in_transit, reserved, demand, customer, quarantine, loss, kit,
  counted, now()
FROM unnest(%(sku_ids)b::int[], %(supplier)b::int[], %(on_hand)b::int[], %(in_transit)b::int[],
  %(reserved)b::int[], %(demand)b::int[], %(customer)b::int[], %(quarantine)b::int[],
  %(loss)b::int[], %(kit)b::int[], %(counted)b::bool[])
  AS u (sku_id, supplier, on_hand, in_transit, reserved, demand, customer, quarantine, loss, kit,
    counted)
ON CONFLICT (sku_id) DO UPDATE
SET sequence = b.sequence + 1, supplier = b.supplier + excluded.supplier,
  on_hand = b.on_hand + excluded.on_hand, in_transit = b.in_transit + excluded.in_transit,
  reserved = b.reserved + excluded.reserved, demand = b.demand + excluded.demand,
  customer = b.customer + excluded.customer, quarantine = b.quarantine + excluded.quarantine,
  loss = b.loss + excluded.loss, kit = b.kit + excluded.kit,
  counted = b.counted OR excluded.counted, moved_at = now()
RETURNING b.sku_id, b.sequence, b.on_hand - b.reserved AS available, b.counted;

-- name: fold_sites
-- Folds a batch's moves into the balances per site, and tells what was counted there last.
-- Parameters: arrays of equal length, sorted by sku_id and site.
-- Rows: many: sku_id, site, counted_at.
-- Index: site_balance primary key.
INSERT INTO ledger.site_balance AS b (sku_id, site, on_hand, quarantine, reserved)
SELECT * FROM unnest(%(sku_ids)b::int[], %(sites)b::text[], %(on_hand)b::int[],
  %(quarantine)b::int[], %(reserved)b::int[])
ON CONFLICT (sku_id, site) DO UPDATE
SET on_hand = b.on_hand + excluded.on_hand, quarantine = b.quarantine + excluded.quarantine,
  reserved = b.reserved + excluded.reserved
RETURNING b.sku_id, b.site, b.counted_at;

-- name: lock_balances
-- Reads and locks the balances of some SKUs, making empty ones for those that never moved. One pass
-- in the order of the numbers: made first and locked after, two batches could wait for each other.
-- Parameters: sku_ids (sorted).
-- Rows: many: sku_id, available, sequence, counted.
-- Index: balance primary key.
INSERT INTO ledger.balance AS b (sku_id, sequence, moved_at)
SELECT sku_id, 0, now() FROM unnest(%(sku_ids)s::int[]) AS s (sku_id)
ON CONFLICT (sku_id) DO UPDATE SET sequence = b.sequence
RETURNING b.sku_id, b.on_hand - b.reserved AS available, b.sequence, b.counted;

-- name: list_balances
-- The balances of all SKUs, nearest to zero first; of one where a code is given.
-- Parameters: code: text or null; count.
-- Rows: many.
-- Index: balance primary key.
SELECT s.code AS sku, b.on_hand - b.reserved AS available, b.on_hand, b.reserved, b.in_transit,
  b.customer, b.quarantine, b.loss, b.supplier, b.demand, b.sequence, b.counted, b.moved_at
FROM ledger.balance b JOIN ledger.sku s USING (sku_id)
WHERE %(code)s::text IS NULL OR s.code = %(code)s::text
ORDER BY b.on_hand - b.reserved, s.code LIMIT %(count)s;

-- name: list_sites
-- What lies where, of one SKU, and what of it is promised.
-- Parameters: code.
-- Rows: many: site, on_hand, quarantine, reserved.
-- Index: site_balance primary key.
SELECT b.site, b.on_hand, b.quarantine, b.reserved
FROM ledger.site_balance b JOIN ledger.sku s USING (sku_id)
WHERE s.code = %(code)s ORDER BY b.site;

-- name: list_movements
-- What moved of one SKU, newest first.
-- Parameters: code, count.
-- Rows: many.
-- Index: posting_sku.
SELECT p.event_id, t.reason, t.occurred_at, t.posted_at, p.record_id, p.place, p.site, p.units
FROM ledger.posting p
JOIN ledger.transaction t USING (event_id)
JOIN ledger.sku s USING (sku_id)
WHERE s.code = %(code)s
ORDER BY p.event_id DESC, p.ordinal LIMIT %(count)s;

-- name: postings_of_events
-- What some events moved.
-- Parameters: event_ids.
-- Rows: many.
-- Index: posting primary key.
SELECT p.event_id, s.code AS sku, p.place, p.site, p.units
FROM ledger.posting p JOIN ledger.sku s USING (sku_id)
WHERE p.event_id = ANY(%(event_ids)s) ORDER BY p.event_id, p.ordinal;

-- name: prove_balances
-- Re-sums all postings and compares them with the balances.
-- Parameters: none.
-- Rows: many: sku, place, site, posted, balance, where they differ; none when the books agree.
-- Index: none; reads everything.
WITH posted AS (
  SELECT sku_id, place, site, sum(units) AS units FROM ledger.posting GROUP BY sku_id, place, site
), total AS (
  SELECT sku_id, place, sum(units) AS units FROM posted GROUP BY sku_id, place
), held AS (
  SELECT b.sku_id, x.place, x.units FROM ledger.balance b
  CROSS JOIN LATERAL (VALUES ('supplier', b.supplier), ('on_hand', b.on_hand),
    ('in_transit', b.in_transit), ('reserved', b.reserved), ('demand', b.demand),
    ('customer', b.customer), ('quarantine', b.quarantine), ('loss', b.loss), ('kit', b.kit))
    AS x (place, units)
), site_posted AS (
  SELECT sku_id, place, site, units FROM posted WHERE site <> ''
), site_held AS (
  SELECT b.sku_id, x.place, b.site, x.units FROM ledger.site_balance b
  CROSS JOIN LATERAL (VALUES ('on_hand', b.on_hand), ('quarantine', b.quarantine),
    ('reserved', b.reserved)) AS x (place, units)
), compared AS (
  SELECT sku_id, place, '' AS site, coalesce(t.units, 0) AS posted, coalesce(h.units, 0) AS balance
  FROM total t FULL JOIN held h USING (sku_id, place)
  UNION ALL
  SELECT sku_id, place, site, coalesce(t.units, 0), coalesce(h.units, 0)
  FROM site_posted t FULL JOIN site_held h USING (sku_id, place, site)
)
SELECT s.code AS sku, c.place, c.site, c.posted::bigint AS posted, c.balance::bigint AS balance
FROM compared c JOIN ledger.sku s USING (sku_id)
WHERE c.posted <> c.balance
ORDER BY s.code, c.place, c.site;

-- name: prove_sums
-- Counts the ledger and finds transactions that do not sum to zero.
-- Parameters: none.
-- Rows: one: transactions, postings, unbalanced, total.
-- Index: none; reads everything.
SELECT (SELECT count(*) FROM ledger.transaction) AS transactions,
  (SELECT count(*) FROM ledger.posting) AS postings,
  (SELECT count(*) FROM (
    SELECT FROM ledger.posting GROUP BY event_id, sku_id HAVING sum(units) <> 0) u) AS unbalanced,
  (SELECT coalesce(sum(units), 0) FROM ledger.posting)::bigint AS total;

-- name: note_proof
-- Keeps that the books were proved.
-- Parameters: transactions, postings, differences.
-- Rows: none.
-- Index: none.
INSERT INTO ledger.proof (transactions, postings, differences)
VALUES (%(transactions)s, %(postings)s, %(differences)s);

-- name: stock_history
-- What was available of one SKU over time, from its postings.
-- Parameters: code.
-- Rows: many: posted_at, event_id, available, oldest first.
-- Index: posting_sku.
SELECT t.posted_at, p.event_id,
  sum(sum(CASE p.place WHEN 'on_hand' THEN p.units WHEN 'reserved' THEN -p.units ELSE 0 END))
    OVER (ORDER BY p.event_id)::int AS available
FROM ledger.posting p
JOIN ledger.transaction t USING (event_id)
JOIN ledger.sku s USING (sku_id)
WHERE s.code = %(code)s
GROUP BY t.posted_at, p.event_id ORDER BY p.event_id;

-- name: page_balances
-- One page of balances in the order of their SKUs.
-- Parameters: after: SKU or null; begins: with what they begin, empty for all; count.
-- Rows: many.
-- Index: sku_code_key, balance primary key.
SELECT s.code AS sku, b.on_hand - b.reserved AS available, b.on_hand, b.reserved, b.in_transit,
  b.customer, b.quarantine, b.loss, b.supplier, b.demand, b.sequence, b.counted, b.moved_at
FROM ledger.sku s JOIN ledger.balance b USING (sku_id)
WHERE (%(after)s::text IS NULL OR s.code > %(after)s::text)
  AND starts_with(s.code, %(begins)s::text)
ORDER BY s.code LIMIT %(count)s;

-- name: transactions_of_events
-- The transactions of some events.
-- Parameters: event_ids.
-- Rows: many: event_id, record_id, reason, occurred_at, posted_at.
-- Index: transaction primary key.
SELECT event_id, record_id, reason, occurred_at, posted_at FROM ledger.transaction
WHERE event_id = ANY(%(event_ids)s) ORDER BY event_id;

-- name: stock_series
-- What was available of one SKU after each of the newest events that moved it: the balance as it
-- stands, less what was posted later.
-- Parameters: code, count: events at most.
-- Rows: many, oldest first: posted_at, event_id, reason, record_id, occurred_at, units (by which
-- it changed), available.
-- Index: posting_sku, transaction and balance primary keys.
WITH moved AS (
  SELECT p.event_id,
    sum(CASE p.place WHEN 'on_hand' THEN p.units WHEN 'reserved' THEN -p.units ELSE 0 END) AS units
  FROM ledger.posting p
  WHERE p.sku_id = (SELECT sku_id FROM ledger.sku WHERE code = %(code)s)
  GROUP BY p.event_id ORDER BY p.event_id DESC LIMIT %(count)s
), now_available AS (
  SELECT b.on_hand - b.reserved AS units FROM ledger.balance b
  JOIN ledger.sku s USING (sku_id) WHERE s.code = %(code)s
)
SELECT t.posted_at, m.event_id, t.reason, t.record_id, t.occurred_at, m.units::bigint AS units,
  (n.units - coalesce(sum(m.units) OVER (
    ORDER BY m.event_id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))::bigint
    AS available
FROM moved m CROSS JOIN now_available n JOIN ledger.transaction t USING (event_id)
ORDER BY m.event_id;

-- name: busiest_skus
-- The SKUs that moved most among the newest postings.
-- Parameters: postings: how many of the newest are looked at; count.
-- Rows: many: sku, postings; busiest first.
-- Index: posting primary key, sku primary key.
SELECT s.code AS sku, count(*) AS postings
FROM (SELECT sku_id FROM ledger.posting ORDER BY event_id DESC, ordinal DESC LIMIT %(postings)s) p
JOIN ledger.sku s USING (sku_id)
GROUP BY s.code ORDER BY count(*) DESC, s.code LIMIT %(count)s;

-- name: known_skus
-- The numbers of SKUs that have one; none is made.
-- Parameters: codes.
-- Rows: many: code, sku_id.
-- Index: sku_code_key.
SELECT code, sku_id FROM ledger.sku WHERE code = ANY(%(codes)s::text[]);

-- name: replace_holds
-- Sets what some reservations hold: the lines given, and none of theirs beside.
-- Parameters: arrays: record_ids of all of them; and lines, of equal length.
-- Rows: none.
-- Index: hold primary key.
WITH gone AS (
  DELETE FROM ledger.hold h USING (
    SELECT DISTINCT record_id FROM unnest(%(record_ids)s::bigint[]) AS r (record_id)) r
  WHERE h.record_id = r.record_id AND NOT EXISTS (
    SELECT FROM unnest(%(line_records)s::bigint[]) AS l (record_id)
    WHERE l.record_id = h.record_id)
)
INSERT INTO ledger.hold (record_id, ordinal, ref, sku_id, site, units, expires_at)
SELECT * FROM unnest(%(line_records)s::bigint[], %(ordinals)s::int[], %(refs)s::text[],
  %(sku_ids)s::int[], %(sites)s::text[], %(units)s::int[], %(expires_ats)s::timestamptz[])
ON CONFLICT (record_id, ordinal) DO UPDATE
SET ref = excluded.ref, sku_id = excluded.sku_id, site = excluded.site, units = excluded.units,
  expires_at = excluded.expires_at;

-- name: left_at_sites
-- What of a SKU lies at a site and is held for nobody who named the site; the caller holds the
-- SKU's balance.
-- Parameters: sku_ids, sites: arrays of equal length.
-- Rows: many: sku_id, site, units.
-- Index: site_balance primary key, hold_sku.
SELECT w.sku_id, w.site, (coalesce(b.on_hand, 0) - coalesce((
  SELECT sum(h.units) FROM ledger.hold h WHERE h.sku_id = w.sku_id AND h.site = w.site), 0))::bigint
FROM unnest(%(sku_ids)s::int[], %(sites)s::text[]) AS w (sku_id, site)
LEFT JOIN ledger.site_balance b ON b.sku_id = w.sku_id AND b.site = w.site;

-- name: due_holds
-- Reservations whose time is over, the oldest first; of some SKUs where they are given.
-- Parameters: now_at, sku_ids (null: of all), count.
-- Rows: many: ref.
-- Index: hold_expires, hold_sku.
SELECT ref FROM ledger.hold
WHERE expires_at <= %(now_at)s
  AND (%(sku_ids)s::int[] IS NULL OR sku_id = ANY(%(sku_ids)s::int[]))
GROUP BY ref ORDER BY min(expires_at), ref LIMIT %(count)s;
