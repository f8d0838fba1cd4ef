-- name: want_fetches
-- Notes records that must be read from the vendor.
-- Parameters: arrays of equal length.
-- Rows: none.
-- Index: the unique key of fetch.
INSERT INTO outbox.fetch (connection_id, resource, ref, event_id)
SELECT * FROM unnest(%(connection_ids)s::int[], %(resources)s::text[], %(refs)s::text[],
  %(event_ids)s::bigint[])
ON CONFLICT DO NOTHING;

-- name: claim_fetches
-- Takes the records of a connection that are to be read now, so that no other line reads them too;
-- those of a line that dies are freed by its successor (`free_fetches`), or due again after a while.
-- Parameters: connection_id, count, claim_s: for how long they are taken; now: instant or null.
-- Rows: many: fetch_id, resource, ref, attempts; the one that waits longest first.
-- Index: fetch_due.
WITH next AS (
  SELECT fetch_id, due_at FROM outbox.fetch
  WHERE connection_id = %(connection_id)s AND state = 'due'
    AND due_at <= coalesce(%(now)s::timestamptz, now())
  ORDER BY due_at, fetch_id LIMIT %(count)s
  FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE outbox.fetch f
  SET taken_at = coalesce(%(now)s::timestamptz, now()),
    due_at = coalesce(%(now)s::timestamptz, now()) + make_interval(secs => %(claim_s)s::float8)
  FROM next n WHERE f.fetch_id = n.fetch_id
  RETURNING f.fetch_id, f.resource, f.ref, f.attempts, n.due_at AS waited_since
)
SELECT fetch_id, resource, ref, attempts FROM taken ORDER BY waited_since, fetch_id;

-- name: free_fetches
-- Frees what a line that died had taken. Only for who holds the connection's lock.
-- Parameters: connection_id, now: instant or null.
-- Rows: none.
-- Index: fetch_due.
UPDATE outbox.fetch SET taken_at = NULL, due_at = coalesce(%(now)s::timestamptz, now())
WHERE connection_id = %(connection_id)s AND state = 'due' AND taken_at IS NOT NULL;

-- name: end_fetch
-- Writes down what came of a fetch.
-- Parameters: fetch_id, state, delay_s, failed, now: instant or null.
-- Rows: none.
-- Index: fetch primary key.
UPDATE outbox.fetch
SET state = %(state)s, taken_at = NULL, attempts = attempts + %(failed)s::int,
  due_at = coalesce(%(now)s::timestamptz, now()) + make_interval(secs => %(delay_s)s)
WHERE fetch_id = %(fetch_id)s;
