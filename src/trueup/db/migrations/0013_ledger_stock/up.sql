-- The stock ledger: double entry per SKU in whole units between places.
CREATE SCHEMA ledger;

CREATE TABLE ledger.sku (
  sku_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text NOT NULL UNIQUE CHECK (code <> '' AND length(code) <= 255)
);

-- One transaction per event that moved anything; its key is the event.
CREATE TABLE ledger.transaction (
  event_id bigint PRIMARY KEY,
  record_id bigint,
  reason text NOT NULL,
  occurred_at timestamptz NOT NULL,
  posted_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE ledger.posting (
  event_id bigint NOT NULL,
  ordinal smallint NOT NULL,
  record_id bigint,
  sku_id integer NOT NULL,
  place text NOT NULL CHECK (place IN (
    'supplier', 'on_hand', 'in_transit', 'reserved', 'demand', 'customer', 'quarantine', 'loss')),
  site text NOT NULL DEFAULT '',
  units integer NOT NULL CHECK (units <> 0),
  PRIMARY KEY (event_id, ordinal),
  CHECK ((site <> '') = (place IN ('on_hand', 'quarantine')))
);
CREATE INDEX posting_record ON ledger.posting (record_id) WHERE record_id IS NOT NULL;
CREATE INDEX posting_sku ON ledger.posting (sku_id, event_id);

-- Balances, folded in batches. `sequence` rises with every fold: it orders what channels are told.
CREATE TABLE ledger.balance (
  sku_id integer PRIMARY KEY,
  sequence bigint NOT NULL,
  supplier bigint NOT NULL DEFAULT 0,
  on_hand bigint NOT NULL DEFAULT 0,
  in_transit bigint NOT NULL DEFAULT 0,
  reserved bigint NOT NULL DEFAULT 0,
  demand bigint NOT NULL DEFAULT 0,
  customer bigint NOT NULL DEFAULT 0,
  quarantine bigint NOT NULL DEFAULT 0,
  loss bigint NOT NULL DEFAULT 0,
  counted boolean NOT NULL DEFAULT false,
  moved_at timestamptz NOT NULL,
  CONSTRAINT sums_to_zero CHECK (
    supplier + on_hand + in_transit + reserved + demand + customer + quarantine + loss = 0)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

CREATE TABLE ledger.site_balance (
  sku_id integer NOT NULL,
  site text NOT NULL,
  on_hand bigint NOT NULL DEFAULT 0,
  quarantine bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (sku_id, site)
) WITH (fillfactor = 50);

CREATE TABLE ledger.proof (
  proof_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  proved_at timestamptz NOT NULL DEFAULT now(),
  transactions bigint NOT NULL,
  postings bigint NOT NULL,
  differences bigint NOT NULL
);

CREATE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.transaction
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.posting
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

-- What the Python rules promise, held by the database too: each transaction sums to zero per SKU.
CREATE FUNCTION ledger.check_sums() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM posted GROUP BY event_id, sku_id HAVING sum(units) <> 0) THEN
    RAISE EXCEPTION 'a ledger transaction does not sum to zero'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER sums_to_zero AFTER INSERT ON ledger.posting
  REFERENCING NEW TABLE AS posted
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.check_sums();
