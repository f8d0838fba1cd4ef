-- Groups of counts that are held for a person, because they would empty or inflate a large share of
-- a site. Their events are parked; this says why, and what became of them.
CREATE TABLE ledger.brake (
  brake_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  connection_id integer NOT NULL,
  source text NOT NULL CHECK (source IN ('file', 'levels')),
  state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'released', 'discarded')),
  reason text NOT NULL,
  held_at timestamptz NOT NULL,
  decided_at timestamptz,
  CHECK ((state = 'held') = (decided_at IS NULL))
);
-- What an account's levels would do is one group until somebody decides; each file is its own.
CREATE UNIQUE INDEX brake_open ON ledger.brake (connection_id)
  WHERE state = 'held' AND source = 'levels';

CREATE TABLE ledger.braked (
  event_id bigint PRIMARY KEY,
  brake_id bigint NOT NULL
);
CREATE INDEX braked_brake ON ledger.braked (brake_id, event_id);

-- Which places a connection's levels emptied or inflated lately, applied or held.
CREATE TABLE ledger.brake_mark (
  connection_id integer NOT NULL,
  sku_id integer NOT NULL,
  site text NOT NULL,
  change text NOT NULL CHECK (change IN ('emptied', 'inflated')),
  marked_at timestamptz NOT NULL,
  PRIMARY KEY (connection_id, site, change, sku_id)
);
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON ledger.brake');
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON ledger.braked');
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON ledger.brake_mark');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON ledger.brake, ledger.braked, ledger.brake_mark');
