-- name: take_shape
-- Counts the bodies of a topic that were looked at; holds the topic until the transaction ends.
-- Parameters: connection_id, topic, bodies.
-- Rows: one: bodies, these included.
-- Index: body_shape primary key.
INSERT INTO intake.body_shape AS s (connection_id, topic, bodies)
VALUES (%(connection_id)s, %(topic)s, %(bodies)s)
ON CONFLICT (connection_id, topic) DO UPDATE SET bodies = s.bodies + excluded.bodies
RETURNING bodies;

-- name: list_fields
-- The fields of a topic as they are known.
-- Parameters: connection_id, topic.
-- Rows: many.
-- Index: body_field primary key.
SELECT path, kinds, seen, seen_at_body, first_event_id, last_event_id, missing
FROM intake.body_field
WHERE connection_id = %(connection_id)s AND topic = %(topic)s
ORDER BY path LIMIT 5000;

-- name: note_fields
-- Notes the fields that were seen.
-- Parameters: connection_id, topic; arrays of equal length: paths, kinds (JSON lists), counts,
-- lasts (bodies looked at when it was last there), event_ids.
-- Rows: none.
-- Index: body_field primary key.
INSERT INTO intake.body_field AS f (connection_id, topic, path, kinds, seen, seen_at_body,
  first_event_id, last_event_id)
SELECT %(connection_id)s, %(topic)s, n.path,
  ARRAY(SELECT jsonb_array_elements_text(n.kinds::jsonb)), n.seen, n.seen_at_body, n.event_id,
  n.event_id
FROM unnest(%(paths)s::text[], %(kinds)s::text[], %(counts)s::bigint[], %(lasts)s::bigint[],
  %(event_ids)s::bigint[]) AS n (path, kinds, seen, seen_at_body, event_id)
ON CONFLICT (connection_id, topic, path) DO UPDATE
SET kinds = ARRAY(SELECT DISTINCT k FROM unnest(f.kinds || excluded.kinds) AS k ORDER BY k),
  seen = f.seen + excluded.seen,
  seen_at_body = greatest(f.seen_at_body, excluded.seen_at_body),
  last_event_id = greatest(f.last_event_id, excluded.last_event_id),
  missing = false;

-- name: mark_missing
-- Notes that fields are gone, so that it is said once.
-- Parameters: connection_id, topic, paths.
-- Rows: none.
-- Index: body_field primary key.
UPDATE intake.body_field SET missing = true
WHERE connection_id = %(connection_id)s AND topic = %(topic)s AND path = ANY(%(paths)s::text[]);

-- name: topics_seen
-- What was looked at of a connection's bodies.
-- Parameters: connection_id.
-- Rows: many: topic, bodies, fields.
-- Index: body_shape primary key.
SELECT s.topic, s.bodies, (SELECT count(*) FROM intake.body_field f
  WHERE f.connection_id = s.connection_id AND f.topic = s.topic) AS fields
FROM intake.body_shape s WHERE s.connection_id = %(connection_id)s
ORDER BY s.topic LIMIT 500;
