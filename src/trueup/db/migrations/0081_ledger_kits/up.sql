-- Kits: what one unit of a code is made of, from an instant on. All definitions are kept, because
-- an order moves what the kit was made of when it was placed.
CREATE SEQUENCE ledger.kit_edition;
CREATE TABLE ledger.kit (
  sku_id integer NOT NULL,
  since timestamptz NOT NULL,
  -- {code: units}; empty where it is no kit any more
  parts jsonb NOT NULL,
  -- rises with each definition that is written; written one after the other, so none is missed
  edition bigint NOT NULL DEFAULT nextval('ledger.kit_edition'),
  PRIMARY KEY (sku_id, since)
);
CREATE UNIQUE INDEX kit_edition_key ON ledger.kit (edition);

-- What was sold under another name: a kit counts here what was sold of it, and its parts, below
-- zero, what of them was sold so. Their sum with what is reserved and gone is what each channel's
-- own number of the listing has lost.
ALTER TABLE ledger.balance ADD COLUMN kit bigint NOT NULL DEFAULT 0;
ALTER TABLE ledger.balance DROP CONSTRAINT sums_to_zero;
ALTER TABLE ledger.balance ADD CONSTRAINT sums_to_zero CHECK (supplier + on_hand + in_transit
  + reserved + demand + customer + quarantine + loss + kit = 0);
ALTER TABLE ledger.posting DROP CONSTRAINT posting_place_check;
ALTER TABLE ledger.posting ADD CONSTRAINT posting_place_check CHECK (place IN ('supplier', 'on_hand',
  'in_transit', 'reserved', 'demand', 'customer', 'quarantine', 'loss', 'kit'));

-- Definitions that the caller does not know yet, while none can be written until its transaction
-- ends; or, alone, while nobody else applies anything. The lock comes before the look.
CREATE FUNCTION ledger.kits_since(known bigint, alone boolean)
RETURNS TABLE (code text, since timestamptz, parts jsonb, edition bigint)
LANGUAGE plpgsql AS $$
BEGIN
  IF alone THEN
    PERFORM pg_advisory_xact_lock(hashtext('trueup.kits'));
  ELSE
    PERFORM pg_advisory_xact_lock_shared(hashtext('trueup.kits'));
  END IF;
  RETURN QUERY SELECT s.code, k.since, k.parts, k.edition
    FROM ledger.kit k JOIN ledger.sku s USING (sku_id)
    WHERE k.edition > known ORDER BY k.edition;
END $$;

SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE ON ledger.kit');
SELECT trueup_meta.grant_to('trueup_worker', 'USAGE ON SEQUENCE ledger.kit_edition');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON ledger.kit');
