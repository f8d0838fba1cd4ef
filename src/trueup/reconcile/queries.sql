-- name: list_looks
-- The last look at each listing of one channel.
-- Parameters: connection_id.
-- Rows: many.
-- Index: look primary key.
SELECT sku, looked_at, agreed_at, shall, stands, sequence, rate, differs_since, changed_since,
  unexplained
FROM reconcile.look WHERE connection_id = %(connection_id)s;

-- name: write_looks
-- Keeps what looks found. Since when it differs, and changed there, is the first look's word.
-- Parameters: connection_id; arrays of equal length: skus, looked_ats, shalls, stands, sequences,
-- rates, causes (JSON text), unexplained, changed.
-- Rows: none.
-- Index: look primary key.
INSERT INTO reconcile.look AS l (connection_id, sku, looked_at, agreed_at, shall, stands, sequence,
  rate, differs_since, changed_since, causes, unexplained)
SELECT %(connection_id)s, s.sku, s.looked_at, CASE WHEN s.causes = '[]' THEN s.looked_at END,
  s.shall, s.stands, s.sequence, s.rate, CASE WHEN s.causes <> '[]' THEN s.looked_at END,
  CASE WHEN s.changed THEN s.looked_at END, s.causes::jsonb, s.unexplained
FROM unnest(%(skus)s::text[], %(looked_ats)s::timestamptz[], %(shalls)s::int[],
  %(stands)s::int[], %(sequences)s::bigint[], %(rates)s::float8[], %(causes)s::text[],
  %(unexplained)s::int[], %(changed)s::bool[])
  AS s (sku, looked_at, shall, stands, sequence, rate, causes, unexplained, changed)
ON CONFLICT (connection_id, sku) DO UPDATE
SET looked_at = excluded.looked_at, agreed_at = coalesce(excluded.agreed_at, l.agreed_at),
  shall = excluded.shall, stands = excluded.stands, sequence = excluded.sequence,
  rate = excluded.rate,
  differs_since = CASE WHEN excluded.differs_since IS NULL THEN NULL
    ELSE coalesce(l.differs_since, excluded.differs_since) END,
  changed_since = CASE WHEN excluded.changed_since IS NULL THEN NULL
    ELSE coalesce(l.changed_since, excluded.changed_since) END,
  causes = excluded.causes, unexplained = excluded.unexplained;

-- name: drop_looks
-- Forgets looks at listings that are no more.
-- Parameters: connection_id; kept: SKUs.
-- Rows: none.
-- Index: look primary key.
DELETE FROM reconcile.look
WHERE connection_id = %(connection_id)s AND sku <> ALL(%(kept)s::text[]);

-- name: list_differences
-- Listings at which not what shall stands, those that nothing explains first, then the oldest.
-- Parameters: connection_id: number or null; sku: text or null; count.
-- Rows: many.
-- Index: look_differs.
SELECT connection_id, sku, shall, stands, looked_at, agreed_at, differs_since, causes, unexplained
FROM reconcile.look
WHERE differs_since IS NOT NULL
  AND (%(connection_id)s::int IS NULL OR connection_id = %(connection_id)s::int)
  AND (%(sku)s::text IS NULL OR sku = %(sku)s::text)
ORDER BY unexplained > 0 DESC, differs_since, connection_id, sku LIMIT %(count)s;

-- name: count_looks
-- How many listings of each channel were looked at, differ, and are not explained.
-- Parameters: none.
-- Rows: many: connection_id, looked, differing, unexplained, oldest_at, newest_at.
-- Index: none; one row a listing.
SELECT connection_id, count(*) AS looked, count(differs_since) AS differing,
  count(*) FILTER (WHERE unexplained > 0) AS unexplained, min(looked_at) AS oldest_at,
  max(looked_at) AS newest_at
FROM reconcile.look GROUP BY connection_id ORDER BY connection_id;

-- name: read_walk
-- How far the walk over all levels of a channel has come.
-- Parameters: connection_id.
-- Rows: none or one: position, began_at, finished_at.
-- Index: walk primary key.
SELECT position, began_at, finished_at FROM reconcile.walk
WHERE connection_id = %(connection_id)s;

