-- Who of the team may come in, by which browsers they did, and who did what. Only the owner of the
-- database reads or writes here: no process that works as another role has to.
CREATE SCHEMA access;

CREATE TABLE access.member (
  member_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- How they sign in, and what is kept beside what they do.
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  -- The same for names that people take for the same one; a removed member's stays taken.
  folded text NOT NULL UNIQUE,
  role text NOT NULL,
  -- Argon2id with its parameters and salt.
  password text,
  made_at timestamptz NOT NULL,
  removed_at timestamptz
);

-- One-time links. The link itself is nowhere, only its digest.
CREATE TABLE access.invite (
  invite_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
  -- first: makes the first owner; join: makes a member; reset: a member chooses a password anew.
  purpose text NOT NULL CHECK (purpose IN ('first', 'join', 'reset')),
  role text,
  member_id integer REFERENCES access.member,
  made_by text NOT NULL,
  made_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  CHECK ((purpose = 'reset') = (member_id IS NOT NULL)),
  CHECK ((purpose = 'reset') = (role IS NULL))
);

CREATE TABLE access.session (
  session_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
  member_id integer NOT NULL REFERENCES access.member,
  made_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  -- When its member last showed that they are who they are.
  confirmed_at timestamptz NOT NULL,
  address text NOT NULL,
  browser text NOT NULL
);
CREATE INDEX session_member ON access.session (member_id, seen_at);

-- Failed guesses by what they were about, which only a keyed digest names.
CREATE TABLE access.guess (
  subject bytea PRIMARY KEY CHECK (length(subject) = 16),
  failures integer NOT NULL CHECK (failures > 0),
  tried_at timestamptz NOT NULL,
  free_at timestamptz NOT NULL
);
CREATE INDEX guess_tried ON access.guess (tried_at);

-- Who did what, when. Append-only.
CREATE TABLE access.trail (
  entry_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  -- Null: nobody who is known.
  member_id integer,
  -- Their name at that time.
  who text NOT NULL,
  did text NOT NULL,
  about text NOT NULL,
  address text NOT NULL
);
CREATE INDEX trail_member ON access.trail (member_id, entry_id);

CREATE FUNCTION access.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access.trail
  FOR EACH STATEMENT EXECUTE FUNCTION access.refuse_change();
