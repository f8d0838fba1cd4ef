-- What money moved by, as books that can be held beside each other: copied out whole, as CSV.
-- Refs are a connection's name, a kind and a ref, so that two vendors' same numbers stay two.

-- name: copy_orders
-- Orders of connections that tell payments too. What is owed: as ordered or, where edits are told,
-- as it stands now with what refunds took off put back. A test order that only test payments paid
-- is left out; of any other pair of test and earnest the order says that it is a test.
-- Parameters: connection_ids, names: of the same connections.
-- Rows: many: ref, number, currency, total, ordered, tax, refunded, placed_at, test, cancelled,
-- lines, customer, goods.
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
-- Payments of sellers, test payments left out.
-- Parameters: connection_ids, names.
-- Rows: many: ref, seller, order_ref, kind, state, amount, currency, vendor (the way to pay),
-- processed_at.
-- Index: none; reads every payment.
SELECT c.name || '/payment/' || r.ref AS ref, c.name AS seller,
  c.name || '/order/' || (v.body->>'order_ref') AS order_ref, v.body->>'payment_kind' AS kind,
  v.body->>'state' AS state, (v.body#>>'{price,booked,amount}')::numeric AS amount,
  v.body#>>'{price,booked,currency}' AS currency, v.body->>'gateway' AS vendor,
  coalesce(v.body->>'processed_at', v.body->>'updated_at') AS processed_at
FROM records.record r JOIN records.version v USING (record_id, event_id)
JOIN unnest(%(connection_ids)s::int[], %(names)s::text[]) c (connection_id, name)
  USING (connection_id)
WHERE r.kind = 'payment' AND NOT r.deleted AND NOT v.body ? 'test';

-- name: copy_entries
-- Entries of the accounts at which sellers' payments are settled. An entry is of a seller's payment
-- where it has its ref at the same connection, or where both name the same id of the provider, or
-- where it is of an order that has one payment alone of its amount. It is of an order by the number
-- that it or the provider's payment names, where one order alone has it.
-- Parameters: connection_ids: of sellers; paying_ids: of those who pay out; named_ids, names: of
-- both.
-- Rows: many: ref, payment_ref, order_ref, kind, gross, fee, net, currency, vendor, occurred_at,
-- payout_ref.
-- Index: none; reads every entry.
WITH name AS (
  SELECT * FROM unnest(%(named_ids)s::int[], %(names)s::text[]) n (connection_id, name)
), told AS (
  SELECT r.record_id, r.connection_id, r.ref, v.body FROM records.record r
  JOIN records.version v USING (record_id, event_id)
  WHERE r.kind = 'balance_entry' AND NOT r.deleted
    AND r.connection_id = ANY(%(connection_ids)s::int[] || %(paying_ids)s::int[])
), linked AS (
  SELECT t.record_id, min(p.record_id) AS payment_id FROM told t
  JOIN records.link own ON own.record_id = t.record_id AND own.namespace = 'payment'
  JOIN records.link other ON other.namespace = own.namespace AND other.digest = own.digest
  JOIN records.record p ON p.record_id = other.record_id AND p.kind = 'payment' AND NOT p.deleted
    AND p.connection_id = ANY(%(connection_ids)s::int[])
  WHERE t.connection_id = ANY(%(paying_ids)s::int[])
  GROUP BY 1
), numbered AS (
  SELECT t.record_id, t.connection_id, l.digest FROM told t
  JOIN records.link l ON l.record_id = t.record_id AND l.namespace = 'order'
  UNION
  SELECT t.record_id, t.connection_id, l.digest FROM told t
  JOIN records.record q ON q.connection_id = t.connection_id AND q.kind = 'payment'
    AND q.ref = t.body->>'payment_ref'
  JOIN records.link l ON l.record_id = q.record_id AND l.namespace = 'order'
  WHERE t.connection_id = ANY(%(paying_ids)s::int[])
), sold AS (
  SELECT n.record_id, min(o.record_id) AS order_id FROM numbered n
  JOIN records.link other ON other.namespace = 'order' AND other.digest = n.digest
  JOIN records.record o ON o.record_id = other.record_id AND o.kind = 'order' AND NOT o.deleted
    AND o.connection_id = ANY(%(connection_ids)s::int[])
    AND (o.connection_id = n.connection_id OR n.connection_id = ANY(%(paying_ids)s::int[]))
  GROUP BY 1 HAVING count(DISTINCT o.record_id) = 1
), alike AS (
  SELECT t.record_id, min(p.record_id) AS payment_id FROM told t
  JOIN sold s USING (record_id)
  JOIN records.record o ON o.record_id = s.order_id
  JOIN records.record p ON p.connection_id = o.connection_id AND p.entity = o.entity
    AND p.kind = 'payment' AND NOT p.deleted
  JOIN records.version v ON v.record_id = p.record_id AND v.event_id = p.event_id
  WHERE t.connection_id = ANY(%(paying_ids)s::int[]) AND v.body->>'state' = 'succeeded'
    AND CASE t.body->>'entry' WHEN 'charge' THEN v.body->>'payment_kind' IN ('sale', 'capture')
      WHEN 'refund' THEN v.body->>'payment_kind' = 'refund' END
    AND v.body#>>'{price,booked,currency}' = t.body#>>'{gross,currency}'
    AND (v.body#>>'{price,booked,amount}')::numeric = abs((t.body#>>'{gross,amount}')::numeric)
  GROUP BY 1 HAVING count(*) = 1
)
SELECT c.name || '/balance_entry/' || t.ref AS ref,
  coalesce(d.name || '/payment/' || p.ref, c.name || '/payment/' || (t.body->>'payment_ref'))
    AS payment_ref,
  b.name || '/order/' || o.ref AS order_ref, t.body->>'entry' AS kind,
  (t.body#>>'{gross,amount}')::numeric AS gross, (t.body#>>'{fee,amount}')::numeric AS fee,
  (t.body#>>'{net,amount}')::numeric AS net, t.body#>>'{net,currency}' AS currency,
  c.name AS vendor, t.body->>'occurred_at' AS occurred_at,
  c.name || '/payout/' || (t.body->>'payout_ref') AS payout_ref
FROM told t
JOIN name c USING (connection_id)
LEFT JOIN linked l ON l.record_id = t.record_id
LEFT JOIN alike a ON a.record_id = t.record_id
LEFT JOIN records.record p ON p.record_id = coalesce(l.payment_id, a.payment_id)
LEFT JOIN name d ON d.connection_id = p.connection_id
LEFT JOIN sold s ON s.record_id = t.record_id
LEFT JOIN records.record o ON o.record_id = s.order_id
LEFT JOIN name b ON b.connection_id = o.connection_id;

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
