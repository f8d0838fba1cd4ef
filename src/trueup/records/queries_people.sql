-- name: records_of_persons
-- The records that belong to some persons, and what stands in the orders and tickets of theirs: a
-- payment that came before its order says nothing of whose it is.
-- Parameters: persons, kind: text or null.
-- Rows: many.
-- Index: record_person, record_entity.
WITH own AS (
  SELECT record_id, connection_id, kind, ref, entity FROM records.record
  WHERE person = ANY(%(persons)s::bytea[])
), found AS (
  SELECT record_id FROM own
  UNION
  SELECT r.record_id FROM own o JOIN records.record r USING (connection_id, entity)
  WHERE o.entity = o.kind || '/' || o.ref
)
SELECT r.record_id, r.connection_id, r.kind, r.ref, r.entity, r.number, r.person, r.updated_at,
  r.occurred_at, r.event_id, r.versions, r.stale, r.deleted, v.body::text AS body, v.personal
FROM found JOIN records.record r USING (record_id)
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE %(kind)s::text IS NULL OR r.kind = %(kind)s::text
ORDER BY r.occurred_at, r.record_id LIMIT 500;

-- name: persons_beside
-- Persons whose records share a name with those of some persons. A name that too many have, or that
-- somebody cut, joins nobody; one that too many have is told without them.
-- Parameters: persons, namespaces, shared_max, count.
-- Rows: many: person, namespace, digest, other (null: shared by too many), since, persons.
-- Index: record_person, link_record, link primary key, cut primary key.
WITH mine AS (
  SELECT DISTINCT r.person, l.namespace, l.digest
  FROM records.record r JOIN records.link l USING (record_id)
  WHERE r.person = ANY(%(persons)s::bytea[]) AND l.namespace = ANY(%(namespaces)s::text[])
), named AS (
  SELECT m.namespace, m.digest, r.person, min(r.occurred_at) AS since
  FROM (SELECT DISTINCT namespace, digest FROM mine) m
  JOIN records.link l USING (namespace, digest)
  JOIN records.record r USING (record_id)
  WHERE r.person IS NOT NULL AND NOT EXISTS (SELECT FROM records.cut c
    WHERE c.namespace = m.namespace AND c.digest = m.digest AND c.person IN ('', r.person))
  GROUP BY m.namespace, m.digest, r.person
), counted AS (
  SELECT namespace, digest, count(*) AS persons FROM named GROUP BY namespace, digest
)
SELECT m.person, m.namespace, m.digest, o.person AS other, greatest(n.since, o.since) AS since,
  c.persons
FROM mine m JOIN counted c USING (namespace, digest)
JOIN named n ON n.namespace = m.namespace AND n.digest = m.digest AND n.person = m.person
LEFT JOIN named o ON o.namespace = m.namespace AND o.digest = m.digest AND o.person <> m.person
  AND c.persons <= %(shared_max)s
WHERE c.persons > 1
ORDER BY m.namespace, m.digest, m.person, other LIMIT %(count)s;

-- name: cut_name
-- Says that a name joins nobody, or not this person.
-- Parameters: namespace, digest, person (empty: everybody), reason.
-- Rows: none.
-- Index: cut primary key.
INSERT INTO records.cut (namespace, digest, person, reason)
VALUES (%(namespace)s, %(digest)s, %(person)s, %(reason)s)
ON CONFLICT (namespace, digest, person) DO UPDATE SET reason = excluded.reason, cut_at = now();

-- name: mend_name
-- Takes a cut back.
-- Parameters: namespace, digest, person (empty: everybody).
-- Rows: none.
-- Index: cut primary key.
DELETE FROM records.cut
WHERE namespace = %(namespace)s AND digest = %(digest)s AND person = %(person)s;

