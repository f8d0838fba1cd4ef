-- What customers asked and how the team tagged it, sealed as it is at rest.

-- name: tickets_tagged
-- Tickets with what is personal of them and of the customer's first message in each.
-- Parameters: since: instant; count.
-- Rows: many, newest first: connection_id, ref, person, personal, asked_at (text), message_ref,
-- message_person, message_personal; the last three are null without a message.
-- Index: record_recent, record_entity, version primary key.
SELECT r.connection_id, r.ref, r.person, v.personal,
  coalesce(v.body->>'created_at', v.body->>'updated_at') AS asked_at,
  m.ref AS message_ref, m.person AS message_person, m.personal AS message_personal
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
LEFT JOIN LATERAL (
  SELECT e.ref, e.person, w.personal FROM records.record e
  JOIN records.version w ON w.record_id = e.record_id AND w.event_id = e.event_id
  WHERE e.connection_id = r.connection_id AND e.entity = r.entity AND e.kind = 'message'
    AND NOT e.deleted AND w.body->>'direction' = 'in' AND w.body->>'ticket_ref' = r.ref
  ORDER BY (w.body->>'created_at')::timestamptz, e.record_id LIMIT 1
) m ON true
WHERE r.kind = 'ticket' AND r.occurred_at >= %(since)s AND NOT r.deleted
  AND v.personal IS NOT NULL AND NOT coalesce((v.body->>'spam')::boolean, false)
ORDER BY r.occurred_at DESC, r.record_id DESC LIMIT %(count)s;
