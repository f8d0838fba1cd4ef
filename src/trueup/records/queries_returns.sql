-- name: entities_returned
-- Entities in which a return, a refund or a graded return is told, newest first.
-- Parameters: connection_id: number or null; count.
-- Rows: many: connection_id, entity.
-- Index: record_recent.
SELECT connection_id, entity FROM records.record
WHERE kind IN ('return', 'refund', 'inspection') AND NOT deleted
  AND entity ~ '^(order|inspection)/'
  AND (%(connection_id)s::int IS NULL OR connection_id = %(connection_id)s::int)
GROUP BY connection_id, entity
ORDER BY max(occurred_at) DESC, connection_id, entity LIMIT %(count)s;

-- name: entities_returned_beside
-- Orders of which a marketplace's account tells a refund, or a carrier that a parcel is back.
-- Parameters: connection_id: number or null.
-- Rows: many: connection_id, entity; some may be among those of `entities_returned`.
-- Index: record_recent, version primary key, link_record, link primary key.
SELECT r.connection_id, r.entity
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = 'balance_entry' AND NOT r.deleted AND starts_with(r.entity, 'order/')
  AND v.body->>'entry' = 'refund'
  AND (%(connection_id)s::int IS NULL OR r.connection_id = %(connection_id)s::int)
UNION
SELECT s.connection_id, s.entity
FROM records.record p
JOIN records.version v ON v.record_id = p.record_id AND v.event_id = p.event_id
JOIN records.link mine ON mine.record_id = p.record_id AND mine.namespace = 'tracking'
JOIN records.link other ON other.namespace = mine.namespace AND other.digest = mine.digest
JOIN records.record s ON s.record_id = other.record_id AND s.kind = 'shipment'
WHERE p.kind = 'parcel' AND NOT p.deleted AND v.body->>'status' = 'returned'
  AND starts_with(s.entity, 'order/')
  AND (%(connection_id)s::int IS NULL OR s.connection_id = %(connection_id)s::int);

-- name: records_of_entities
-- The records of some entities that tell of sales and returns, without what is personal.
-- Parameters: connection_ids, entities: arrays of equal length; kinds.
-- Rows: many: record_id, connection_id, entity, kind, event_id, has_person, body.
-- Index: record_entity, version primary key.
SELECT r.record_id, r.connection_id, r.entity, r.kind, r.event_id,
  r.person IS NOT NULL AS has_person, v.body::text AS body
FROM unnest(%(connection_ids)s::int[], %(entities)s::text[]) AS w (connection_id, entity)
JOIN records.record r USING (connection_id, entity)
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = ANY(%(kinds)s::text[]) AND NOT r.deleted
ORDER BY r.connection_id, r.entity, r.record_id;

-- name: parcels_of_entities
-- Parcels of the shipments of some entities.
-- Parameters: connection_ids, entities: arrays of equal length; statuses: of parcels, or null for all.
-- Rows: many: connection_id, entity, shipment_ref, record_id, event_id, body (of the parcel).
-- Index: record_entity, link_record, link primary key, version primary key.
SELECT DISTINCT ON (s.record_id, p.record_id) s.connection_id, s.entity, s.ref AS shipment_ref,
  p.record_id, p.event_id, v.body::text AS body
FROM unnest(%(connection_ids)s::int[], %(entities)s::text[]) AS w (connection_id, entity)
JOIN records.record s USING (connection_id, entity)
JOIN records.link mine ON mine.record_id = s.record_id AND mine.namespace = 'tracking'
JOIN records.link other ON other.namespace = mine.namespace AND other.digest = mine.digest
JOIN records.record p ON p.record_id = other.record_id AND p.kind = 'parcel'
JOIN records.version v ON v.record_id = p.record_id AND v.event_id = p.event_id
WHERE s.kind = 'shipment' AND NOT s.deleted AND NOT p.deleted
  AND (%(statuses)s::text[] IS NULL OR v.body->>'status' = ANY(%(statuses)s::text[]))
ORDER BY s.record_id, p.record_id;

-- name: entity_of_record
-- To which entity a record belongs.
-- Parameters: record_id.
-- Rows: none or one: connection_id, entity.
-- Index: record primary key.
SELECT connection_id, entity FROM records.record WHERE record_id = %(record_id)s;

