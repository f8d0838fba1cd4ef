-- name: orders_bought
-- Orders that stand, with what was bought in each.
-- Parameters: connection_ids: of sellers; since, until: instants, the latter does not count.
-- Rows: many: person, connection_id, ref, number, placed_at, currency, amount, lines (JSON).
-- Index: record_recent, version primary key.
SELECT r.person, r.connection_id, r.ref, v.body->>'number' AS number, r.occurred_at AS placed_at,
  v.body->>'currency' AS currency,
  coalesce(v.body#>>'{totals,current_total,booked,amount}',
    v.body#>>'{totals,total,booked,amount}')::numeric AS amount,
  (v.body->'lines')::text AS lines
FROM records.record r JOIN records.version v USING (record_id, event_id)
WHERE r.kind = 'order' AND NOT r.deleted AND r.person IS NOT NULL
  AND r.connection_id = ANY(%(connection_ids)s::int[])
  AND r.occurred_at >= %(since)s AND r.occurred_at < %(until)s
  AND NOT v.body ? 'test' AND NOT v.body ? 'cancelled_at'
  AND v.body->>'payment_status' NOT IN ('refunded', 'voided', 'expired')
ORDER BY r.occurred_at, r.record_id;

-- name: persons_near
-- Persons who share a name with some persons; one that too many have, or that was cut, joins nobody.
-- Parameters: persons; namespaces; shared_max.
-- Rows: many: person, other.
-- Index: record_person, link_record, link primary key, cut primary key.
WITH mine AS (
  SELECT DISTINCT r.person, l.namespace, l.digest
  FROM records.record r JOIN records.link l USING (record_id)
  WHERE r.person = ANY(%(persons)s::bytea[]) AND l.namespace = ANY(%(namespaces)s::text[])
), named AS (
  SELECT DISTINCT l.namespace, l.digest, r.person
  FROM (SELECT DISTINCT namespace, digest FROM mine) m
  JOIN records.link l USING (namespace, digest) JOIN records.record r USING (record_id)
  WHERE r.person IS NOT NULL AND NOT EXISTS (SELECT FROM records.cut c
    WHERE c.namespace = l.namespace AND c.digest = l.digest AND c.person IN ('', r.person))
), few AS (
  SELECT namespace, digest FROM named GROUP BY namespace, digest
  HAVING count(*) BETWEEN 2 AND %(shared_max)s
)
SELECT DISTINCT m.person, o.person AS other
FROM mine m JOIN few USING (namespace, digest) JOIN named o USING (namespace, digest)
JOIN named self ON self.namespace = m.namespace AND self.digest = m.digest
  AND self.person = m.person
WHERE o.person <> m.person;

-- name: dealings
-- What some persons bought, sent back and asked since an instant.
-- Parameters: persons; connection_ids: of sellers; since: instant.
-- Rows: many: person, kind, connection_id, entity, occurred_at, body.
-- Index: record_person, version primary key.
SELECT r.person, r.kind, r.connection_id, r.entity, r.occurred_at, v.body::text AS body
FROM records.record r JOIN records.version v USING (record_id, event_id)
WHERE r.person = ANY(%(persons)s::bytea[]) AND NOT r.deleted AND r.occurred_at >= %(since)s
  AND (r.kind = 'ticket'
    OR r.kind IN ('order', 'shipment', 'return') AND r.connection_id = ANY(%(connection_ids)s::int[]))
ORDER BY r.occurred_at, r.record_id;

-- name: skus_awaited
-- The SKUs that somebody asked to be told of once they are back.
-- Parameters: since: instant.
-- Rows: many: sku, asked (how many asked).
-- Index: version_awaits, record primary key, listing primary key.
SELECT coalesce(v.body->>'awaits_sku', l.sku) AS sku, count(*) AS asked
FROM records.version v JOIN records.record r USING (record_id, event_id)
LEFT JOIN LATERAL (SELECT min(sku) AS sku FROM records.listing
  WHERE variant_ref = v.body->>'awaits_variant' AND active) l ON true
WHERE (v.body ? 'awaits_variant' OR v.body ? 'awaits_sku') AND NOT r.deleted
  AND r.person IS NOT NULL AND r.occurred_at >= %(since)s
  AND coalesce(v.body->>'awaits_sku', l.sku) IS NOT NULL
GROUP BY 1;

-- name: asks_of_skus
-- Who asked to be told once some SKUs are back, those who asked first coming first.
-- Parameters: skus; since: instant; count.
-- Rows: many: sku, connection_id, ref, person, asked_at.
-- Index: version_awaits, record primary key, listing primary key.
SELECT coalesce(v.body->>'awaits_sku', l.sku) AS sku, r.connection_id, r.ref, r.person,
  r.occurred_at AS asked_at
FROM records.version v JOIN records.record r USING (record_id, event_id)
LEFT JOIN LATERAL (SELECT min(sku) AS sku FROM records.listing
  WHERE variant_ref = v.body->>'awaits_variant' AND active) l ON true
WHERE (v.body ? 'awaits_variant' OR v.body ? 'awaits_sku') AND NOT r.deleted
  AND r.person IS NOT NULL AND r.occurred_at >= %(since)s
  AND coalesce(v.body->>'awaits_sku', l.sku) = ANY(%(skus)s::text[])
ORDER BY r.occurred_at, r.record_id LIMIT %(count)s;
