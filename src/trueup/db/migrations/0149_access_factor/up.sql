-- The second factor: codes of an app, and codes that are good once where the app is lost.
CREATE TABLE access.factor (
  member_id integer PRIMARY KEY REFERENCES access.member,
  -- The secret that the app has too, sealed under the master key.
  sealed bytea NOT NULL,
  begun_at timestamptz NOT NULL,
  -- Null: begun, and no code of it was seen yet; it is asked for from here on.
  on_at timestamptz,
  -- The time step of the code that was used last; none is good twice, nor any before it.
  step bigint NOT NULL DEFAULT 0
);

-- Codes that are good once; only their digests are kept.
CREATE TABLE access.spare (
  member_id integer NOT NULL REFERENCES access.member,
  digest bytea NOT NULL CHECK (length(digest) = 32),
  PRIMARY KEY (member_id, digest)
);

-- When the session's member showed their second factor; null: not, where they have one.
ALTER TABLE access.session ADD COLUMN passed_at timestamptz;
