-- name: append_events
-- Takes a batch of deliveries into the log: dedupe key, event, key and queue row in one statement.
-- They are due at once, also where the clock of the machine that took them in goes ahead.
-- Parameters: arrays of equal length, one element a delivery (bodies sealed).
-- Rows: many, one a delivery in order: event_id, fresh, same (equal bytes where not fresh).
-- Index: dedupe primary key.
WITH incoming AS MATERIALIZED (
  SELECT nextval('intake.event_id_seq') AS event_id, u.*
  FROM unnest(
    %(ordinals)b::int[], %(connection_ids)b::int[], %(external_ids)b::text[], %(topics)b::text[],
    %(entities)b::text[], %(origins)b::text[], %(raised_ats)b::timestamptz[],
    %(received_ats)b::timestamptz[], %(sizes)b::int[], %(digests)b::bytea[],
    %(headers)b::bytea[], %(bodies)b::bytea[], %(keys)b::bytea[], %(partitions)b::int[],
    %(lanes)b::int[]
  ) AS u (
    ordinal, connection_id, external_id, topic, entity, origin, raised_at, received_at,
    body_bytes, sha256, headers, body, wrapped, partition, lane)
), fresh AS (
  INSERT INTO intake.dedupe (connection_id, external_id, sha256, event_id)
  SELECT connection_id, external_id, sha256, event_id FROM incoming
  ORDER BY connection_id, external_id
  ON CONFLICT DO NOTHING
  RETURNING event_id
), logged AS (
  INSERT INTO intake.event (event_id, connection_id, external_id, topic, entity, origin,
    raised_at, received_at, body_bytes, sha256, headers, body)
  SELECT event_id, connection_id, external_id, topic, entity, origin,
    raised_at, received_at, body_bytes, sha256, headers, body
  FROM incoming JOIN fresh USING (event_id)
), keyed AS (
  INSERT INTO intake.event_key (event_id, wrapped)
  SELECT event_id, wrapped FROM incoming JOIN fresh USING (event_id)
), queued AS (
  INSERT INTO intake.queue (event_id, partition, lane, due_at)
  SELECT event_id, partition, lane, least(received_at, now()) FROM incoming JOIN fresh USING (event_id)
  WHERE partition >= 0
)
SELECT event_id, ordinal FROM incoming JOIN fresh USING (event_id);

-- name: find_taken
-- Finds the events that took these delivery ids first.
-- Parameters: connection_ids, external_ids: arrays of equal length.
-- Rows: many: connection_id, external_id, event_id, sha256.
-- Index: dedupe primary key.
SELECT d.connection_id, d.external_id, d.event_id, d.sha256
FROM unnest(%(connection_ids)s::int[], %(external_ids)s::text[]) AS w (connection_id, external_id)
JOIN intake.dedupe d USING (connection_id, external_id);

-- name: claim_events
-- Takes the next events of the partitions held by this session, oldest due first, live lane first.
-- Parameters: partitions: numbers 0 to 63; count: events at most.
-- Rows: many.
-- Index: queue_due.
SELECT e.event_id, e.connection_id, e.external_id, e.topic, e.entity, e.origin, e.raised_at,
  e.received_at, e.body, k.wrapped, k.person, q.attempts, q.partition
FROM (
  SELECT event_id, attempts, partition, lane, due_at FROM intake.queue
  WHERE partition = ANY(%(partitions)s) AND due_at <= now()
  ORDER BY lane, due_at, event_id
  LIMIT %(count)s
) q
JOIN intake.event e USING (event_id)
JOIN intake.event_key k USING (event_id)
ORDER BY q.lane, q.due_at, q.event_id;

-- name: load_events
-- Reads events by number, with their keys, for replay and for showing.
-- Parameters: event_ids.
-- Rows: many, in order of their numbers.
-- Index: event primary key.
SELECT e.event_id, e.connection_id, e.external_id, e.topic, e.entity, e.origin, e.raised_at,
  e.received_at, e.body, k.wrapped, k.person, 0::smallint AS attempts, 0::smallint AS partition
