-- name: read_search
-- How far the search for suspects has come.
-- Parameters: none.
-- Rows: none or one: record_id, began_at, finished_at.
-- Index: none; one row.
SELECT record_id, began_at, finished_at FROM reconcile.search;

-- name: write_search
-- Notes how far the search for suspects has come.
-- Parameters: record_id, began_at, finished_at: instant or null.
-- Rows: none.
-- Index: none; one row.
INSERT INTO reconcile.search (record_id, began_at, finished_at)
VALUES (%(record_id)s, %(began_at)s, %(finished_at)s)
ON CONFLICT (single) DO UPDATE SET record_id = excluded.record_id, began_at = excluded.began_at,
  finished_at = excluded.finished_at;

-- name: add_suspects
-- Keeps orders that hold units for longer than is usual.
-- Parameters: now; arrays of equal length: record_ids, connection_ids, refs, numbers, placed_ats.
-- Rows: none.
-- Index: suspect primary key.
INSERT INTO reconcile.suspect (record_id, connection_id, ref, number, placed_at, units, found_at)
SELECT s.record_id, s.connection_id, s.ref, s.number, s.placed_at, '{}', %(now)s
FROM unnest(%(record_ids)s::bigint[], %(connection_ids)s::int[], %(refs)s::text[],
  %(numbers)s::text[], %(placed_ats)s::timestamptz[])
  AS s (record_id, connection_id, ref, number, placed_at)
ON CONFLICT DO NOTHING;

-- name: due_suspects
-- Suspects of a channel that are to be asked about, those never asked first, then the oldest.
-- Parameters: connection_id, asked_before, gone_before, count.
-- Rows: many.
-- Index: suspect_due.
SELECT record_id, connection_id, ref, number, placed_at, units, asked_at, asks, cause, proven,
  evidence, wish, told_at
FROM reconcile.suspect
WHERE connection_id = %(connection_id)s AND (asked_at IS NULL OR asked_at < %(asked_before)s
  OR (cause = 'gone' AND NOT proven AND asked_at < %(gone_before)s))
ORDER BY asked_at NULLS FIRST, placed_at LIMIT %(count)s;

-- name: judge_suspect
-- Keeps what was found out about a suspect.
-- Parameters: record_id, asked_at, units (JSON text), cause: text or null; proven, evidence (JSON
-- text), wish (JSON text or null), told_at: instant or null.
-- Rows: none.
-- Index: suspect primary key.
UPDATE reconcile.suspect SET asked_at = %(asked_at)s, asks = asks + 1, units = %(units)s::jsonb,
  cause = %(cause)s, proven = %(proven)s, evidence = %(evidence)s::jsonb, wish = %(wish)s::jsonb,
  told_at = coalesce(%(told_at)s, told_at)
WHERE record_id = %(record_id)s;

-- name: drop_suspects
-- Forgets suspects that hold nothing any more.
-- Parameters: record_ids.
-- Rows: none.
-- Index: suspect primary key.
DELETE FROM reconcile.suspect WHERE record_id = ANY(%(record_ids)s::bigint[]);

-- name: list_suspects
-- Orders that hold units and may never take them, proposals first, then the oldest.
-- Parameters: connection_id: number or null; record_id: number or null; judged: only those with a
-- cause, those of which no fact proves it first; count.
-- Rows: many.
-- Index: suspect primary key.
SELECT record_id, connection_id, ref, number, placed_at, units, found_at, asked_at, asks, cause,
  proven, evidence, wish, told_at
FROM reconcile.suspect
WHERE (%(connection_id)s::int IS NULL OR connection_id = %(connection_id)s::int)
  AND (%(record_id)s::bigint IS NULL OR record_id = %(record_id)s::bigint)
  AND (cause IS NOT NULL OR NOT %(judged)s::bool)
ORDER BY cause IS NULL, %(judged)s::bool AND proven, placed_at, record_id LIMIT %(count)s;

-- name: count_suspects
-- How many orders wait for a person, how many units these hold, and how many are only old.
-- Parameters: none.
-- Rows: one: waiting, units, watched.
-- Index: none; a row an order that holds units for too long.
SELECT count(*) FILTER (WHERE cause IS NOT NULL AND NOT proven) AS waiting,
  coalesce(sum((SELECT sum(u.value::bigint) FROM jsonb_each_text(units) u))
    FILTER (WHERE cause IS NOT NULL AND NOT proven), 0)::bigint AS units,
  count(*) FILTER (WHERE cause IS NULL) AS watched
FROM reconcile.suspect;
