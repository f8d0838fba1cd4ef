-- name: held_up
-- Events of one connection about some entities that were not applied yet: they wait, or are parked.
-- Of a long queue the newest count.
-- Parameters: connection_id, entities, count: of the queue.
-- Rows: many, oldest first: event_id, entity, received_at, cause (null: it waits).
-- Index: queue and event primary keys; the table of parked events is small.
SELECT e.event_id, e.entity, e.received_at, NULL::text AS cause
FROM (SELECT event_id FROM intake.queue ORDER BY event_id DESC LIMIT %(count)s) q
JOIN intake.event e USING (event_id)
WHERE e.connection_id = %(connection_id)s AND e.entity = ANY(%(entities)s::text[])
UNION ALL
SELECT e.event_id, e.entity, e.received_at, p.cause
FROM intake.parked p JOIN intake.event e USING (event_id)
WHERE p.connection_id = %(connection_id)s AND e.entity = ANY(%(entities)s::text[])
ORDER BY event_id;
