-- What was learned from the brand's own past: each model as it was trained, and how it did on what
-- came after. Nothing in it tells who a person is.
CREATE SCHEMA models;

CREATE TABLE models.trained (
  trained_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  model text NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  trained_at timestamptz NOT NULL,
  -- The last day of its history.
  until date NOT NULL,
  artifact bytea NOT NULL,
  sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
  features bytea NOT NULL,
  card jsonb NOT NULL,
  figures jsonb NOT NULL,
  -- Better than the rule below it on the newer part of the past: only then it is used.
  beats boolean NOT NULL
);
CREATE INDEX trained_newest ON models.trained (model, trained_id);
ALTER TABLE models.trained ALTER COLUMN artifact SET STORAGE EXTERNAL;

CREATE TABLE models.watched (
  watched_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  trained_id bigint NOT NULL REFERENCES models.trained ON DELETE CASCADE,
  watched_at timestamptz NOT NULL,
  since date NOT NULL,
  until date NOT NULL,
  cases bigint NOT NULL,
  -- The figure by which it is judged, of the newest window and on its card.
  value double precision NOT NULL,
  carded double precision NOT NULL,
  drifted boolean NOT NULL
);
CREATE INDEX watched_of ON models.watched (trained_id, watched_id);

SELECT trueup_meta.grant_to('trueup_worker', 'USAGE ON SCHEMA models');
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, DELETE ON models.trained');
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, DELETE ON models.watched');
SELECT trueup_meta.grant_to('trueup_reader', 'USAGE ON SCHEMA models');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON models.trained, models.watched');
