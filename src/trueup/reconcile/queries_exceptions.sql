-- name: note_found
-- Keeps differences that a run found: new ones open, known ones are seen again, closed ones open
-- anew, and one that somebody accepted opens again where its amount is another by now.
-- Parameters: now; arrays of equal length: checks, causes, lefts, rights, currencies (text or null),
-- amounts, evidence (JSON text).
-- Rows: none.
-- Index: exception_check_name_cause_left_ref_right_ref_currency_key.
INSERT INTO reconcile.exception AS e (check_name, cause, left_ref, right_ref, currency, amount,
  evidence, opened_at, seen_at)
SELECT f.check_name, f.cause, f.left_ref, f.right_ref, f.currency, sum(f.amount),
  jsonb_agg(f.evidence::jsonb) -> 0, %(now)s, %(now)s
FROM unnest(%(checks)s::text[], %(causes)s::text[], %(lefts)s::text[], %(rights)s::text[],
  %(currencies)s::text[], %(amounts)s::numeric[], %(evidence)s::text[])
  AS f (check_name, cause, left_ref, right_ref, currency, amount, evidence)
GROUP BY f.check_name, f.cause, f.left_ref, f.right_ref, f.currency
ON CONFLICT (check_name, cause, left_ref, right_ref, currency) DO UPDATE
SET amount = excluded.amount, evidence = excluded.evidence, seen_at = excluded.seen_at,
  opened_at = CASE WHEN e.closed_at IS NULL THEN e.opened_at ELSE excluded.opened_at END,
  state = CASE WHEN e.closed_at IS NOT NULL
    OR e.state = 'accepted' AND e.amount <> excluded.amount THEN 'open' ELSE e.state END,
  closed_at = NULL;

-- name: close_gone
-- Closes what a run of some checks did not find again.
-- Parameters: checks; now.
-- Rows: many: exception_id.
-- Index: exception_open.
UPDATE reconcile.exception SET closed_at = %(now)s
WHERE check_name = ANY(%(checks)s::text[]) AND closed_at IS NULL AND seen_at < %(now)s
RETURNING exception_id;

-- name: note_runs
-- Keeps what checks came to.
-- Parameters: now; arrays of equal length: checks, lefts, rights, matched, differing, unexplained.
-- Rows: none.
-- Index: check_run primary key.
INSERT INTO reconcile.check_run (check_name, ran_at, left_rows, right_rows, matched, differing,
  unexplained)
SELECT r.check_name, %(now)s, r.left_rows, r.right_rows, r.matched, r.differing, r.unexplained
FROM unnest(%(checks)s::text[], %(lefts)s::bigint[], %(rights)s::bigint[], %(matched)s::bigint[],
  %(differing)s::bigint[], %(unexplained)s::bigint[])
  AS r (check_name, left_rows, right_rows, matched, differing, unexplained)
ON CONFLICT DO NOTHING;

-- name: list_exceptions
-- Exceptions, what nobody explains first, then the oldest.
-- Parameters: check_name, state, owner: text or null; closed: those that are closed instead of those
-- that are not; exception_id: number or null; count.
-- Rows: many.
-- Index: exception_open, exception primary key.
SELECT exception_id, check_name, cause, left_ref, right_ref, currency, amount, evidence, state,
  owner, opened_at, seen_at, closed_at
FROM reconcile.exception
WHERE (%(exception_id)s::bigint IS NULL AND (closed_at IS NOT NULL) = %(closed)s::bool
    OR exception_id = %(exception_id)s::bigint)
  AND (%(check_name)s::text IS NULL OR check_name = %(check_name)s::text)
  AND (%(state)s::text IS NULL OR state = %(state)s::text)
  AND (%(owner)s::text IS NULL OR owner = %(owner)s::text)
ORDER BY cause <> 'unexplained', opened_at, exception_id LIMIT %(count)s;

-- name: change_exception
-- Gives an exception another owner or state; null leaves it.
-- Parameters: exception_id; owner, state: text or null.
-- Rows: none or one: exception_id.
-- Index: exception primary key.
UPDATE reconcile.exception
SET owner = coalesce(%(owner)s::text, owner), state = coalesce(%(state)s::text, state)
WHERE exception_id = %(exception_id)s AND closed_at IS NULL
RETURNING exception_id;

-- name: add_exception_note
-- Keeps what somebody did or said about an exception.
-- Parameters: exception_id, noted_at, noted_by, did, comment.
-- Rows: none.
-- Index: none.
INSERT INTO reconcile.exception_note (exception_id, noted_at, noted_by, did, comment)
VALUES (%(exception_id)s, %(noted_at)s, %(noted_by)s, %(did)s, %(comment)s);

-- name: exception_notes
-- What was done and said about an exception, oldest first.
-- Parameters: exception_id.
-- Rows: many: noted_at, noted_by, did, comment.
-- Index: exception_note_of.
SELECT noted_at, noted_by, did, comment FROM reconcile.exception_note
WHERE exception_id = %(exception_id)s ORDER BY note_id;

-- name: list_runs
-- What checks came to, newest first.
-- Parameters: check_name: text or null; count.
-- Rows: many.
-- Index: check_run primary key.
SELECT check_name, ran_at, left_rows, right_rows, matched, differing, unexplained
FROM reconcile.check_run
WHERE %(check_name)s::text IS NULL OR check_name = %(check_name)s::text
ORDER BY ran_at DESC, check_name LIMIT %(count)s;
