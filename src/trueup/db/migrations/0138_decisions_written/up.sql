-- Rules that people wrote, every version of each; the newest counts. Append-only.
CREATE TABLE decisions.written (
  name text NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  -- Null: from here on there is no such rule.
  body jsonb,
  written_at timestamptz NOT NULL,
  written_by text NOT NULL,
  why text NOT NULL DEFAULT '',
  PRIMARY KEY (name, version)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions.written
  FOR EACH STATEMENT EXECUTE FUNCTION decisions.refuse_change();
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT ON decisions.written');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON decisions.written');
