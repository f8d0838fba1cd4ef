-- Which serials records name, and from where to where each of them went: see decision 0022. Where a
-- serial is now is worked out of its lines, by when they happened.
CREATE TABLE ledger.serial_line (
  record_id bigint NOT NULL,
  ordinal integer NOT NULL,
  sku_id integer NOT NULL,
  serial text NOT NULL,
  moved_at timestamptz NOT NULL,
  kind text NOT NULL,
  ref text NOT NULL,
  from_place text,
  from_site text NOT NULL,
  to_place text NOT NULL,
  to_site text NOT NULL,
  connection_id integer NOT NULL,
  source text,
  source_ref text,
  PRIMARY KEY (record_id, ordinal)
);
CREATE INDEX serial_line_sku ON ledger.serial_line (sku_id, serial);
CREATE INDEX serial_line_serial ON ledger.serial_line (lower(serial));
CREATE INDEX serial_line_source ON ledger.serial_line (source_ref) WHERE source_ref IS NOT NULL;

-- The SKUs of which a person said whether every unit must have a serial.
CREATE TABLE ledger.serial_rule (
  record_id bigint PRIMARY KEY,
  sku_id integer NOT NULL,
  required boolean NOT NULL
);

SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON ledger.serial_line');
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON ledger.serial_rule');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON ledger.serial_line, ledger.serial_rule');
