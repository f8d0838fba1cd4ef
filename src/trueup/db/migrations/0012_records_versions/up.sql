-- Canonical records: every version of each, and which one is current.
CREATE SCHEMA records;

CREATE SEQUENCE records.record_block_seq AS bigint;

CREATE TABLE records.record (
  record_id bigint PRIMARY KEY,
  connection_id integer NOT NULL,
  kind text NOT NULL,
  ref text NOT NULL,
  entity text NOT NULL,
  number text,
  person bytea,
  updated_at timestamptz NOT NULL,
  raised_at timestamptz NOT NULL,
  digest bytea NOT NULL,
  occurred_at timestamptz NOT NULL,
  event_id bigint NOT NULL,
  versions integer NOT NULL DEFAULT 1,
  stale integer NOT NULL DEFAULT 0,
  deleted boolean NOT NULL DEFAULT false,
  UNIQUE (connection_id, kind, ref)
) WITH (fillfactor = 85);
CREATE INDEX record_entity ON records.record (connection_id, entity);
CREATE INDEX record_number ON records.record (number) WHERE number IS NOT NULL;
CREATE INDEX record_person ON records.record (person) WHERE person IS NOT NULL;
CREATE INDEX record_recent ON records.record (kind, occurred_at DESC);

-- Append-only. `personal` is sealed under the person's key; `body` holds nothing personal.
CREATE TABLE records.version (
  record_id bigint NOT NULL,
  event_id bigint NOT NULL,
  stale boolean NOT NULL,
  body jsonb NOT NULL,
  personal bytea,
  PRIMARY KEY (record_id, event_id)
);
ALTER TABLE records.version ALTER COLUMN personal SET STORAGE EXTERNAL;

-- Which item of which connection is which SKU: where its stock can be read and written.
CREATE TABLE records.listing (
  connection_id integer NOT NULL,
  variant_ref text NOT NULL,
  item_ref text,
  sku text NOT NULL,
  product_ref text NOT NULL,
  title text NOT NULL,
  stocked boolean NOT NULL DEFAULT true,
  active boolean NOT NULL DEFAULT true,
  PRIMARY KEY (connection_id, variant_ref)
);
CREATE INDEX listing_sku ON records.listing (sku);
CREATE INDEX listing_item ON records.listing (connection_id, item_ref);

-- Other names under which a record is looked up: a tracking number, a payment id.
CREATE TABLE records.link (
  namespace text NOT NULL,
  ref text NOT NULL,
  record_id bigint NOT NULL,
  PRIMARY KEY (namespace, ref, record_id)
);

CREATE FUNCTION records.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON records.version
  FOR EACH STATEMENT EXECUTE FUNCTION records.refuse_change();
