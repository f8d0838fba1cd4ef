-- name: read_cursor
-- How far a pull has come.
-- Parameters: connection_id, resource, purpose.
-- Rows: none or one.
-- Index: cursor primary key.
SELECT since_at, position, bulk_ref, done, expected, finished_at FROM intake.cursor
WHERE connection_id = %(connection_id)s AND resource = %(resource)s AND purpose = %(purpose)s;

-- name: list_cursors
-- How far the pulls of one purpose of a connection have come.
-- Parameters: connection_id, purpose.
-- Rows: many: resource, since_at, position, bulk_ref, done, expected, finished_at.
-- Index: cursor primary key.
SELECT resource, since_at, position, bulk_ref, done, expected, finished_at FROM intake.cursor
WHERE connection_id = %(connection_id)s AND purpose = %(purpose)s ORDER BY resource;

-- name: write_cursor
-- Notes how far a pull has come; in the transaction that appended its page.
-- Parameters: connection_id, resource, purpose, since_at, position, bulk_ref, done, expected,
-- finished: boolean.
-- Rows: none.
-- Index: cursor primary key.
INSERT INTO intake.cursor
  (connection_id, resource, purpose, since_at, position, bulk_ref, done, expected, finished_at)
VALUES (%(connection_id)s, %(resource)s, %(purpose)s, %(since_at)s, %(position)s, %(bulk_ref)s,
  %(done)s, %(expected)s, CASE WHEN %(finished)s THEN now() END)
ON CONFLICT (connection_id, resource, purpose) DO UPDATE
SET since_at = excluded.since_at, position = excluded.position, bulk_ref = excluded.bulk_ref,
  done = excluded.done, expected = excluded.expected, finished_at = excluded.finished_at,
  updated_at = now();

-- name: raise_issue
-- Notes an issue that stands until it is closed; the same one again is told anew, and one that was
-- closed opens again.
-- Parameters: connection_id: number or null; code, severity, pointer, expected, found, how_to_fix,
-- ref.
-- Rows: none.
-- Index: the unique key of issue.
INSERT INTO intake.issue AS i
  (connection_id, code, severity, pointer, expected, found, how_to_fix, ref)
VALUES (%(connection_id)s, %(code)s, %(severity)s, %(pointer)s, %(expected)s, %(found)s,
  %(how_to_fix)s, %(ref)s)
ON CONFLICT (event_id, connection_id, code, pointer, ref) DO UPDATE
SET severity = excluded.severity, expected = excluded.expected, found = excluded.found,
  how_to_fix = excluded.how_to_fix, closed_at = NULL,
  opened_at = CASE WHEN i.closed_at IS NULL THEN i.opened_at ELSE now() END;

-- name: list_duties
-- What is done again and again for one connection (0: for the hub); for all where it is null.
-- Parameters: connection_id: number or null.
-- Rows: many.
-- Index: duty primary key.
SELECT connection_id, name, due_at, done_at, failed_at, failures, reason, outcome
FROM intake.duty
WHERE %(connection_id)s::int IS NULL OR connection_id = %(connection_id)s::int
ORDER BY connection_id, name;

-- name: orders_read
-- When the orders of a connection were last polled, and whether anything of it waits to be applied.
-- Parameters: connection_id.
-- Rows: one: polled (they are polled at all), done_at, waits.
-- Index: duty primary key, queue primary key, event primary key.
SELECT d.name IS NOT NULL AS polled, d.done_at, EXISTS (
    SELECT FROM intake.queue q JOIN intake.event e USING (event_id)
    WHERE e.connection_id = %(connection_id)s
  ) AS waits
FROM (SELECT) one
LEFT JOIN intake.duty d ON d.connection_id = %(connection_id)s AND d.name = 'poll.orders';

-- name: write_duty
-- Notes that a duty was done or failed, and when it is due again.
-- Parameters: connection_id, name, due_at, done: boolean, at: instant of the caller's clock,
-- reason: text or null, outcome: text or null (null keeps the last one).
-- Rows: none.
-- Index: duty primary key.
INSERT INTO intake.duty AS d
  (connection_id, name, due_at, done_at, failed_at, failures, reason, outcome)
VALUES (%(connection_id)s, %(name)s, %(due_at)s, CASE WHEN %(done)s THEN %(at)s::timestamptz END,
  CASE WHEN %(done)s THEN NULL ELSE %(at)s::timestamptz END, CASE WHEN %(done)s THEN 0 ELSE 1 END,
  %(reason)s, %(outcome)s)
ON CONFLICT (connection_id, name) DO UPDATE
SET due_at = excluded.due_at, done_at = coalesce(excluded.done_at, d.done_at),
  failed_at = coalesce(excluded.failed_at, d.failed_at),
  failures = CASE WHEN %(done)s THEN 0 ELSE d.failures + 1 END, reason = excluded.reason,
  outcome = coalesce(excluded.outcome, d.outcome);

-- name: last_events
-- When each connection last told us something, and how, among the newest events.
-- Parameters: newest: how many events are looked at.
-- Rows: many: connection_id, origin, received_at, events.
-- Index: event primary key.
SELECT connection_id, origin, max(received_at) AS received_at, count(*) AS events
FROM intake.event
WHERE event_id > (SELECT coalesce(max(event_id), 0) FROM intake.event) - %(newest)s
GROUP BY connection_id, origin;

-- name: scan_log
-- Walks the log entity by entity: what is about one entity stands together, oldest first. Events
-- that wait or are parked have not been applied, and replies are no facts: they are left out.
-- Parameters: none; read through a cursor of the server.
-- Rows: many: event_id, connection_id, entity.
-- Index: none; sorts the keys of the log once.
SELECT e.event_id, e.connection_id, e.entity
FROM intake.event e
WHERE e.origin <> 'reply'
  AND NOT EXISTS (SELECT FROM intake.queue q WHERE q.event_id = e.event_id)
  AND NOT EXISTS (SELECT FROM intake.parked p WHERE p.event_id = e.event_id)
ORDER BY e.connection_id, e.entity, e.event_id;