-- name: write_walk
-- Notes how far the walk over all levels of a channel has come.
-- Parameters: connection_id, position: text or null; began_at; finished_at: instant or null.
-- Rows: none.
-- Index: walk primary key.
INSERT INTO reconcile.walk (connection_id, position, began_at, finished_at)
VALUES (%(connection_id)s, %(position)s, %(began_at)s, %(finished_at)s)
ON CONFLICT (connection_id) DO UPDATE
SET position = excluded.position, began_at = excluded.began_at, finished_at = excluded.finished_at;

-- name: write_unmapped
-- Keeps what a vendor keeps stock of and no listing names.
-- Parameters: connection_id, now; arrays of equal length: item_refs, skus, stands, whys.
-- Rows: none.
-- Index: unmapped primary key.
INSERT INTO reconcile.unmapped AS u (connection_id, item_ref, sku, stands, why, since_at, seen_at)
SELECT %(connection_id)s, s.item_ref, s.sku, s.stands, s.why, %(now)s, %(now)s
FROM unnest(%(item_refs)s::text[], %(skus)s::text[], %(stands)s::int[], %(whys)s::text[])
  AS s (item_ref, sku, stands, why)
ON CONFLICT (connection_id, item_ref) DO UPDATE
SET sku = excluded.sku, stands = excluded.stands, why = excluded.why, seen_at = excluded.seen_at;

-- name: drop_unmapped
-- Forgets what a whole walk did not find again, or what is listed by now.
-- Parameters: connection_id; seen_before: instant; listed: item refs.
-- Rows: none.
-- Index: unmapped primary key.
DELETE FROM reconcile.unmapped WHERE connection_id = %(connection_id)s
  AND (seen_at < %(seen_before)s OR item_ref = ANY(%(listed)s::text[]));

-- name: list_unmapped
-- What vendors keep stock of and no listing names.
-- Parameters: connection_id: number or null; count.
-- Rows: many.
-- Index: unmapped primary key.
SELECT connection_id, item_ref, sku, stands, why, since_at, seen_at FROM reconcile.unmapped
WHERE %(connection_id)s::int IS NULL OR connection_id = %(connection_id)s::int
ORDER BY connection_id, item_ref LIMIT %(count)s;

-- name: note_repairs
-- Keeps what was done about differences, unless the same is open already.
-- Parameters: connection_id, now; arrays of equal length: skus, actions, causes, shalls, stood,
-- evidence (JSON text).
-- Rows: none.
-- Index: repair_open.
INSERT INTO reconcile.repair (connection_id, sku, repaired_at, action, cause, shall, stood, evidence)
SELECT %(connection_id)s, s.sku, %(now)s, s.action, s.cause, s.shall, s.stood, s.evidence::jsonb
FROM unnest(%(skus)s::text[], %(actions)s::text[], %(causes)s::text[], %(shalls)s::int[],
  %(stood)s::int[], %(evidence)s::text[]) AS s (sku, action, cause, shall, stood, evidence);

-- name: mend_repairs
-- Notes that looks found some listings in order again.
-- Parameters: connection_id, skus, now.
-- Rows: many: sku.
-- Index: repair_open.
UPDATE reconcile.repair SET mended_at = %(now)s
WHERE connection_id = %(connection_id)s AND sku = ANY(%(skus)s::text[]) AND mended_at IS NULL
RETURNING sku;

-- name: list_repairs
-- What was done about differences, newest first.
-- Parameters: connection_id: number or null; sku: text or null; count.
-- Rows: many.
-- Index: repair primary key.
SELECT repair_id, connection_id, sku, repaired_at, action, cause, shall, stood, evidence, mended_at
FROM reconcile.repair
WHERE (%(connection_id)s::int IS NULL OR connection_id = %(connection_id)s::int)
  AND (%(sku)s::text IS NULL OR sku = %(sku)s::text)
