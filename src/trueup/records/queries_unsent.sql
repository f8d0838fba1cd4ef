-- Orders of which nothing has left, in sets.

-- name: unsent_orders
-- Orders placed in a span that are neither cancelled, closed nor tests, newest first; or one.
-- Parameters: since, until: instants; connection_ids: of shops; unsent: of which nothing left;
-- connection_id, ref: of one order, or null; count.
-- Rows: many: connection_id, ref, person, body, personal.
-- Index: record_recent or record (connection_id, kind, ref), record_entity, version primary key.
SELECT r.connection_id, r.ref, r.person, v.body::text AS body, v.personal
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = 'order' AND NOT r.deleted AND r.connection_id = ANY(%(connection_ids)s::int[])
  AND r.occurred_at >= %(since)s AND r.occurred_at <= %(until)s
  AND (%(ref)s::text IS NULL
    OR (r.connection_id = %(connection_id)s::int AND r.ref = %(ref)s::text))
  AND NOT coalesce((v.body->>'test')::bool, false)
  AND (NOT %(unsent)s::bool OR (v.body->>'cancelled_at' IS NULL AND v.body->>'closed_at' IS NULL
    AND NOT EXISTS (SELECT FROM records.record s
      JOIN records.version w ON w.record_id = s.record_id AND w.event_id = s.event_id
      WHERE s.connection_id = r.connection_id AND s.entity = r.entity AND s.kind = 'shipment'
        AND NOT s.deleted AND w.body->>'state' = 'shipped')))
ORDER BY r.occurred_at DESC, r.record_id DESC LIMIT %(count)s;