FROM intake.event e JOIN intake.event_key k USING (event_id)
WHERE e.event_id = ANY(%(event_ids)s)
ORDER BY e.event_id;

-- name: finish_events
-- Takes applied events off the queue; part of the transaction that applied them.
-- Parameters: event_ids.
-- Rows: none.
-- Index: queue primary key.
DELETE FROM intake.queue WHERE event_id = ANY(%(event_ids)s);

-- name: rewrap_keys
-- Puts the keys of bodies under the key of the person they speak of.
-- Parameters: event_ids, persons, wrapped: arrays of equal length.
-- Rows: none.
-- Index: event_key primary key.
UPDATE intake.event_key k SET person = w.person, wrapped = w.wrapped
FROM unnest(%(event_ids)b::bigint[], %(persons)b::bytea[], %(wrapped)b::bytea[])
  AS w (event_id, person, wrapped)
WHERE k.event_id = w.event_id;

-- name: postpone_event
-- Counts a failed try and sets when the next one is due.
-- Parameters: event_id, delay_s.
-- Rows: none.
-- Index: queue primary key.
UPDATE intake.queue
SET attempts = attempts + 1, due_at = now() + make_interval(secs => %(delay_s)s)
WHERE event_id = %(event_id)s;

-- name: park_events
-- Parks events with their causes and takes them off the queue.
-- Parameters: arrays of equal length: event_ids, connection_ids, partitions, causes, details,
-- clusters, attempts.
-- Rows: none.
-- Index: queue and parked primary keys.
WITH gone AS (
  DELETE FROM intake.queue WHERE event_id = ANY(%(event_ids)s::bigint[])
)
INSERT INTO intake.parked (event_id, connection_id, partition, cause, detail, cluster, attempts)
SELECT * FROM unnest(%(event_ids)s::bigint[], %(connection_ids)s::int[], %(partitions)s::smallint[],
  %(causes)s::text[], %(details)s::text[], %(clusters)s::text[], %(attempts)s::smallint[])
ON CONFLICT (event_id) DO UPDATE
  SET cause = excluded.cause, detail = excluded.detail, cluster = excluded.cluster,
    attempts = excluded.attempts, parked_at = now();

-- name: park_queued
-- Parks events that wait, all for one cause and as one group.
-- Parameters: event_ids, cause, detail, cluster.
-- Rows: none.
-- Index: queue, event and parked primary keys.
WITH gone AS (
  DELETE FROM intake.queue WHERE event_id = ANY(%(event_ids)s::bigint[])
  RETURNING event_id, partition, attempts
)
INSERT INTO intake.parked (event_id, connection_id, partition, cause, detail, cluster, attempts)
SELECT event_id, e.connection_id, g.partition, %(cause)s, %(detail)s, %(cluster)s, g.attempts
FROM gone g JOIN intake.event e USING (event_id)
ON CONFLICT (event_id) DO NOTHING;

-- name: requeue_parked
-- Puts parked events back on the queue, alone, by cluster, or all.
-- Parameters: event_ids: array or null; cluster: text or null.
-- Rows: many: event_id.
-- Index: parked primary key, parked_cluster.
WITH back AS (
  DELETE FROM intake.parked
  WHERE (%(event_ids)s::bigint[] IS NULL OR event_id = ANY(%(event_ids)s::bigint[]))
    AND (%(cluster)s::text IS NULL OR cluster = %(cluster)s::text)
  RETURNING event_id, partition
)
INSERT INTO intake.queue (event_id, partition)
SELECT event_id, partition FROM back
ON CONFLICT DO NOTHING
RETURNING event_id;

