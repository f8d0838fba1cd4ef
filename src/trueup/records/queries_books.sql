-- What money moved by, as books that can be held beside each other: copied out whole, as CSV.
-- Refs are a connection's name, a kind and a ref, so that two vendors' same numbers stay two.

-- name: copy_orders
-- Orders of connections that tell payments too. What is owed: as ordered or, where edits are told,
-- as it stands now with what refunds took off put back. A test order that only test payments paid
-- is left out; of any other pair of test and earnest the order says that it is a test.
-- Parameters: connection_ids, names: of the same connections.
-- Rows: many: ref, number, currency, total, ordered, tax, refunded, placed_at, test, cancelled,
-- lines, customer, shipping, discount, paid, seller,
-- record (its number), included (taxes in prices), edits (whether they are told), presented, goods.
-- Index: none; reads every order.
WITH given AS (
  SELECT r.connection_id, v.body->>'order_ref' AS ref,
    sum((v.body#>>'{refunded,booked,amount}')::numeric) AS refunded,
    sum((SELECT sum((a->1#>>'{booked,amount}')::numeric)
      FROM jsonb_array_elements(v.body->'adjustments') a
      WHERE a->>0 = 'refund_discrepancy')) AS discrepancy
  FROM records.record r JOIN records.version v USING (record_id, event_id)
  WHERE r.kind = 'refund' AND NOT r.deleted AND r.connection_id = ANY(%(connection_ids)s::int[])
  GROUP BY 1, 2
), tried AS (
  SELECT r.connection_id, v.body->>'order_ref' AS ref, bool_and(v.body ? 'test') AS all_tests
  FROM records.record r JOIN records.version v USING (record_id, event_id)
  WHERE r.kind = 'payment' AND NOT r.deleted AND r.connection_id = ANY(%(connection_ids)s::int[])
  GROUP BY 1, 2 HAVING bool_or(v.body ? 'test')
), first AS (
  SELECT DISTINCT ON (v.record_id) v.record_id,
    (v.body#>>'{totals,total,booked,amount}')::numeric AS total
  FROM records.version v JOIN records.record r USING (record_id)
  WHERE r.kind = 'order' AND r.versions > 1 AND r.connection_id = ANY(%(connection_ids)s::int[])
  ORDER BY v.record_id, v.event_id
)
SELECT c.name || '/order/' || r.ref AS ref, v.body->>'number' AS number,
  v.body->>'currency' AS currency,
  CASE WHEN s.total >= 0 THEN s.total ELSE t.total END AS total,
  coalesce(f.total, t.total) AS ordered,
  (v.body#>>'{totals,tax,booked,amount}')::numeric AS tax,
  coalesce(g.refunded, 0) AS refunded, v.body->>'placed_at' AS placed_at,
  (v.body ? 'test') OR p.ref IS NOT NULL AS test, v.body ? 'cancelled_at' AS cancelled,
  jsonb_array_length(v.body->'lines') AS lines, encode(r.person, 'hex') AS customer,
  (v.body#>>'{totals,shipping,booked,amount}')::numeric AS shipping,
  (v.body#>>'{totals,discounts,booked,amount}')::numeric AS discount,
  v.body->>'payment_status' IN ('paid', 'partly_refunded', 'refunded') AS paid, c.name AS seller,
  r.record_id AS record, coalesce((v.body->>'taxes_included')::boolean, false) AS included,
  v.body#>'{totals,current_total}' IS NOT NULL AS edits, v.body ? 'presented_currency' AS presented,
  md5((SELECT string_agg(concat_ws(' ', l->>'sku', l->>'title', l->>'quantity'), '|'
    ORDER BY l->>'sku', l->>'title', l->>'quantity')
    FROM jsonb_array_elements(v.body->'lines') l)) AS goods
FROM records.record r JOIN records.version v USING (record_id, event_id)
JOIN unnest(%(connection_ids)s::int[], %(names)s::text[]) c (connection_id, name)
  USING (connection_id)
CROSS JOIN LATERAL (SELECT (v.body#>>'{totals,total,booked,amount}')::numeric AS total) t
LEFT JOIN given g ON g.connection_id = r.connection_id AND g.ref = r.ref
CROSS JOIN LATERAL (SELECT (v.body#>>'{totals,current_total,booked,amount}')::numeric
  + coalesce(g.refunded, 0) + coalesce(g.discrepancy, 0) AS total) s
LEFT JOIN tried p ON p.connection_id = r.connection_id AND p.ref = r.ref
LEFT JOIN first f ON f.record_id = r.record_id
WHERE r.kind = 'order' AND NOT r.deleted AND NOT (v.body ? 'test' AND coalesce(p.all_tests, true));

-- name: copy_payments
-- Payments of sellers, test payments left out; and of sellers whose orders say that they are paid,
-- and no more, what these orders and their refunds say, each under the order's own ref.
-- Parameters: connection_ids, names; in_order_ids: those of them whose orders tell it;
-- owed_ids: those whose orders are held beside their payments.
-- Rows: many: ref, seller, order_ref, kind, state, amount, currency, vendor (the way to pay),
-- vendor_ref, processed_at, owed.
-- Index: none; reads every payment, and the orders and refunds of who tells none.
WITH name AS (
  SELECT c.connection_id, c.name, c.connection_id = ANY(%(owed_ids)s::int[]) AS owed
  FROM unnest(%(connection_ids)s::int[], %(names)s::text[]) c (connection_id, name)
), paid AS (
  SELECT r.connection_id, r.ref, v.body->>'placed_at' AS placed_at,
    v.body#>'{totals,total,booked}' AS money,
    EXISTS (SELECT FROM records.link l
      WHERE l.record_id = r.record_id AND l.namespace = 'payment') AS named
  FROM records.record r JOIN records.version v USING (record_id, event_id)
  WHERE r.kind = 'order' AND NOT r.deleted AND r.connection_id = ANY(%(in_order_ids)s::int[])
    AND NOT v.body ? 'test'
    AND v.body->>'payment_status' IN ('paid', 'partly_refunded', 'refunded')
)
SELECT c.name || '/payment/' || r.ref AS ref, c.name AS seller,
  c.name || '/order/' || (v.body->>'order_ref') AS order_ref, v.body->>'payment_kind' AS kind,
  v.body->>'state' AS state, (v.body#>>'{price,booked,amount}')::numeric AS amount,
  v.body#>>'{price,booked,currency}' AS currency, v.body->>'gateway' AS vendor,
  NULL AS vendor_ref,
  coalesce(v.body->>'processed_at', v.body->>'updated_at') AS processed_at, c.owed
FROM records.record r JOIN records.version v USING (record_id, event_id) JOIN name c USING (connection_id)
WHERE r.kind = 'payment' AND NOT r.deleted AND NOT v.body ? 'test'
  AND NOT r.connection_id = ANY(%(in_order_ids)s::int[])
UNION ALL
SELECT c.name || '/order/' || p.ref, c.name, c.name || '/order/' || p.ref, 'sale', 'succeeded',
  (p.money->>'amount')::numeric, p.money->>'currency', CASE WHEN p.named THEN 'named' END,
  c.name || '/order/' || p.ref, p.placed_at, false
FROM paid p JOIN name c USING (connection_id)
UNION ALL
SELECT c.name || '/refund/' || r.ref, c.name, c.name || '/order/' || p.ref, 'refund', 'succeeded',
  (v.body#>>'{refunded,booked,amount}')::numeric, v.body#>>'{refunded,booked,currency}',
  CASE WHEN p.named THEN 'named' END, c.name || '/order/' || p.ref,
  coalesce(v.body->>'created_at', v.body->>'updated_at'), false
FROM paid p JOIN name c USING (connection_id)
JOIN records.record r ON r.connection_id = p.connection_id AND r.entity = 'order/' || p.ref
  AND r.kind = 'refund' AND NOT r.deleted
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE v.body ? 'refunded';

-- name: copy_entries
-- Entries of the accounts at which sellers' payments are settled. Of a marketplace, whose account
-- tells what its orders were paid, those that no order explains.
-- Parameters: connection_ids, names: of all; market_ids: marketplaces; paying_ids: who pays out.
-- Rows: many: ref, payment_ref, order_ref (of the entry's own entity), kind, gross, fee, net,
-- currency, vendor, occurred_at, payout_ref, paying.
-- Index: none; reads every entry.
SELECT c.name || '/balance_entry/' || r.ref AS ref,
  c.name || '/payment/' || (v.body->>'payment_ref') AS payment_ref, v.body->>'entry' AS kind,
  (v.body#>>'{gross,amount}')::numeric AS gross, (v.body#>>'{fee,amount}')::numeric AS fee,
  (v.body#>>'{net,amount}')::numeric AS net, v.body#>>'{net,currency}' AS currency,
  c.name AS vendor, v.body->>'occurred_at' AS occurred_at,
  c.name || '/payout/' || (v.body->>'payout_ref') AS payout_ref,
  r.connection_id = ANY(%(paying_ids)s::int[]) AS paying
FROM records.record r JOIN records.version v USING (record_id, event_id)
JOIN unnest(%(connection_ids)s::int[], %(names)s::text[]) c (connection_id, name)
  USING (connection_id)
WHERE r.kind = 'balance_entry' AND NOT r.deleted
  AND (NOT r.connection_id = ANY(%(market_ids)s::int[])
    OR (v.body->>'entry' IN ('charge', 'refund', 'refund_failed') AND NOT v.body ? 'order_ref')
    OR (v.body->>'entry' = 'charge' AND v.body ? 'payment_ref'));

-- name: copy_names
-- The names that records have in other systems. A parcel goes by its number here: its ref is its
-- number at the carrier, by which anybody can read where it is.
-- Parameters: connection_ids, names: of all who tell some; paying_ids: those who pay out; kinds: of
-- records; namespaces: of names.
-- Rows: many: ref, kind, teller, paying, namespace, digest.
-- Index: none; reads every link.
SELECT CASE r.kind WHEN 'parcel' THEN 'parcel/' || r.record_id
    ELSE c.name || '/' || r.kind || '/' || r.ref END AS ref,
  r.kind, c.name AS teller, r.connection_id = ANY(%(paying_ids)s::int[]) AS paying, l.namespace,
  encode(l.digest, 'hex') AS digest
FROM records.link l JOIN records.record r USING (record_id)
JOIN unnest(%(connection_ids)s::int[], %(names)s::text[]) c (connection_id, name)
  USING (connection_id)
WHERE l.namespace = ANY(%(namespaces)s::text[]) AND NOT r.deleted
  AND r.kind = ANY(%(kinds)s::text[]);

-- name: tellers
-- Which connections tell records of some kinds.
-- Parameters: connection_ids, kinds.
-- Rows: many: connection_id, kind.
-- Index: record_connection_id_kind_ref_key, by one look a pair.
SELECT c.connection_id, k.kind
FROM (SELECT unnest(%(connection_ids)s::int[]) AS connection_id) c
CROSS JOIN (SELECT unnest(%(kinds)s::text[]) AS kind) k
WHERE EXISTS (SELECT FROM records.record r
  WHERE r.connection_id = c.connection_id AND r.kind = k.kind)
ORDER BY 1, 2;

-- name: lines_without_sku
-- Lines of orders that take stock and name no SKU: nothing is moved for them.
-- Parameters: connection_ids; count.
-- Rows: many, newest first: connection_id, ref, number, line_ref, title, quantity, variant_ref.
-- Index: none; reads every order.
SELECT r.connection_id, r.ref, r.number, l->>'ref' AS line_ref, l->>'title' AS title,
  (l->>'quantity')::int AS quantity, l->>'variant_ref' AS variant_ref
FROM records.record r JOIN records.version v USING (record_id, event_id)
CROSS JOIN LATERAL jsonb_array_elements(v.body->'lines') l
WHERE r.kind = 'order' AND NOT r.deleted AND r.connection_id = ANY(%(connection_ids)s::int[])
  AND l->>'variant_ref' IS NOT NULL AND coalesce(l->>'sku', '') = ''
  AND coalesce((l->>'stocked')::boolean, true) AND NOT v.body ? 'test'
ORDER BY r.record_id DESC LIMIT %(count)s;

-- name: split_customers
-- Customers of one connection that share an address or a number, as many as people may share it.
-- Parameters: namespaces; shared_max.
-- Rows: many: connection_id, namespace, refs (oldest first).
-- Index: link primary key; reads every customer.
SELECT r.connection_id, l.namespace, array_agg(r.ref ORDER BY r.record_id) AS refs
FROM records.record r JOIN records.link l USING (record_id)
WHERE r.kind = 'customer' AND NOT r.deleted AND l.namespace = ANY(%(namespaces)s::text[])
GROUP BY r.connection_id, l.namespace, l.digest
HAVING count(*) BETWEEN 2 AND %(shared_max)s
ORDER BY 1, 3;
