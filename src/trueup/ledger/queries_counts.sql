-- Counts: what was found at a site, as of an instant.

-- name: replace_counts
-- Sets what some records count, and forgets those that count nothing any more.
-- Parameters: gone: record_ids; the others are arrays of equal length.
-- Rows: many: sku_id, site: the places at which something was counted before.
-- Index: count primary key.
WITH before AS (
  SELECT record_id, sku_id, site FROM ledger.count
  WHERE record_id = ANY(%(gone)s::bigint[]) OR record_id = ANY(%(record_ids)s::bigint[])
), removed AS (
  DELETE FROM ledger.count c WHERE c.record_id = ANY(%(gone)s::bigint[])
), stored AS (
  INSERT INTO ledger.count (record_id, connection_id, sku_id, site, counted_at, units)
  SELECT * FROM unnest(%(record_ids)s::bigint[], %(connection_ids)s::int[], %(sku_ids)s::int[],
    %(sites)s::text[], %(counted_ats)s::timestamptz[], %(units)s::int[])
  ON CONFLICT (record_id) DO UPDATE
  SET connection_id = excluded.connection_id, sku_id = excluded.sku_id, site = excluded.site,
    counted_at = excluded.counted_at, units = excluded.units
)
SELECT DISTINCT sku_id, site FROM before;

-- name: note_counted
-- Keeps at each place when its newest count was; the caller holds the balances.
-- Parameters: sku_ids, sites: arrays of equal length, sorted, each place once.
-- Rows: none.
-- Index: site_balance primary key, count_at.
INSERT INTO ledger.site_balance AS b (sku_id, site, counted_at)
SELECT p.sku_id, p.site, (
  SELECT max(c.counted_at) FROM ledger.count c WHERE c.sku_id = p.sku_id AND c.site = p.site)
FROM unnest(%(sku_ids)s::int[], %(sites)s::text[]) AS p (sku_id, site)
ON CONFLICT (sku_id, site) DO UPDATE SET counted_at = excluded.counted_at;

-- name: counts_after
-- The first count at or after some instants, each with what the books say stood there then: what
-- stands there now less what was posted for later. Of two counts of one instant the lower holds.
-- Parameters: sku_ids, sites, ats; later: whether a count of the very instant is passed by: arrays
-- of equal length. The caller holds the balances.
-- Rows: many: sku_id, site, counted_at, record_id, connection_id, units, stood; oldest first.
-- Index: count_at, site_balance primary key, posting_on_hand.
WITH counted AS (
  SELECT DISTINCT c.*
  FROM unnest(%(sku_ids)s::int[], %(sites)s::text[], %(ats)s::timestamptz[], %(later)s::bool[])
    AS t (sku_id, site, at, later)
  CROSS JOIN LATERAL (
    SELECT * FROM ledger.count c
    WHERE c.sku_id = t.sku_id AND c.site = t.site AND c.counted_at >= t.at
      AND NOT (t.later AND c.counted_at = t.at)
    ORDER BY c.counted_at, c.units, c.record_id LIMIT 1) c
)
SELECT c.sku_id, c.site, c.counted_at, c.record_id, c.connection_id, c.units,
  (coalesce(b.on_hand, 0) - coalesce((
    SELECT sum(p.units) FROM ledger.posting p
    WHERE p.place = 'on_hand' AND p.sku_id = c.sku_id AND p.site = c.site
      AND p.occurred_at > c.counted_at), 0))::int AS stood
FROM counted c LEFT JOIN ledger.site_balance b USING (sku_id, site)
ORDER BY c.sku_id, c.site, c.counted_at;

-- name: on_hand_at
-- What the books say stood at some places by some instants, and whether units came or left between
-- a first instant and that one.
-- Parameters: codes, sites, firsts, ats: arrays of equal length.
-- Rows: many: code, on_hand, moved.
-- Index: sku_code_key, site_balance primary key, posting_on_hand.
SELECT s.code, (coalesce(b.on_hand, 0) - coalesce(sum(p.units) FILTER (WHERE p.occurred_at > w.at),
  0))::int AS on_hand, coalesce(bool_or(p.occurred_at <= w.at), false) AS moved
FROM unnest(%(codes)s::text[], %(sites)s::text[], %(firsts)s::timestamptz[],
  %(ats)s::timestamptz[]) AS w (code, site, first, at)
JOIN ledger.sku s USING (code)
LEFT JOIN ledger.site_balance b ON b.sku_id = s.sku_id AND b.site = w.site
LEFT JOIN ledger.posting p ON p.place = 'on_hand' AND p.sku_id = s.sku_id AND p.site = w.site
  AND p.occurred_at > w.first
GROUP BY s.code, b.on_hand, w.site, w.first, w.at;

-- name: skus_at_site
-- The SKUs of which the books say that units lie at a site.
-- Parameters: site, count.
-- Rows: many: code.
-- Index: site_balance primary key; reads one site of all SKUs.
SELECT s.code FROM ledger.site_balance b JOIN ledger.sku s USING (sku_id)
WHERE b.site = %(site)s AND b.on_hand <> 0 ORDER BY s.code LIMIT %(count)s;

-- name: promised_then
-- Units of a SKU at a site that each record had promised at an instant and that lay there still:
-- those it has reserved now, and those that left since. The caller holds the balance.
-- Parameters: sku_id, site, at.
-- Rows: many: record_id, units.
-- Index: posting_sku, posting_on_hand.
SELECT record_id, sum(units)::int AS units FROM (
  SELECT record_id, units FROM ledger.posting
  WHERE sku_id = %(sku_id)s AND place = 'reserved' AND site IN ('', %(site)s)
  UNION ALL
  SELECT record_id, -units FROM ledger.posting
  WHERE sku_id = %(sku_id)s AND site = %(site)s AND place = 'on_hand' AND occurred_at > %(at)s
) p
WHERE record_id IS NOT NULL GROUP BY record_id HAVING sum(units) > 0;
