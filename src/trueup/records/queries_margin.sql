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

-- name: entries_of_payments
-- Entries of providers' accounts that are of payments of some entities, by the payments' names.
-- Parameters: connection_ids, entities: arrays of equal length.
-- Rows: many: connection_id, entity (the order's), record_id, body (of the entry); each once.
-- Index: record_entity, link_record, link primary key, version primary key.
SELECT DISTINCT ON (e.record_id) p.connection_id, p.entity, e.record_id, v.body::text AS body
FROM unnest(%(connection_ids)s::int[], %(entities)s::text[]) AS w (connection_id, entity)
JOIN records.record p USING (connection_id, entity)
JOIN records.link mine ON mine.record_id = p.record_id AND mine.namespace = 'payment'
JOIN records.link other ON other.namespace = mine.namespace AND other.digest = mine.digest
JOIN records.record e ON e.record_id = other.record_id AND e.kind = 'balance_entry'
JOIN records.version v ON v.record_id = e.record_id AND v.event_id = e.event_id
WHERE NOT e.deleted AND e.entity <> p.entity
ORDER BY e.record_id, p.record_id;
