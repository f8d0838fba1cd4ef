-- Whatever somebody types: an id, a number, or another name of a record.

-- name: find_by_any_name
-- Finds records by the vendor's id (1), by number (2) or by another name of theirs (3); the nearest
-- name first, then the newest.
-- Parameters: text; connection_ids; kinds; namespaces, digests: arrays of equal length; count.
-- Rows: many.
-- Index: record_connection_id_kind_ref_key, record_number, link primary key.
WITH named AS (
  SELECT r.record_id, 1 AS by FROM records.record r
  WHERE r.connection_id = ANY(%(connection_ids)s::integer[]) AND r.kind = ANY(%(kinds)s::text[])
    AND r.ref = %(text)s
  UNION ALL
  SELECT r.record_id, 2 FROM records.record r WHERE r.number = %(text)s
  UNION ALL
  SELECT l.record_id, 3
  FROM unnest(%(namespaces)s::text[], %(digests)s::bytea[]) AS w (namespace, digest)
  JOIN records.link l USING (namespace, digest)
), nearest AS (
  SELECT record_id, min(by) AS by FROM named GROUP BY record_id
)
SELECT r.connection_id, r.kind, r.ref, r.number, r.occurred_at, r.event_id, r.deleted, r.person, n.by,
  (SELECT o.ref FROM records.record o WHERE o.connection_id = r.connection_id AND o.kind = 'order'
     AND o.ref = substr(r.entity, 7) AND r.entity = 'order/' || o.ref) AS order_ref
FROM nearest n JOIN records.record r USING (record_id)
WHERE r.kind = ANY(%(kinds)s::text[]) AND r.connection_id = ANY(%(connection_ids)s::integer[])
ORDER BY n.by, r.occurred_at DESC, r.record_id LIMIT %(count)s;
