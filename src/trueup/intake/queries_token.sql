-- name: read_token
-- What a connection is let in with.
-- Parameters: connection_id.
-- Rows: none or one.
-- Index: token primary key.
SELECT basis, access_sealed, refresh_sealed, asked_at, expires_at, generation, refused_at, refused
FROM intake.token WHERE connection_id = %(connection_id)s;

-- name: store_token
-- Keeps a token, unless another one was kept since the one that it was asked for with.
-- Parameters: connection_id, basis, access_sealed, refresh_sealed, asked_at, expires_at;
-- generation: of the one before; 0 where there was none, null to replace whatever there is.
-- Rows: none or one: generation.
-- Index: token primary key.
INSERT INTO intake.token AS t
  (connection_id, basis, access_sealed, refresh_sealed, asked_at, expires_at)
VALUES (%(connection_id)s, %(basis)s, %(access_sealed)s, %(refresh_sealed)s, %(asked_at)s,
  %(expires_at)s)
ON CONFLICT (connection_id) DO UPDATE
SET basis = excluded.basis, access_sealed = excluded.access_sealed,
  refresh_sealed = excluded.refresh_sealed, asked_at = excluded.asked_at,
  expires_at = excluded.expires_at, generation = t.generation + 1, refused_at = NULL, refused = NULL
WHERE %(generation)s::bigint IS NULL OR t.generation = %(generation)s::bigint
RETURNING t.generation;

-- name: refuse_token
-- Notes that the vendor hands out no further token by the one there is.
-- Parameters: connection_id, generation, refused_at, refused: the vendor's word.
-- Rows: none.
-- Index: token primary key.
UPDATE intake.token SET refused_at = %(refused_at)s, refused = %(refused)s
WHERE connection_id = %(connection_id)s AND generation = %(generation)s;

-- name: open_authorisation
-- Notes that a person was sent to a vendor, and forgets those who never came back.
-- Parameters: state_digest, draft_sealed, opened_at, expires_at.
-- Rows: none.
-- Index: none; a handful.
WITH stale AS (DELETE FROM intake.authorisation WHERE expires_at <= %(opened_at)s)
INSERT INTO intake.authorisation (state_digest, draft_sealed, opened_at, expires_at)
VALUES (%(state_digest)s, %(draft_sealed)s, %(opened_at)s, %(expires_at)s);

-- name: read_authorisation
-- What is known of a person who was sent to a vendor; locked until the transaction ends.
-- Parameters: state_digest.
-- Rows: none or one.
-- Index: authorisation primary key.
SELECT state_digest, draft_sealed, expires_at, answered_at, answer_sealed FROM intake.authorisation
WHERE state_digest = %(state_digest)s FOR UPDATE;

-- name: answer_authorisation
-- Notes what a person came back with; once.
-- Parameters: state_digest, answered_at, answer_sealed.
-- Rows: none.
-- Index: authorisation primary key.
UPDATE intake.authorisation
SET answered_at = %(answered_at)s, answer_sealed = %(answer_sealed)s
WHERE state_digest = %(state_digest)s AND answered_at IS NULL;

-- name: blank_authorisation
-- Takes the answer away once it was taken up; that it was answered stays until it expires.
-- Parameters: state_digest.
-- Rows: none.
-- Index: authorisation primary key.
UPDATE intake.authorisation
SET draft_sealed = '\x', answer_sealed = '\x', answered_at = coalesce(answered_at, now())
WHERE state_digest = %(state_digest)s;
