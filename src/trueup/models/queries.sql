-- name: keep_trained
-- Keeps a model as it was trained.
-- Parameters: model, version, now, until, artifact, sha256, features, card, figures, beats.
-- Rows: one: trained_id.
-- Index: none.
INSERT INTO models.trained (model, version, trained_at, until, artifact, sha256, features, card,
  figures, beats)
VALUES (%(model)s, %(version)s, %(now)s, %(until)s, %(artifact)s, %(sha256)s, %(features)s,
  %(card)s, %(figures)s, %(beats)s)
RETURNING trained_id;

-- name: trim_trained
-- Removes what was trained before an instant, but for the newest of each model.
-- Parameters: before: instant.
-- Rows: none.
-- Index: trained_newest.
DELETE FROM models.trained t WHERE t.trained_at < %(before)s AND EXISTS (
  SELECT FROM models.trained newer WHERE newer.model = t.model AND newer.trained_id > t.trained_id);

-- name: newest_trained
-- The newest of each model, without its artifact, with how it was last watched.
-- Parameters: none.
-- Rows: many: trained_id, model, version, trained_at, until, sha256, features, card, figures, beats;
-- watched_at, value, carded, drifted: of the newest look at any of this model; null before it.
-- Index: trained_newest, watched_of.
SELECT t.trained_id, t.model, t.version, t.trained_at, t.until, t.sha256, t.features, t.card,
  t.figures, t.beats, w.watched_at, w.value, w.carded, w.drifted
FROM (
  SELECT DISTINCT ON (model) * FROM models.trained ORDER BY model, trained_id DESC
) t
LEFT JOIN LATERAL (
  SELECT w.* FROM models.watched w JOIN models.trained o USING (trained_id)
  WHERE o.model = t.model ORDER BY w.watched_id DESC LIMIT 1
) w ON true
ORDER BY t.model;

-- name: newest_artifact
-- The newest artifact of a model in its version of now.
-- Parameters: model, version.
-- Rows: none or one: trained_id, trained_at, until, artifact, sha256, features, card, beats.
-- Index: trained_newest.
SELECT trained_id, trained_at, until, artifact, sha256, features, card, beats FROM models.trained
WHERE model = %(model)s AND version = %(version)s ORDER BY trained_id DESC LIMIT 1;

-- name: newest_card
-- The newest of a model in any version, without its artifact.
-- Parameters: model.
-- Rows: none or one: version, sha256, card.
-- Index: trained_newest.
SELECT version, sha256, card FROM models.trained
WHERE model = %(model)s ORDER BY trained_id DESC LIMIT 1;

-- name: artifact_before
-- The newest artifact of a model whose history ended on or before a day.
-- Parameters: model, version, until.
-- Rows: none or one: trained_id, until, artifact, sha256, features, card.
-- Index: trained_newest.
SELECT trained_id, until, artifact, sha256, features, card FROM models.trained
WHERE model = %(model)s AND version = %(version)s AND until <= %(until)s
ORDER BY until DESC, trained_id DESC LIMIT 1;

-- name: keep_watched
-- Keeps how a trained model did on what came after it.
-- Parameters: trained_id, now, since, until, cases, value, carded, drifted.
-- Rows: none.
-- Index: none.
INSERT INTO models.watched (trained_id, watched_at, since, until, cases, value, carded, drifted)
VALUES (%(trained_id)s, %(now)s, %(since)s, %(until)s, %(cases)s, %(value)s, %(carded)s,
  %(drifted)s);
