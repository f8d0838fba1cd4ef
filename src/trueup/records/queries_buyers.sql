-- name: purchases
-- What was bought by whom on which day: orders that stand, less what was given back on them.
-- Parameters: connection_ids: of sellers; until: instant, does not count; persons: only theirs, or
-- null.
-- Rows: many: person, day, currency, amount; by person and day.
-- Index: record_person; without persons none, it reads every order.
WITH given AS (
  SELECT r.connection_id, v.body->>'order_ref' AS ref,
    sum((v.body#>>'{refunded,booked,amount}')::numeric) AS refunded
  FROM records.record r JOIN records.version v USING (record_id, event_id)
  WHERE r.kind = 'refund' AND NOT r.deleted AND r.connection_id = ANY(%(connection_ids)s::int[])
  GROUP BY 1, 2
), bought AS (
  SELECT r.person, (r.occurred_at AT TIME ZONE 'UTC')::date AS day,
    v.body->>'currency' AS currency,
    coalesce((v.body#>>'{totals,current_total,booked,amount}')::numeric,
      (v.body#>>'{totals,total,booked,amount}')::numeric - coalesce(g.refunded, 0)) AS amount
  FROM records.record r JOIN records.version v USING (record_id, event_id)
  LEFT JOIN given g ON g.connection_id = r.connection_id AND g.ref = r.ref
  WHERE r.kind = 'order' AND NOT r.deleted AND r.person IS NOT NULL
    AND r.connection_id = ANY(%(connection_ids)s::int[]) AND r.occurred_at < %(until)s
    AND (%(persons)s::bytea[] IS NULL OR r.person = ANY(%(persons)s::bytea[]))
    AND NOT v.body ? 'test' AND NOT v.body ? 'cancelled_at'
    AND v.body->>'payment_status' NOT IN ('refunded', 'voided', 'expired')
)
SELECT person, day, currency, sum(amount)::float8 AS amount FROM bought WHERE amount > 0
GROUP BY person, day, currency ORDER BY person, day, currency;

-- name: persons_of_names
-- Persons who share a name that joins them; one that too many have, or that somebody cut, does not.
-- Parameters: namespaces; shared_max.
-- Rows: many: persons.
-- Index: none; reads every name.
SELECT array_agg(DISTINCT r.person) AS persons
FROM records.link l JOIN records.record r USING (record_id)
WHERE l.namespace = ANY(%(namespaces)s::text[]) AND r.person IS NOT NULL
  AND NOT EXISTS (SELECT FROM records.cut c WHERE c.namespace = l.namespace
    AND c.digest = l.digest AND c.person IN ('', r.person))
GROUP BY l.namespace, l.digest
HAVING count(DISTINCT r.person) BETWEEN 2 AND %(shared_max)s;

-- name: units_by_channel
-- How many units of each SKU orders asked for at each connection in a span of time.
-- Parameters: connection_ids: of sellers; since, until: instants; until does not count.
-- Rows: many: sku, connection_id, units; by SKU and connection.
-- Index: record_recent.
SELECT l->>'sku' AS sku, r.connection_id, sum((l->>'quantity')::bigint)::bigint AS units
FROM records.record r JOIN records.version v USING (record_id, event_id)
CROSS JOIN LATERAL jsonb_array_elements(v.body->'lines') l
WHERE r.kind = 'order' AND NOT r.deleted AND r.connection_id = ANY(%(connection_ids)s::int[])
  AND r.occurred_at >= %(since)s AND r.occurred_at < %(until)s
  AND NOT v.body ? 'test' AND NOT v.body ? 'cancelled_at' AND l->>'sku' IS NOT NULL
GROUP BY 1, 2 HAVING sum((l->>'quantity')::bigint) > 0 ORDER BY 1, 2;

-- name: products_of_skus
-- To which product each SKU belongs, where one shop says so: SKUs of one product are siblings.
-- Parameters: none.
-- Rows: many: sku, product (connection and ref).
-- Index: listing_sku.
SELECT sku, min(connection_id || '/' || product_ref) AS product FROM records.listing
WHERE product_ref <> '' GROUP BY sku ORDER BY sku;