-- name: values_of_persons
-- What each of some persons' orders came to, less refunds; without test orders and cancelled ones.
-- Parameters: persons, connection_ids: of shops.
-- Rows: many: person, connection_id, currency, orders, ordered, refunds, refunded.
-- Index: record_person, record_entity, version primary key.
WITH sold AS (
  SELECT r.person, r.connection_id, r.entity,
    v.body->'totals'->'total'->'booked'->>'currency' AS currency,
    (v.body->'totals'->'total'->'booked'->>'amount')::numeric AS amount
  FROM records.record r
  JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
  WHERE r.person = ANY(%(persons)s::bytea[]) AND r.kind = 'order' AND NOT r.deleted
    AND r.connection_id = ANY(%(connection_ids)s::int[])
    AND NOT coalesce((v.body->>'test')::bool, false) AND v.body->>'cancelled_at' IS NULL
), back AS (
  SELECT s.person, s.connection_id, v.body->'refunded'->'booked'->>'currency' AS currency,
    count(*) AS refunds, sum((v.body->'refunded'->'booked'->>'amount')::numeric) AS refunded
  FROM sold s
  JOIN records.record r ON r.connection_id = s.connection_id AND r.entity = s.entity
    AND r.kind = 'refund' AND NOT r.deleted
  JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
  WHERE v.body->'refunded' IS NOT NULL AND v.body->>'refunded' IS NOT NULL
  GROUP BY s.person, s.connection_id, 3
), ordered AS (
  SELECT person, connection_id, currency, count(*) AS orders, sum(amount) AS ordered
  FROM sold GROUP BY person, connection_id, currency
)
SELECT person, connection_id, currency, coalesce(o.orders, 0) AS orders,
  coalesce(o.ordered, 0) AS ordered, coalesce(b.refunds, 0) AS refunds,
  coalesce(b.refunded, 0) AS refunded
FROM ordered o FULL JOIN back b USING (person, connection_id, currency)
ORDER BY connection_id, currency, person;

-- name: entities_told_back
-- Orders of which a return, a refund or a graded return was made since an instant.
-- Parameters: connection_ids: of shops; since; states: only those with a return in one of these
-- states, or null for all.
-- Rows: many: connection_id, entity; each once.
-- Index: record_recent, version primary key.
SELECT DISTINCT r.connection_id, r.entity FROM records.record r
WHERE r.kind IN ('return', 'refund', 'inspection') AND NOT r.deleted
  AND r.occurred_at >= %(since)s
  AND r.connection_id = ANY(%(connection_ids)s::int[]) AND starts_with(r.entity, 'order/')
  AND (%(states)s::text[] IS NULL OR r.kind = 'return' AND EXISTS (
    SELECT FROM records.version v WHERE v.record_id = r.record_id AND v.event_id = r.event_id
      AND v.body->>'state' = ANY(%(states)s::text[])));

-- name: sealed_of_entities
-- What is personal of the records of some entities that are of one kind, sealed.
-- Parameters: connection_ids, entities: arrays of equal length; kind.
-- Rows: many: record_id, connection_id, ref, person, personal.
-- Index: record_entity, version primary key.
SELECT r.record_id, r.connection_id, r.ref, r.person, v.personal
FROM unnest(%(connection_ids)s::int[], %(entities)s::text[]) AS w (connection_id, entity)
JOIN records.record r USING (connection_id, entity)
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = %(kind)s AND NOT r.deleted AND r.person IS NOT NULL;

-- name: returns_of_persons
-- Returns of some persons' orders that were neither declined nor cancelled, with their orders.
-- Parameters: persons; connection_ids: of shops; since: when a return was made.
-- Rows: many: person, record_id (of the return).
-- Index: record_person, record_entity, version primary key.
SELECT o.person, r.record_id
FROM records.record o
JOIN records.record r ON r.connection_id = o.connection_id AND r.entity = o.entity
  AND r.kind = 'return' AND NOT r.deleted AND r.occurred_at >= %(since)s
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE o.kind = 'order' AND NOT o.deleted AND o.person = ANY(%(persons)s::bytea[])
  AND o.connection_id = ANY(%(connection_ids)s::int[])
  AND v.body->>'state' NOT IN ('declined', 'cancelled');