-- name: discard_parked
-- Gives parked events up; they stay in the log.
-- Parameters: event_ids: array or null; cluster: text or null.
-- Rows: many: event_id.
-- Index: parked primary key, parked_cluster.
DELETE FROM intake.parked
WHERE (%(event_ids)s::bigint[] IS NULL OR event_id = ANY(%(event_ids)s::bigint[]))
  AND (%(cluster)s::text IS NULL OR cluster = %(cluster)s::text)
RETURNING event_id;

-- name: list_parked
-- Parked events, newest first.
-- Parameters: count.
-- Rows: many.
-- Index: parked primary key.
SELECT p.event_id, c.name AS connection, e.topic, e.entity, p.cause, p.detail, p.cluster,
  p.attempts, p.parked_at
FROM intake.parked p
JOIN intake.event e USING (event_id)
JOIN intake.connection c ON c.connection_id = p.connection_id
ORDER BY p.event_id DESC LIMIT %(count)s;

-- name: copy_parked
-- Orders of which something is parked, with the first such event.
-- Parameters: none.
-- Rows: many: ref (connection's name and entity), event, cause.
-- Index: none; the table of parked events is small.
SELECT DISTINCT ON (c.connection_id, e.entity) c.name || '/' || e.entity AS ref,
  p.event_id AS event, p.cause
FROM intake.parked p
JOIN intake.event e USING (event_id)
JOIN intake.connection c ON c.connection_id = p.connection_id
WHERE e.entity LIKE 'order/%%'
ORDER BY c.connection_id, e.entity, p.event_id;

-- name: list_clusters
-- Parked events by cause.
-- Parameters: none.
-- Rows: many, largest first.
-- Index: none; the table is small or something is badly wrong.
SELECT cluster, min(cause) AS cause, count(*) AS events, min(parked_at) AS first_at,
  max(parked_at) AS last_at, min(event_id) AS example_event_id
FROM intake.parked GROUP BY cluster ORDER BY count(*) DESC, cluster;

-- name: refuse_delivery
-- Notes a delivery that was turned away.
-- Parameters: connection_name, reason, sha256, body_bytes.
-- Rows: none.
-- Index: none.
INSERT INTO intake.refused (connection_name, reason, sha256, body_bytes)
VALUES (%(connection_name)s, %(reason)s, %(sha256)s, %(body_bytes)s);

-- name: trim_refused
-- Keeps the newest refusals only.
-- Parameters: keep: rows kept.
-- Rows: none.
-- Index: refused primary key.
DELETE FROM intake.refused
WHERE refused_id <= (SELECT max(refused_id) FROM intake.refused) - %(keep)s;

-- name: list_issues
-- Open issues, newest first.
-- Parameters: count; code: text or null.
-- Rows: many.
-- Index: issue_open.
SELECT i.issue_id, i.event_id, c.name AS connection, i.code, i.severity, i.pointer, i.expected,
  i.found, i.how_to_fix, i.ref, i.opened_at
FROM intake.issue i LEFT JOIN intake.connection c USING (connection_id)
WHERE i.closed_at IS NULL AND (%(code)s::text IS NULL OR i.code = %(code)s::text)
ORDER BY i.opened_at DESC, i.issue_id DESC LIMIT %(count)s;

-- name: issues_of_events
-- The issues of some events.
-- Parameters: event_ids.
-- Rows: many.
-- Index: the unique key of issue.
SELECT event_id, code, severity, pointer, expected, found, how_to_fix, ref
FROM intake.issue WHERE event_id = ANY(%(event_ids)s) ORDER BY issue_id;

-- name: count_issues
-- Open issues by code.
-- Parameters: none.
-- Rows: many.
-- Index: issue_open.
SELECT code, severity, count(*) AS issues FROM intake.issue
WHERE closed_at IS NULL GROUP BY code, severity ORDER BY count(*) DESC, code;

-- name: darken_parked
-- Destroys the keys of parked events about some entities: nobody knows whose they are.
-- Parameters: connection_id; entities: array or null for all of the connection.
-- Rows: none.
-- Index: parked primary key.
UPDATE intake.event_key k SET wrapped = '\x01000000000000000000000000'
FROM intake.parked p JOIN intake.event e USING (event_id)
WHERE k.event_id = p.event_id AND e.connection_id = %(connection_id)s
  AND (%(entities)s::text[] IS NULL OR e.entity = ANY(%(entities)s::text[]));

-- name: darken_events
-- Destroys the keys of events of which nobody knew whose they are.
-- Parameters: event_ids.
-- Rows: none.
-- Index: event_key primary key.
UPDATE intake.event_key SET wrapped = '\x01000000000000000000000000'
WHERE event_id = ANY(%(event_ids)s::bigint[]) AND person IS NULL;

-- name: persons_of_events
-- Under whose keys the bodies of some events lie.
-- Parameters: event_ids.
-- Rows: many: person.
-- Index: event_key primary key.
SELECT DISTINCT person FROM intake.event_key
WHERE event_id = ANY(%(event_ids)s::bigint[]) AND person IS NOT NULL;

-- name: persons_of_connection
-- Under whose keys the bodies of one connection lie.
-- Parameters: connection_id.
-- Rows: many: person.
-- Index: none; asked only when a shop leaves.
SELECT DISTINCT k.person FROM intake.event e JOIN intake.event_key k USING (event_id)
WHERE e.connection_id = %(connection_id)s AND k.person IS NOT NULL;

-- name: parked_of_connection
-- The numbers of the parked events of one connection.
-- Parameters: connection_id.
-- Rows: many.
-- Index: none; the table of parked events is small.
SELECT event_id FROM intake.parked WHERE connection_id = %(connection_id)s ORDER BY event_id;

-- name: create_connection
-- Makes a connection.
-- Parameters: name, connector, settings (JSON text).
-- Rows: one: connection_id.
-- Index: connection_name_key.
INSERT INTO intake.connection (name, connector, settings)
VALUES (%(name)s, %(connector)s, %(settings)s::jsonb)
RETURNING connection_id;

-- name: list_connections
-- Every connection that was not removed.
-- Parameters: none.
-- Rows: many.
-- Index: none; a handful.
SELECT connection_id, name, connector, settings::text AS settings, state
FROM intake.connection WHERE state <> 'removed' ORDER BY connection_id;

-- name: change_settings
-- Replaces the settings of a connection. One that is removed keeps its history and gives its name
-- free; what the vendor let it in with is destroyed.
-- Parameters: connection_id, settings (JSON text), state.
-- Rows: none.
-- Index: connection primary key, connection_secret_connection, token primary key.
WITH secrets AS (
  DELETE FROM intake.connection_secret
  WHERE connection_id = %(connection_id)s AND %(state)s = 'removed'
), tokens AS (
  DELETE FROM intake.token WHERE connection_id = %(connection_id)s AND %(state)s = 'removed'
)
UPDATE intake.connection SET settings = %(settings)s::jsonb, state = %(state)s,
  name = CASE WHEN %(state)s = 'removed' AND state <> 'removed'
    THEN left(name, 45) || '-removed-' || connection_id ELSE name END
WHERE connection_id = %(connection_id)s;

-- name: change_state
-- Changes the state of a connection that is in another one; of two at once one finds it changed.
-- Parameters: connection_id, before, after: "active" or "paused".
-- Rows: none or one: connection_id.
-- Index: connection primary key.
UPDATE intake.connection SET state = %(after)s
WHERE connection_id = %(connection_id)s AND state = %(before)s
RETURNING connection_id;

-- name: add_secret
-- Stores a sealed secret; an older one of the same name lives on until `overlap_s` has passed.
-- Parameters: connection_id, name, sealed, overlap_s.
-- Rows: none.
-- Index: connection_secret_connection.
WITH older AS (
  UPDATE intake.connection_secret
  SET not_after = now() + make_interval(secs => %(overlap_s)s)
  WHERE connection_id = %(connection_id)s AND name = %(name)s AND not_after IS NULL
)
INSERT INTO intake.connection_secret (connection_id, name, sealed)
VALUES (%(connection_id)s, %(name)s, %(sealed)s);

-- name: list_secrets
-- The live secrets of all connections, newest first.
-- Parameters: none.
-- Rows: many.
-- Index: none; a handful.
SELECT connection_id, name, sealed, not_after FROM intake.connection_secret
WHERE not_after IS NULL OR not_after > now()
ORDER BY connection_id, name, secret_id DESC;

-- name: take_partition
-- Takes one partition for this session, if no other session holds it.
-- Parameters: lock_class, partition.
-- Rows: one: taken.
-- Index: none.
SELECT pg_try_advisory_lock(%(lock_class)s, %(partition)s) AS taken;

-- name: give_partition
-- Gives one partition up.
-- Parameters: lock_class, partition.
-- Rows: one.
-- Index: none.
SELECT pg_advisory_unlock(%(lock_class)s, %(partition)s);

-- name: list_present
-- The sessions that share the partitions, by their number.
-- Parameters: presence_class.
-- Rows: many: slot.
-- Index: none.
SELECT objid::bigint AS slot FROM pg_locks
WHERE locktype = 'advisory' AND granted AND classid = %(presence_class)s AND objsubid = 2
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY objid;

-- name: count_events
-- What the log holds and what became of it.
-- Parameters: none.
-- Rows: one.
-- Index: event primary key; counts are exact.
SELECT
  (SELECT count(*) FROM intake.event) AS events,
  (SELECT count(*) FROM intake.event WHERE origin = 'reply') AS replies,
  (SELECT count(*) FROM intake.queue) AS queued,
  (SELECT count(*) FROM intake.parked) AS parked,
  (SELECT count(*) FROM intake.refused) AS refused;

-- name: recent_events
-- The newest events, without their bodies.
-- Parameters: count; before: event_id or null.
-- Rows: many.
-- Index: event primary key.
SELECT e.event_id, c.name AS connection, e.topic, e.entity, e.origin, e.received_at, e.body_bytes,
  (q.event_id IS NOT NULL) AS queued, (p.event_id IS NOT NULL) AS parked
FROM intake.event e
JOIN intake.connection c USING (connection_id)
LEFT JOIN intake.queue q USING (event_id)
LEFT JOIN intake.parked p USING (event_id)
WHERE %(before)s::bigint IS NULL OR e.event_id < %(before)s::bigint
ORDER BY e.event_id DESC LIMIT %(count)s;

-- name: oldest_queued
-- How long the queue's oldest due event has waited.
-- Parameters: none.
-- Rows: one: queued, oldest_age_s.
-- Index: queue_due.
SELECT count(*) AS queued,
  coalesce(extract(epoch FROM now() - min(due_at) FILTER (WHERE due_at <= now())), 0)::float8
    AS oldest_age_s
FROM intake.queue;

-- name: count_log
-- How many events stand behind a number, and the newest number ever given to a delivery: what is
-- numbered and not in the log was a repeat.
-- Parameters: after: event_id that is counted already.
-- Rows: one: events, newest, numbered.
-- Index: event primary key.
SELECT count(*) AS events, max(event_id) AS newest,
  (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM intake.event_id_seq) AS numbered
FROM intake.event WHERE event_id > %(after)s;

-- name: events_by_number
-- Events by number, without their bodies.
-- Parameters: event_ids.
-- Rows: many, oldest first.
-- Index: event primary key.
SELECT e.event_id, e.connection_id, c.name AS connection, e.external_id, e.topic, e.entity,
  e.origin, e.raised_at, e.received_at, e.body_bytes, encode(e.sha256, 'hex') AS sha256,
  convert_from(e.headers, 'UTF8') AS headers, q.attempts AS queued_attempts, q.due_at,
  p.cause, p.detail, p.cluster, p.parked_at
FROM intake.event e
JOIN intake.connection c USING (connection_id)
LEFT JOIN intake.queue q USING (event_id)
LEFT JOIN intake.parked p USING (event_id)
WHERE e.event_id = ANY(%(event_ids)s) ORDER BY e.event_id;

-- name: parked_of_entity
-- The numbers of parked events about one entity.
-- Parameters: connection_id, entity, count.
-- Rows: many, oldest first.
-- Index: parked and event primary keys; the table of parked events is small.
SELECT p.event_id FROM intake.parked p JOIN intake.event e USING (event_id)
WHERE p.connection_id = %(connection_id)s AND e.entity = %(entity)s
ORDER BY p.event_id LIMIT %(count)s;

-- name: page_parked
-- One page of parked events, newest first.
-- Parameters: cluster: text or null; before: event_id or null; count.
-- Rows: many.
-- Index: parked primary key, parked_cluster.
SELECT p.event_id, c.name AS connection, e.topic, e.entity, p.cause, p.detail, p.cluster,
  p.attempts, p.parked_at
FROM intake.parked p
JOIN intake.event e USING (event_id)
JOIN intake.connection c ON c.connection_id = p.connection_id
WHERE (%(cluster)s::text IS NULL OR p.cluster = %(cluster)s::text)
  AND (%(before)s::bigint IS NULL OR p.event_id < %(before)s::bigint)
ORDER BY p.event_id DESC LIMIT %(count)s;

-- name: oldest_parked
-- The oldest parked events of one cause, and how many there are.
-- Parameters: cluster, count.
-- Rows: many: event_id, waiting: of all.
-- Index: parked_cluster.
SELECT event_id, count(*) OVER () AS waiting FROM intake.parked
WHERE cluster = %(cluster)s ORDER BY event_id LIMIT %(count)s;

-- name: page_issues
-- One page of open issues, newest first.
-- Parameters: code: text or null; before: issue_id or null; count.
-- Rows: many.
-- Index: issue primary key.
SELECT i.issue_id, i.event_id, c.name AS connection, i.code, i.severity, i.pointer, i.expected,
  i.found, i.how_to_fix, i.ref, i.opened_at
FROM intake.issue i LEFT JOIN intake.connection c USING (connection_id)
WHERE i.closed_at IS NULL AND (%(code)s::text IS NULL OR i.code = %(code)s::text)
  AND (%(before)s::bigint IS NULL OR i.issue_id < %(before)s::bigint)
ORDER BY i.issue_id DESC LIMIT %(count)s;

-- name: name_connections
-- The connections that were not removed, without settings.
-- Parameters: none.
-- Rows: many.
-- Index: none; a handful.
SELECT connection_id, name, connector, state FROM intake.connection
WHERE state <> 'removed' ORDER BY name;

-- name: fates_of_events
-- What became of some events so far: still on the queue, or parked with a cause.
-- Parameters: event_ids.
-- Rows: many: event_id, queued, cause, detail; none for what was applied.
-- Index: queue and parked primary keys.
SELECT event_id, q.event_id IS NOT NULL AS queued, p.cause, p.detail
FROM unnest(%(event_ids)s::bigint[]) AS w (event_id)
LEFT JOIN intake.queue q USING (event_id)
LEFT JOIN intake.parked p USING (event_id)
WHERE q.event_id IS NOT NULL OR p.event_id IS NOT NULL;

-- name: issues_of_ref
-- The issues about one record, newest first.
-- Parameters: ref, such as "sku/TEE".
-- Rows: many.
-- Index: none; issues are few.
SELECT issue_id, event_id, code, severity, pointer, expected, found, how_to_fix, opened_at,
  closed_at
FROM intake.issue WHERE ref = %(ref)s ORDER BY issue_id DESC LIMIT 100;
