-- The durable log: what arrived, as bytes, once.
CREATE SCHEMA intake;

CREATE TABLE intake.connection (
  connection_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  connector text NOT NULL,
  settings jsonb NOT NULL DEFAULT '{}',
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'removed')),
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Secrets are sealed with the master key, which never lies in the database.
CREATE TABLE intake.connection_secret (
  secret_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  connection_id integer NOT NULL REFERENCES intake.connection,
  name text NOT NULL,
  sealed bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  not_after timestamptz
);
CREATE INDEX connection_secret_connection ON intake.connection_secret (connection_id, name);

CREATE SEQUENCE intake.event_id_seq AS bigint CACHE 1;

-- Append-only. The body is compressed and sealed with a key of its own (intake.event_key).
CREATE TABLE intake.event (
  event_id bigint PRIMARY KEY,
  connection_id integer NOT NULL,
  external_id text NOT NULL,
  topic text NOT NULL,
  entity text NOT NULL,
  origin text NOT NULL CHECK (origin IN ('webhook', 'poll', 'bulk', 'file', 'reply', 'own')),
  raised_at timestamptz,
  received_at timestamptz NOT NULL,
  body_bytes integer NOT NULL CHECK (body_bytes >= 0),
  sha256 bytea NOT NULL CHECK (length(sha256) = 32),
  headers bytea NOT NULL,
  body bytea NOT NULL
) WITH (toast_tuple_target = 8160);
-- Sealed bytes do not compress; keep a usual order in its row.
ALTER TABLE intake.event ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE intake.event ALTER COLUMN headers SET STORAGE EXTERNAL;

-- A delivery's key is kept as long as the log, apart from it, so that time can partition the log.
CREATE TABLE intake.dedupe (
  connection_id integer NOT NULL,
  external_id text NOT NULL,
  sha256 bytea NOT NULL,
  event_id bigint NOT NULL,
  PRIMARY KEY (connection_id, external_id)
) PARTITION BY HASH (connection_id, external_id);
DO $$
BEGIN
  FOR part IN 0..15 LOOP
    EXECUTE format(
      'CREATE TABLE intake.dedupe_%s PARTITION OF intake.dedupe FOR VALUES WITH (MODULUS 16, REMAINDER %s)',
      part, part);
  END LOOP;
END $$;

-- The key of each body, wrapped by the master key, later by the person's key. Not append-only:
-- this is what erasure destroys.
CREATE TABLE intake.event_key (
  event_id bigint PRIMARY KEY,
  person bytea,
  wrapped bytea NOT NULL
) WITH (fillfactor = 70);

-- What is still to be applied. An event leaves in the transaction that applies or parks it.
CREATE TABLE intake.queue (
  event_id bigint NOT NULL PRIMARY KEY,
  partition smallint NOT NULL CHECK (partition BETWEEN 0 AND 63),
  lane smallint NOT NULL DEFAULT 0 CHECK (lane IN (0, 1)),
  attempts smallint NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX queue_due ON intake.queue (lane, due_at, event_id);

-- What could not be applied, with its cause; replayable alone or in bulk.
CREATE TABLE intake.parked (
  event_id bigint PRIMARY KEY,
  connection_id integer NOT NULL,
  partition smallint NOT NULL,
  cause text NOT NULL,
  detail text NOT NULL,
  cluster text NOT NULL,
  attempts smallint NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX parked_cluster ON intake.parked (cluster);

CREATE TABLE intake.refused (
  refused_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  connection_name text NOT NULL,
  reason text NOT NULL,
  sha256 bytea NOT NULL,
  body_bytes integer NOT NULL,
  refused_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE intake.issue (
  issue_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id bigint,
  connection_id integer,
  code text NOT NULL,
  severity text NOT NULL CHECK (severity IN ('note', 'warning', 'error')),
  pointer text NOT NULL DEFAULT '',
  expected text NOT NULL DEFAULT '',
  found text NOT NULL DEFAULT '',
  how_to_fix text NOT NULL DEFAULT '',
  ref text,
  opened_at timestamptz NOT NULL DEFAULT now(),
  closed_at timestamptz,
  UNIQUE NULLS NOT DISTINCT (event_id, connection_id, code, pointer, ref)
);
CREATE INDEX issue_open ON intake.issue (opened_at DESC) WHERE closed_at IS NULL;

-- How far each pull of each connection has come.
CREATE TABLE intake.cursor (
  connection_id integer NOT NULL REFERENCES intake.connection,
  resource text NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('poll', 'backfill')),
  since_at timestamptz,
  position text,
  bulk_ref text,
  done bigint NOT NULL DEFAULT 0,
  expected bigint,
  finished_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, resource, purpose)
);

CREATE FUNCTION intake.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON intake.event
  FOR EACH STATEMENT EXECUTE FUNCTION intake.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON intake.dedupe
  FOR EACH STATEMENT EXECUTE FUNCTION intake.refuse_change();
