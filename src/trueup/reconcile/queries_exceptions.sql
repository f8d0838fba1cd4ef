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
-- Exceptions, what nobody explains first, then the largest; money stands before units.
-- Parameters: check_name, state: text or null; owner: text, '' for nobody's, or null; currency: text,
-- '' for units, or null; closed: those that are closed instead of those that are not; exception_id:
-- number or null; count; skip.
-- Rows: many.
-- Index: exception_open, exception primary key.
SELECT exception_id, check_name, cause, left_ref, right_ref, currency, amount, evidence, state,
  owner, opened_at, seen_at, closed_at
FROM reconcile.exception
WHERE (%(exception_id)s::bigint IS NULL AND (closed_at IS NOT NULL) = %(closed)s::bool
    OR exception_id = %(exception_id)s::bigint)
  AND (%(check_name)s::text IS NULL OR check_name = %(check_name)s::text)
  AND (%(state)s::text IS NULL OR state = %(state)s::text)
  AND (%(owner)s::text IS NULL OR coalesce(owner, '') = %(owner)s::text)
  AND (%(currency)s::text IS NULL OR coalesce(currency, '') = %(currency)s::text)
ORDER BY cause <> 'unexplained', currency IS NULL, abs(amount) DESC, opened_at, exception_id
LIMIT %(count)s OFFSET %(skip)s;

-- name: sum_exceptions
-- How many exceptions stand and what they come to, by currency and age; up and down count alike.
-- Parameters: now; days: from when on each age but the first counts, rising; check_name, state, owner,
-- currency, closed as in list_exceptions.
-- Rows: many: currency, age (0 is the first), standing, amount, unexplained, unexplained_amount.
-- Index: exception_open.
SELECT currency, width_bucket(
    extract(epoch FROM greatest(coalesce(closed_at, %(now)s) - opened_at, interval '0')) / 86400,
    %(days)s::numeric[]) AS age,
  count(*) AS standing, sum(abs(amount)) AS amount,
  count(*) FILTER (WHERE cause = 'unexplained') AS unexplained,
  coalesce(sum(abs(amount)) FILTER (WHERE cause = 'unexplained'), 0) AS unexplained_amount
FROM reconcile.exception
WHERE (closed_at IS NOT NULL) = %(closed)s::bool
  AND (%(check_name)s::text IS NULL OR check_name = %(check_name)s::text)
  AND (%(state)s::text IS NULL OR state = %(state)s::text)
  AND (%(owner)s::text IS NULL OR coalesce(owner, '') = %(owner)s::text)
  AND (%(currency)s::text IS NULL OR coalesce(currency, '') = %(currency)s::text)
GROUP BY 1, 2 ORDER BY currency IS NULL, 1, 2;

-- name: count_exceptions
-- How many exceptions stand by check, by cause, by state, by owner and by currency.
-- Parameters: none.
-- Rows: many: what (check, cause, state, owner, currency), name ('' for none), standing.
-- Index: exception_open.
SELECT w.what, w.name, count(*) AS standing
FROM reconcile.exception e
CROSS JOIN LATERAL (VALUES ('check', e.check_name), ('cause', e.cause),
  ('state', e.state),
  ('owner', coalesce(e.owner, '')), ('currency', coalesce(e.currency, ''))) AS w (what, name)
WHERE e.closed_at IS NULL
GROUP BY w.what, w.name ORDER BY w.what, w.name;

-- name: hold_exception
-- Holds an exception until the transaction ends, so that one person at a time decides about it.
-- Parameters: exception_id.
-- Rows: none or one: exception_id.
-- Index: exception primary key.
SELECT exception_id FROM reconcile.exception WHERE exception_id = %(exception_id)s FOR UPDATE;

-- name: held_exception
-- An exception that is held, as it stands now: its own statement sees what whoever held it before
-- committed.
-- Parameters: exception_id; key: text or null.
-- Rows: none or one: state, amount, closed_at, note_id (of the newest note, 0 for none), noted_by and
-- did of that note, repeated: whether something was done under this key before.
-- Index: exception primary key, exception_note_of, exception_note_key.
SELECT e.state, e.amount, e.closed_at, coalesce(n.note_id, 0) AS note_id, n.noted_by, n.did,
  EXISTS (SELECT FROM reconcile.exception_note k
    WHERE k.exception_id = e.exception_id AND k.key = %(key)s::text) AS repeated
FROM reconcile.exception e
LEFT JOIN LATERAL (SELECT note_id, noted_by, did FROM reconcile.exception_note
  WHERE exception_id = e.exception_id ORDER BY note_id DESC LIMIT 1) n ON true
WHERE e.exception_id = %(exception_id)s;

-- name: change_exception
-- Gives an exception another owner or state; null leaves it, an owner '' takes the owner away.
-- Parameters: exception_id; owner, state: text or null.
-- Rows: none.
-- Index: exception primary key.
UPDATE reconcile.exception
SET owner = nullif(coalesce(%(owner)s::text, owner), ''), state = coalesce(%(state)s::text, state)
WHERE exception_id = %(exception_id)s;

-- name: add_exception_note
-- Keeps what somebody did or said about an exception.
-- Parameters: exception_id, noted_at, noted_by, did, comment; key: text or null.
-- Rows: none.
-- Index: none.
INSERT INTO reconcile.exception_note (exception_id, noted_at, noted_by, did, comment, key)
VALUES (%(exception_id)s, %(noted_at)s, %(noted_by)s, %(did)s, %(comment)s, %(key)s);

-- name: exception_notes
-- What was done and said about an exception, oldest first.
-- Parameters: exception_id.
-- Rows: many: note_id, noted_at, noted_by, did, comment.
-- Index: exception_note_of.
SELECT note_id, noted_at, noted_by, did, comment FROM reconcile.exception_note
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

-- name: last_runs
-- What each check came to when it last ran.
-- Parameters: none.
-- Rows: one a check.
-- Index: check_run primary key; reads every run.
SELECT DISTINCT ON (check_name) check_name, ran_at, differing, unexplained
FROM reconcile.check_run ORDER BY check_name, ran_at DESC;
