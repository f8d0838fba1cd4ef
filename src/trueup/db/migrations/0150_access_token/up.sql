-- Tokens of members, by which their programs ask. The token itself is nowhere, only its digest and
-- how it begins, by which people know it again.
CREATE TABLE access.token (
  token_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
  member_id integer NOT NULL REFERENCES access.member,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  prefix text NOT NULL,
  -- Rights of the table; of these only what its member's role has counts.
  scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
  made_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL CHECK (ends_at > made_at),
  used_at timestamptz
);
CREATE INDEX token_member ON access.token (member_id, token_id);
