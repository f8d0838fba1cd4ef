-- What shall stand at the vendors, and what was said to them.
CREATE SCHEMA outbox;

-- One live row per (connection, kind, key): the absolute value that shall stand there, with the
-- ledger's sequence, and what is believed to stand there now. Newer replaces older.
CREATE TABLE outbox.intent (
  connection_id integer NOT NULL,
  kind text NOT NULL,
  key text NOT NULL,
  target jsonb NOT NULL,
  value integer NOT NULL CHECK (value >= 0),
  available integer NOT NULL,
  sequence bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('settled', 'due', 'sending', 'unknown', 'dead')),
  believed integer,
  -- Changes seen at the channel of which nothing was read yet: they explain what is read next.
  dropped integer NOT NULL DEFAULT 0 CHECK (dropped >= 0),
  risen integer NOT NULL DEFAULT 0 CHECK (risen >= 0),
  unexplained_since timestamptz,
  confirmed_sequence bigint NOT NULL DEFAULT 0,
  attempts smallint NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now(),
  wanted_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (connection_id, kind, key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX intent_key ON outbox.intent (kind, key);
CREATE INDEX intent_due ON outbox.intent (connection_id, value) WHERE state = 'due';

-- One row per call to a vendor, written before it is sent, with the key that every repeat carries.
CREATE TABLE outbox.call (
  call_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  connection_id integer NOT NULL,
  kind text NOT NULL,
  idempotency_key uuid NOT NULL UNIQUE,
  state text NOT NULL CHECK (state IN ('sending', 'unknown', 'done', 'later', 'refused')),
  sends smallint NOT NULL DEFAULT 1,
  started_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  reply_event_id bigint
);
CREATE INDEX call_open ON outbox.call (connection_id) WHERE state IN ('sending', 'unknown');

CREATE TABLE outbox.call_intent (
  call_id bigint NOT NULL REFERENCES outbox.call,
  ordinal smallint NOT NULL,
  key text NOT NULL,
  target jsonb NOT NULL,
  value integer NOT NULL,
  expected integer,
  sequence bigint NOT NULL,
  wanted_at timestamptz NOT NULL,
  receipt text CHECK (receipt IN ('done', 'later', 'refused', 'unknown')),
  observed integer,
  code text,
  PRIMARY KEY (call_id, ordinal)
);
CREATE INDEX call_intent_key ON outbox.call_intent (key, call_id DESC);

-- Records that an event only hinted at and that must be read from the vendor.
CREATE TABLE outbox.fetch (
  fetch_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  connection_id integer NOT NULL,
  resource text NOT NULL,
  ref text NOT NULL,
  event_id bigint NOT NULL,
  attempts smallint NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now(),
  state text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'done', 'dead')),
  UNIQUE (connection_id, resource, ref, event_id)
);
CREATE INDEX fetch_due ON outbox.fetch (connection_id, due_at) WHERE state = 'due';