-- name: cuts_of_persons
-- What was cut of the names that some persons have.
-- Parameters: persons.
-- Rows: many: namespace, digest, person, reason, cut_at.
-- Index: record_person, link_record, cut primary key.
SELECT DISTINCT c.namespace, c.digest, c.person, c.reason, c.cut_at
FROM records.record r JOIN records.link l USING (record_id)
JOIN records.cut c ON c.namespace = l.namespace AND c.digest = l.digest
WHERE r.person = ANY(%(persons)s::bytea[]) AND c.person IN ('', r.person)
ORDER BY c.cut_at, c.digest;

-- name: persons_named
-- Persons whose records have one of some names.
-- Parameters: namespaces, digests: arrays of equal length.
-- Rows: many: person.
-- Index: link primary key.
SELECT DISTINCT r.person
FROM unnest(%(namespaces)s::text[], %(digests)s::bytea[]) AS n (namespace, digest)
JOIN records.link l USING (namespace, digest)
JOIN records.record r USING (record_id)
WHERE r.person IS NOT NULL LIMIT 50;

-- name: person_exists
-- Tells whether records of a person are known.
-- Parameters: person.
-- Rows: none or one.
-- Index: record_person.
SELECT person FROM records.record WHERE person = %(person)s LIMIT 1;

-- name: messages_from
-- Messages of one connection by whoever has a name, newest first.
-- Parameters: connection_id, namespace, digest, count.
-- Rows: many: body.
-- Index: link primary key, record primary key, version primary key.
SELECT v.body::text AS body
FROM records.link l
JOIN records.record r USING (record_id)
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE l.namespace = %(namespace)s AND l.digest = %(digest)s
  AND r.connection_id = %(connection_id)s AND r.kind = 'message' AND NOT r.deleted
ORDER BY r.occurred_at DESC, r.record_id DESC LIMIT %(count)s;

-- name: words_of
-- What some persons, and whoever has a name, said about being written to: their records as customers,
-- and of their messages the newest opt-out and the newest other one on each medium.
-- Parameters: persons; namespace, digest (empty: no name).
-- Rows: many: kind, body.
-- Index: record_person, link primary key, version primary key.
WITH theirs AS (
  SELECT record_id FROM records.record
  WHERE person = ANY(%(persons)s::bytea[]) AND kind IN ('customer', 'message')
  UNION
  SELECT l.record_id FROM records.link l
  WHERE l.namespace = %(namespace)s AND l.digest = %(digest)s
), said AS (
  SELECT r.kind, v.body, v.body->>'medium' AS medium, v.body ? 'opt_out' AS stops,
    coalesce(v.body->>'sent_at', v.body->>'created_at', v.body->>'updated_at')::timestamptz AS at
  FROM theirs JOIN records.record r USING (record_id)
  JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
  WHERE NOT r.deleted AND (r.kind = 'customer'
    OR r.kind = 'message' AND v.body->>'direction' = 'in')
)
SELECT kind, body::text AS body FROM said WHERE kind = 'customer'
UNION ALL
SELECT kind, body FROM (
  SELECT DISTINCT ON (medium, stops) kind, body::text AS body FROM said WHERE kind = 'message'
  ORDER BY medium, stops, at DESC
) newest;

-- name: person_of_record
-- Whose a record is.
-- Parameters: connection_id, kind, ref.
-- Rows: one; none where there is no such record: person (null: nobody's).
-- Index: the unique (connection_id, kind, ref) of record.
SELECT person FROM records.record
WHERE connection_id = %(connection_id)s AND kind = %(kind)s AND ref = %(ref)s AND NOT deleted;

-- name: contactable_of
-- The newest records of some persons that hold something personal, and what language they tell.
-- Parameters: persons, kinds, count.
-- Rows: many, newest first: connection_id, kind, ref, person, personal, locale.
-- Index: record_person, version primary key.
SELECT r.connection_id, r.kind, r.ref, r.person, v.personal, v.body->>'locale' AS locale
FROM records.record r JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.person = ANY(%(persons)s::bytea[]) AND r.kind = ANY(%(kinds)s::text[])
  AND NOT r.deleted AND v.personal IS NOT NULL
  AND (r.kind <> 'message' OR v.body->>'direction' = 'in')
ORDER BY r.occurred_at DESC, r.record_id DESC LIMIT %(count)s;
