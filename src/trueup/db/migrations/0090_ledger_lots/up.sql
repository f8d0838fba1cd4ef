-- Which lots records name, with the units that came to a site's shelf in them or left it. What of a
-- lot is left is worked out of these and of the postings, by when they happened: see decision 0018.
CREATE TABLE ledger.lot_line (
  record_id bigint NOT NULL,
  ordinal smallint NOT NULL,
  sku_id integer NOT NULL,
  site text NOT NULL,
  lot text NOT NULL,
  expires_on date,
  units integer NOT NULL,
  moved_at timestamptz NOT NULL,
  PRIMARY KEY (record_id, ordinal)
);
CREATE INDEX lot_line_sku ON ledger.lot_line (sku_id, lot);
CREATE INDEX lot_line_expires ON ledger.lot_line (expires_on) WHERE expires_on IS NOT NULL;
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON ledger.lot_line');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON ledger.lot_line');
