-- Tickets and what was said in them, and the orders and parcels of whoever asks, in sets.

-- name: tickets_of
-- Tickets of some statuses that were made since an instant, newest first; or one of them.
-- Parameters: statuses: or null for all; since, until: instants; connection_id, ref: of one ticket, or
-- null; count.
-- Rows: many: record_id, connection_id, entity, ref, person, event_id, body, personal.
-- Index: record_recent or record (connection_id, kind, ref), version primary key.
SELECT r.record_id, r.connection_id, r.entity, r.ref, r.person, r.event_id, v.body::text AS body,
  v.personal
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = 'ticket' AND NOT r.deleted
  AND r.occurred_at >= %(since)s AND r.occurred_at <= %(until)s
  AND (%(ref)s::text IS NULL
    OR (r.connection_id = %(connection_id)s::int AND r.ref = %(ref)s::text))
  AND (%(statuses)s::text[] IS NULL OR v.body->>'status' = ANY(%(statuses)s::text[]))
  AND NOT coalesce((v.body->>'spam')::bool, false)
ORDER BY r.occurred_at DESC, r.record_id DESC LIMIT %(count)s;

-- name: tickets_of_persons
-- Tickets of some persons at some connections that were made since an instant, newest first.
-- Parameters: persons, connection_ids, statuses; since: instant; count.
-- Rows: many: as of tickets_of.
-- Index: record_person, version primary key.
SELECT r.record_id, r.connection_id, r.entity, r.ref, r.person, r.event_id, v.body::text AS body,
  v.personal
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.person = ANY(%(persons)s::bytea[]) AND r.kind = 'ticket' AND NOT r.deleted
  AND r.connection_id = ANY(%(connection_ids)s::int[]) AND r.occurred_at >= %(since)s
  AND v.body->>'status' = ANY(%(statuses)s::text[])
  AND NOT coalesce((v.body->>'spam')::bool, false)
ORDER BY r.occurred_at DESC, r.record_id DESC LIMIT %(count)s;

-- name: ticket_stands
-- One ticket, where it has one of some statuses now.
-- Parameters: connection_id, ref, statuses.
-- Rows: one: record_id; none where it has another one, or is gone.
-- Index: record (connection_id, kind, ref), version primary key.
SELECT r.record_id FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.connection_id = %(connection_id)s AND r.kind = 'ticket' AND r.ref = %(ref)s
  AND NOT r.deleted AND v.body->>'status' = ANY(%(statuses)s::text[]);

-- name: messages_of_entities
-- What was said in some tickets, in order.
-- Parameters: connection_ids, entities: arrays of equal length.
-- Rows: many: connection_id, entity, record_id, ref, event_id, person, body, personal.
-- Index: record_entity, version primary key.
SELECT r.connection_id, r.entity, r.record_id, r.ref, r.event_id, r.person, v.body::text AS body,
  v.personal
FROM unnest(%(connection_ids)s::int[], %(entities)s::text[]) AS w (connection_id, entity)
JOIN records.record r USING (connection_id, entity)
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = 'message' AND NOT r.deleted
ORDER BY r.connection_id, r.entity, r.occurred_at, r.record_id;

-- name: orders_of_persons
-- The newest orders of each of some persons at some connections, since an instant.
-- Parameters: persons, connection_ids, since: instant, count: of each person.
-- Rows: many: person, record_id, connection_id, entity, ref, number, body; newest first.
-- Index: record_person, version primary key.
SELECT p.person, o.record_id, o.connection_id, o.entity, o.ref, o.number, v.body::text AS body
FROM unnest(%(persons)s::bytea[]) AS p (person)
CROSS JOIN LATERAL (
  SELECT r.record_id, r.connection_id, r.entity, r.ref, r.number, r.event_id, r.occurred_at
  FROM records.record r
  WHERE r.person = p.person AND r.kind = 'order' AND NOT r.deleted
    AND r.connection_id = ANY(%(connection_ids)s::int[]) AND r.occurred_at >= %(since)s
  ORDER BY r.occurred_at DESC, r.record_id DESC LIMIT %(count)s
) AS o
JOIN records.version v ON v.record_id = o.record_id AND v.event_id = o.event_id
ORDER BY o.occurred_at DESC, o.record_id DESC;

-- name: count_tickets_of
-- How many tickets each of some persons opened since an instant.
-- Parameters: persons, since: instant.
-- Rows: many: person, tickets.
-- Index: record_person.
SELECT person, count(*) AS tickets FROM records.record
WHERE person = ANY(%(persons)s::bytea[]) AND kind = 'ticket' AND NOT deleted
  AND occurred_at >= %(since)s
GROUP BY person;

-- name: waiting_tickets
-- Tickets for which it is the team's turn, who waits longest first.
-- Parameters: statuses; since: when they were made; count.
-- Rows: many: connection_id, ref, event_id, priority, medium, waits_since (when the customer wrote
-- last, as far as that was told).
-- Index: record_recent, version primary key.
SELECT r.connection_id, r.ref, r.event_id, v.body->>'priority' AS priority,
  v.body->>'medium' AS medium,
  coalesce((v.body->>'last_customer_message_at')::timestamptz,
    (v.body->>'created_at')::timestamptz, r.occurred_at) AS waits_since
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = 'ticket' AND NOT r.deleted AND r.occurred_at >= %(since)s
  AND v.body->>'status' = ANY(%(statuses)s::text[])
  AND NOT coalesce((v.body->>'spam')::bool, false)
ORDER BY waits_since, r.record_id LIMIT %(count)s;
