-- Names that shall not join people, because a person said so: of one of them, or of everybody
-- (an empty person).
CREATE TABLE records.cut (
  namespace text NOT NULL,
  digest bytea NOT NULL,
  person bytea NOT NULL,
  reason text NOT NULL,
  cut_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (namespace, digest, person)
);
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON records.cut');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON records.cut');
