-- name: places_of_records
-- To which entities some records belong, and what they are.
-- Parameters: record_ids.
-- Rows: many: record_id, connection_id, entity, kind, ref.
-- Index: record primary key.
SELECT record_id, connection_id, entity, kind, ref FROM records.record
WHERE record_id = ANY(%(record_ids)s::bigint[]);

-- name: bodies_of_records
-- What some records say now, without what is personal.
-- Parameters: record_ids.
-- Rows: many: record_id, connection_id, kind, ref, body.
-- Index: record primary key, version primary key.
SELECT r.record_id, r.connection_id, r.kind, r.ref, v.body::text AS body
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.record_id = ANY(%(record_ids)s::bigint[]) AND NOT r.deleted;

-- name: orders_placed
-- Orders that were placed in a span of time at some connections, oldest first.
-- Parameters: since, until: instants; until does not count; connection_ids; count.
-- Rows: many: connection_id, entity.
-- Index: record_recent.
SELECT connection_id, entity FROM records.record
WHERE kind = 'order' AND NOT deleted AND occurred_at >= %(since)s AND occurred_at < %(until)s
  AND connection_id = ANY(%(connection_ids)s::int[])
ORDER BY occurred_at, connection_id, entity LIMIT %(count)s;

-- name: entries_of_orders
-- Entries of providers' accounts that are of some orders: they carry a name of one of its payments,
-- or of the order where it tells the payment itself; or one of a provider's charge that carries such
-- a name, or the order's number where no other order has it; or that number itself.
-- Parameters: connection_ids, entities: arrays of equal length; paying_ids: who pays out.
-- Rows: many: connection_id, entity (the order's), record_id, body (of the entry); each once.
-- Index: record_entity, link_record, link primary key, version primary key.
WITH asked AS (
  SELECT r.record_id, r.connection_id, r.entity, r.kind
  FROM unnest(%(connection_ids)s::int[], %(entities)s::text[]) AS w (connection_id, entity)
  JOIN records.record r USING (connection_id, entity)
  WHERE r.kind IN ('order', 'payment') AND NOT r.deleted
), named AS (
  SELECT a.connection_id, a.entity, l.namespace, l.digest
  FROM asked a JOIN records.link l USING (record_id)
  WHERE l.namespace = 'payment' OR (l.namespace = 'order' AND a.kind = 'order' AND NOT EXISTS (
    SELECT FROM records.link x JOIN records.record other USING (record_id)
    WHERE x.namespace = 'order' AND x.digest = l.digest AND other.kind = 'order'
      AND other.record_id <> a.record_id))
), charge AS (
  SELECT DISTINCT n.connection_id, n.entity, p.record_id
  FROM named n JOIN records.link l USING (namespace, digest)
  JOIN records.record p ON p.record_id = l.record_id AND p.kind = 'payment' AND NOT p.deleted
    AND p.connection_id = ANY(%(paying_ids)s::int[])
), every AS (
  SELECT connection_id, entity, namespace, digest FROM named
  UNION
  SELECT c.connection_id, c.entity, l.namespace, l.digest
  FROM charge c JOIN records.link l USING (record_id) WHERE l.namespace = 'payment'
)
SELECT DISTINCT ON (e.record_id) v.connection_id, v.entity, e.record_id, b.body::text AS body
FROM every v JOIN records.link l USING (namespace, digest)
JOIN records.record e ON e.record_id = l.record_id AND e.kind = 'balance_entry' AND NOT e.deleted
  AND e.entity <> v.entity
  AND (v.namespace = 'payment' OR e.connection_id = ANY(%(paying_ids)s::int[]))
JOIN records.version b ON b.record_id = e.record_id AND b.event_id = e.event_id
ORDER BY e.record_id, v.namespace DESC, v.connection_id, v.entity;
