-- name: read_persons
-- Reads the keys of persons that have one.
-- Parameters: persons.
-- Rows: many: person, wrapped.
-- Index: person primary key.
SELECT person, wrapped FROM govern.person
WHERE person = ANY(%(persons)b::bytea[]) AND wrapped IS NOT NULL;

-- name: make_persons
-- Makes persons; one whose key was destroyed gets a new key where they were seen after that; one
-- who has a key keeps it.
-- Parameters: persons (sorted), wrapped, emails, phones, seen_ats: arrays of equal length.
-- Rows: many: person, for those made here.
-- Index: person primary key.
INSERT INTO govern.person AS p (person, wrapped, email_index, phone_index, created_at)
SELECT * FROM unnest(%(persons)b::bytea[], %(wrapped)b::bytea[], %(emails)b::bytea[],
  %(phones)b::bytea[], %(seen_ats)b::timestamptz[])
ON CONFLICT (person) DO UPDATE
SET wrapped = excluded.wrapped, email_index = excluded.email_index,
  phone_index = excluded.phone_index, created_at = excluded.created_at, destroyed_at = NULL
WHERE p.wrapped IS NULL AND p.destroyed_at < excluded.created_at
RETURNING person;

-- name: destroy_persons
-- Destroys keys and look-ups of persons, by themselves or by contact.
-- Parameters: persons; email_index, phone_index: bytes or null.
-- Rows: many: person.
-- Index: person primary key, person_email, person_phone.
UPDATE govern.person
SET wrapped = NULL, email_index = NULL, phone_index = NULL, destroyed_at = now()
WHERE wrapped IS NOT NULL AND (
  person = ANY(%(persons)s::bytea[])
  OR email_index = %(email_index)s::bytea
  OR phone_index = %(phone_index)s::bytea)
RETURNING person;

-- name: find_by_contact
-- Finds persons by the keyed digest of their e-mail or phone.
-- Parameters: email_index, phone_index: bytes or null.
-- Rows: many: person.
-- Index: person_email, person_phone.
SELECT person FROM govern.person
WHERE email_index = %(email_index)s::bytea OR phone_index = %(phone_index)s::bytea;

-- name: note_erasure
-- Keeps the proof of an erasure.
-- Parameters: event_id, request, persons: how many.
-- Rows: none.
-- Index: none.
INSERT INTO govern.erasure (event_id, request, persons, done_at)
VALUES (%(event_id)s, %(request)s, %(persons)s, now());
