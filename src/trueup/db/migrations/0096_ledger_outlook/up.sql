-- When each SKU will be sold out, as it was last worked out from its postings.
CREATE TABLE ledger.outlook (
  sku_id integer PRIMARY KEY,
  per_day double precision NOT NULL CHECK (per_day >= 0),
  dispersion double precision NOT NULL CHECK (dispersion >= 1),
  days integer NOT NULL,
  selling_days integer NOT NULL,
  available bigint NOT NULL,
  incoming bigint NOT NULL,
  expected_on date,
  earliest_on date,
  latest_on date,
  lead_days integer NOT NULL,
  -- how likely it is sold out before more could come
  chance double precision NOT NULL,
  low_since timestamptz,
  worked_out_at timestamptz NOT NULL
);
CREATE INDEX outlook_low ON ledger.outlook (expected_on, sku_id) WHERE low_since IS NOT NULL;
CREATE INDEX outlook_age ON ledger.outlook (worked_out_at);
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON ledger.outlook');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON ledger.outlook');
