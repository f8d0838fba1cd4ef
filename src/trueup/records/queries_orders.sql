-- name: old_orders
-- The orders among some records that were placed before an instant.
-- Parameters: record_ids, placed_before.
-- Rows: many, oldest first: record_id, connection_id, ref, number, placed_at.
-- Index: record primary key, version primary key.
SELECT r.record_id, r.connection_id, r.ref, r.number, r.occurred_at AS placed_at
FROM records.record r
WHERE r.record_id = ANY(%(record_ids)s::bigint[]) AND r.kind = 'order' AND NOT r.deleted
  AND r.occurred_at < %(placed_before)s
ORDER BY r.occurred_at, r.record_id;
