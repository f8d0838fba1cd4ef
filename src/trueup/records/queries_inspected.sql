-- name: note_inspected
-- Notes that something of some entities with inspections changed.
-- Parameters: connection_ids, entities: arrays of equal length, each pair once.
-- Rows: none.
-- Index: inspected primary key.
INSERT INTO records.inspected (connection_id, entity)
SELECT * FROM unnest(%(connection_ids)s::int[], %(entities)s::text[])
ON CONFLICT (connection_id, entity) DO UPDATE SET looked = false WHERE records.inspected.looked;

-- name: unlooked_inspected
-- Entities with inspections of which something changed since they were looked at.
-- Parameters: count.
-- Rows: many: connection_id, entity.
-- Index: inspected_unlooked.
SELECT connection_id, entity FROM records.inspected
WHERE NOT looked ORDER BY connection_id, entity LIMIT %(count)s;

-- name: note_inspected_looked
-- Notes that an entity was looked at, and holds its row: what changes later is noted anew.
-- Parameters: connection_id, entity.
-- Rows: none.
-- Index: inspected primary key.
UPDATE records.inspected SET looked = true
WHERE connection_id = %(connection_id)s AND entity = %(entity)s;
