-- What stands at the channels beside what shall, listing by listing, and what was done about it.
CREATE SCHEMA reconcile;

-- One row per listing that was looked at: what stood there the last time, and since when it is not
-- what shall stand there. `sequence` and `rate` say how fast the SKU moves: the next look goes there.
CREATE TABLE reconcile.look (
  connection_id integer NOT NULL,
  sku text NOT NULL,
  looked_at timestamptz NOT NULL,
  agreed_at timestamptz,
  shall integer,
  stands integer,
  sequence bigint NOT NULL,
  rate float8 NOT NULL DEFAULT 0 CHECK (rate >= 0),
  differs_since timestamptz,
  -- Since when the channel's own number is not what was left there.
  changed_since timestamptz,
  causes jsonb NOT NULL DEFAULT '[]',
  unexplained integer NOT NULL DEFAULT 0,
  PRIMARY KEY (connection_id, sku),
  CHECK ((differs_since IS NULL) = (causes = '[]'))
) WITH (fillfactor = 70);
CREATE INDEX look_differs ON reconcile.look (unexplained DESC, differs_since)
  WHERE differs_since IS NOT NULL;

-- What a vendor keeps stock of and no listing of ours names.
CREATE TABLE reconcile.unmapped (
  connection_id integer NOT NULL,
  item_ref text NOT NULL,
  sku text,
  stands integer,
  why text NOT NULL,
  since_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  PRIMARY KEY (connection_id, item_ref)
);

-- How far the walk over all of a vendor's levels has come.
CREATE TABLE reconcile.walk (
  connection_id integer PRIMARY KEY,
  position text,
  began_at timestamptz NOT NULL,
  finished_at timestamptz
);

-- The trail: what was done about a difference, on what evidence, and when a look found it mended.
CREATE TABLE reconcile.repair (
  repair_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  connection_id integer NOT NULL,
  sku text NOT NULL,
  repaired_at timestamptz NOT NULL,
  action text NOT NULL CHECK (action IN ('read', 'noted', 'hastened', 'revived')),
  cause text NOT NULL,
  shall integer NOT NULL,
  stood integer,
  evidence jsonb NOT NULL,
  mended_at timestamptz
);
CREATE INDEX repair_open ON reconcile.repair (connection_id, sku) WHERE mended_at IS NULL;

-- A number that stood at a channel and that nobody of us wrote.
CREATE TABLE reconcile.foreign_write (
  connection_id integer NOT NULL,
  sku text NOT NULL,
  seen_at timestamptz NOT NULL,
  units integer NOT NULL,
  evidence jsonb NOT NULL,
  noted_at timestamptz NOT NULL,
  PRIMARY KEY (connection_id, sku, seen_at)
);
CREATE INDEX foreign_write_noted ON reconcile.foreign_write (connection_id, noted_at);

-- One row per round: how much was looked at, and how much was open then.
CREATE TABLE reconcile.round (
  connection_id integer NOT NULL,
  ended_at timestamptz NOT NULL,
  listings integer NOT NULL,
  looked integer NOT NULL,
  differing integer NOT NULL,
  unexplained integer NOT NULL,
  repaired integer NOT NULL,
  overdue integer NOT NULL,
  oldest_at timestamptz,
  PRIMARY KEY (connection_id, ended_at)
);

-- Orders that hold units for longer than is usual: asked about at their vendor, and judged.
CREATE TABLE reconcile.suspect (
  record_id bigint PRIMARY KEY,
  connection_id integer NOT NULL,
  ref text NOT NULL,
  number text NOT NULL,
  placed_at timestamptz NOT NULL,
  units jsonb NOT NULL,
  found_at timestamptz NOT NULL,
  asked_at timestamptz,
  asks integer NOT NULL DEFAULT 0,
  cause text,
  proven boolean NOT NULL DEFAULT false,
  evidence jsonb NOT NULL DEFAULT '[]',
  wish jsonb,
  told_at timestamptz
);
CREATE INDEX suspect_due ON reconcile.suspect (connection_id, asked_at NULLS FIRST, placed_at);

-- How far the search for them has come in the books.
CREATE TABLE reconcile.search (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  record_id bigint NOT NULL DEFAULT 0,
  began_at timestamptz,
  finished_at timestamptz
);

SELECT trueup_meta.grant_to('trueup_worker', 'USAGE ON SCHEMA reconcile');
SELECT trueup_meta.grant_to('trueup_reader', 'USAGE ON SCHEMA reconcile');
SELECT trueup_meta.grant_to('trueup_worker',
  'SELECT, INSERT, UPDATE, DELETE ON reconcile.look, reconcile.unmapped, reconcile.walk, '
  'reconcile.repair, reconcile.foreign_write, reconcile.round, reconcile.suspect, '
  'reconcile.search');
SELECT trueup_meta.grant_to('trueup_worker', 'USAGE ON ALL SEQUENCES IN SCHEMA reconcile');
SELECT trueup_meta.grant_to('trueup_reader',
  'SELECT ON reconcile.look, reconcile.unmapped, reconcile.walk, reconcile.repair, '
  'reconcile.foreign_write, reconcile.round, reconcile.suspect, reconcile.search');
