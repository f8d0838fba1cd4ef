-- name: subjects_waiting
-- What a rule proposed something about that waits, or is about to be ordered.
-- Parameters: rule.
-- Rows: many: subject.
-- Index: decision_open.
SELECT DISTINCT subject FROM decisions.decision
WHERE rule = %(rule)s AND state IN ('proposed', 'approved');

-- name: keep_written
-- Keeps what a person wrote as the newest version of a rule.
-- Parameters: name; body: JSON, or null where the rule shall be no more; by, why; now: instant.
-- Rows: one: version.
-- Index: written primary key.
INSERT INTO decisions.written (name, version, body, written_at, written_by, why)
SELECT %(name)s, coalesce(max(version), 0) + 1, %(body)s::jsonb, %(now)s, %(by)s, %(why)s
FROM decisions.written WHERE name = %(name)s
RETURNING version;

-- name: newest_written
-- The newest version of each rule that people wrote; of those that are no more, too.
-- Parameters: none.
-- Rows: many: name, version, body: text or null, written_at, written_by, why.
-- Index: written primary key.
SELECT DISTINCT ON (name) name, version, body::text AS body, written_at, written_by, why
FROM decisions.written ORDER BY name, version DESC;
