-- Orders of one system and what an outside master tells of them, joined by the order's number.

-- name: orders_of_links
-- Orders that are known by some names.
-- Parameters: digests of order numbers; apart: connection_ids whose own orders do not count.
-- Rows: many: digest, record_id, connection_id, entity.
-- Index: link primary key, record primary key.
SELECT l.digest, r.record_id, r.connection_id, r.entity
FROM unnest(%(digests)s::bytea[]) AS w (digest)
JOIN records.link l ON l.namespace = 'order' AND l.digest = w.digest
JOIN records.record r USING (record_id)
WHERE r.kind = 'order' AND NOT r.deleted
ORDER BY r.record_id;

-- name: order_links
-- The order numbers by which some records are known.
-- Parameters: record_ids.
-- Rows: many: record_id, digest.
-- Index: link_record.
SELECT record_id, digest FROM records.link
WHERE record_id = ANY(%(record_ids)s::bigint[]) AND namespace = 'order';

-- name: records_of_links
-- Current versions of records of some connections that carry an order's number.
-- Parameters: digests; connection_ids; kinds.
-- Rows: many: digest, record_id, connection_id, kind, body.
-- Index: link primary key, record primary key, version primary key.
SELECT l.digest, r.record_id, r.connection_id, r.kind, v.body::text AS body
FROM unnest(%(digests)s::bytea[]) AS w (digest)
JOIN records.link l ON l.namespace = 'order' AND l.digest = w.digest
JOIN records.record r USING (record_id)
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = ANY(%(kinds)s::text[]) AND r.connection_id = ANY(%(connection_ids)s::int[])
ORDER BY r.record_id;

-- name: known_orders
-- Which of some orders a system knew of at an instant: its own, and those of which it has a record.
-- Parameters: record_ids, connection_id, known_at.
-- Rows: many: record_id.
-- Index: record primary key, link_record, link primary key.
SELECT r.record_id FROM records.record r
WHERE r.record_id = ANY(%(record_ids)s::bigint[]) AND r.kind = 'order' AND (
  (r.connection_id = %(connection_id)s AND r.occurred_at <= %(known_at)s)
  OR EXISTS (
    SELECT FROM records.link mine
    JOIN records.link other ON other.namespace = 'order' AND other.digest = mine.digest
    JOIN records.record o ON o.record_id = other.record_id
    WHERE mine.record_id = r.record_id AND mine.namespace = 'order'
      AND o.connection_id = %(connection_id)s AND o.occurred_at <= %(known_at)s
      AND o.record_id <> r.record_id));
