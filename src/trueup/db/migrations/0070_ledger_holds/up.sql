-- The lines of reservations that hold units now: when they expire, and from which site they are.
-- A row leaves when the reservation is shipped, released or expired. Records tell the same.
CREATE TABLE ledger.hold (
  record_id bigint NOT NULL,
  ordinal smallint NOT NULL,
  ref text NOT NULL,
  sku_id integer NOT NULL,
  site text,
  units integer NOT NULL CHECK (units > 0),
  expires_at timestamptz,
  PRIMARY KEY (record_id, ordinal)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
CREATE INDEX hold_expires ON ledger.hold (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX hold_sku ON ledger.hold (sku_id);
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON ledger.hold');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON ledger.hold');