ORDER BY repair_id DESC LIMIT %(count)s;

-- name: repaired_since
-- How often listings of a channel were revived, and numbers of them noted, after an instant.
-- Parameters: connection_id, since.
-- Rows: many: sku, action, repairs, last_at.
-- Index: repair primary key.
SELECT sku, action, count(*) AS repairs, max(repaired_at) AS last_at FROM reconcile.repair
WHERE connection_id = %(connection_id)s AND repaired_at >= %(since)s
GROUP BY sku, action;

-- name: note_foreign_writes
-- Keeps numbers that nobody of us wrote; each once.
-- Parameters: connection_id, now; arrays of equal length: skus, seen_ats, units, evidence (JSON
-- text).
-- Rows: many: sku, of those that are new.
-- Index: foreign_write primary key.
INSERT INTO reconcile.foreign_write (connection_id, sku, seen_at, units, evidence, noted_at)
SELECT %(connection_id)s, s.sku, s.seen_at, s.units, s.evidence::jsonb, %(now)s
FROM unnest(%(skus)s::text[], %(seen_ats)s::timestamptz[], %(units)s::int[], %(evidence)s::text[])
  AS s (sku, seen_at, units, evidence)
ON CONFLICT DO NOTHING
RETURNING sku;

-- name: list_foreign_writes
-- Numbers that nobody of us wrote, newest first.
-- Parameters: connection_id: number or null; since: instant; count.
-- Rows: many.
-- Index: foreign_write_noted.
SELECT connection_id, sku, seen_at, units, evidence, noted_at FROM reconcile.foreign_write
WHERE (%(connection_id)s::int IS NULL OR connection_id = %(connection_id)s::int)
  AND noted_at >= %(since)s
ORDER BY noted_at DESC, connection_id, sku LIMIT %(count)s;

-- name: write_round
-- Keeps the figures of a round.
-- Parameters: connection_id, ended_at, listings, looked, differing, unexplained, repaired, overdue,
-- oldest_at.
-- Rows: none.
-- Index: round primary key.
INSERT INTO reconcile.round (connection_id, ended_at, listings, looked, differing, unexplained,
  repaired, overdue, oldest_at)
VALUES (%(connection_id)s, %(ended_at)s, %(listings)s, %(looked)s, %(differing)s, %(unexplained)s,
  %(repaired)s, %(overdue)s, %(oldest_at)s)
ON CONFLICT DO NOTHING;

-- name: first_round
-- When the rounds of a channel began, and when the last one was.
-- Parameters: connection_id.
-- Rows: one: began_at, ended_at; null where there was none.
-- Index: round primary key.
SELECT min(ended_at) AS began_at, max(ended_at) AS ended_at FROM reconcile.round
WHERE connection_id = %(connection_id)s;

-- name: open_over_time
-- How many listings differed at most, in each stretch of time, over all channels.
-- Parameters: since; stretch_s.
-- Rows: many, oldest first: at, differing, unexplained.
-- Index: none; a few rows an hour.
SELECT at, sum(differing)::int AS differing, sum(unexplained)::int AS unexplained
FROM (
  SELECT connection_id, date_bin(make_interval(secs => %(stretch_s)s), ended_at, %(since)s) AS at,
    max(differing) AS differing, max(unexplained) AS unexplained
  FROM reconcile.round WHERE ended_at >= %(since)s GROUP BY 1, 2
) r
GROUP BY at ORDER BY at;

-- name: trim_trail
-- Forgets rounds, mended repairs and foreign writes of long ago.
-- Parameters: connection_id, before.
-- Rows: none.
-- Index: round primary key, repair_open, foreign_write_noted.
WITH rounds AS (
  DELETE FROM reconcile.round
  WHERE connection_id = %(connection_id)s AND ended_at < %(before)s
), repairs AS (
  DELETE FROM reconcile.repair
  WHERE connection_id = %(connection_id)s AND repaired_at < %(before)s
)
DELETE FROM reconcile.foreign_write
WHERE connection_id = %(connection_id)s AND noted_at < %(before)s;
