-- Issues: noted, told anew, closed.

-- name: open_issues
-- Notes issues; the same issue of the same event is noted once.
-- Parameters: arrays of equal length.
-- Rows: none.
-- Index: the unique key of issue.
INSERT INTO intake.issue
  (event_id, connection_id, code, severity, pointer, expected, found, how_to_fix, ref)
SELECT * FROM unnest(
  %(event_ids)s::bigint[], %(connection_ids)s::int[], %(codes)s::text[], %(severities)s::text[],
  %(pointers)s::text[], %(expected)s::text[], %(found)s::text[], %(fixes)s::text[],
  %(refs)s::text[])
ON CONFLICT DO NOTHING;

-- name: open_refs
-- Which of some records have an open issue of one code.
-- Parameters: code, refs.
-- Rows: many: ref.
-- Index: issue_open.
SELECT DISTINCT ref FROM intake.issue
WHERE closed_at IS NULL AND code = %(code)s AND ref = ANY(%(refs)s::text[]);

-- name: close_issues
-- Closes the open issues of one code about some records.
-- Parameters: code, refs.
-- Rows: none.
-- Index: issue_open.
UPDATE intake.issue SET closed_at = now()
WHERE closed_at IS NULL AND code = %(code)s AND ref = ANY(%(refs)s::text[]);

-- name: close_other_issues
-- Closes the open issues of some codes that no event tells of, but for those that stand.
-- Parameters: codes; refs: text[] or null for all; standing_codes, pointers, standing_refs: arrays
-- of equal length.
-- Rows: none.
-- Index: issue_open.
UPDATE intake.issue SET closed_at = now()
WHERE closed_at IS NULL AND event_id IS NULL AND code = ANY(%(codes)s::text[])
  AND (%(refs)s::text[] IS NULL OR ref = ANY(%(refs)s::text[]))
  AND (code, pointer, ref) NOT IN (SELECT * FROM unnest(%(standing_codes)s::text[],
    %(pointers)s::text[], %(standing_refs)s::text[]));

-- name: open_pointers
-- Where the open issues of some codes about some records stand.
-- Parameters: codes, refs.
-- Rows: many: ref, pointer.
-- Index: issue_open.
SELECT DISTINCT ref, pointer FROM intake.issue
WHERE closed_at IS NULL AND code = ANY(%(codes)s::text[]) AND ref = ANY(%(refs)s::text[]);
