-- A SKU may be listed more than once at a connection: each listing has a number of its own there,
-- under a key of its own; the first one's key is the SKU.
ALTER TABLE outbox.intent ADD COLUMN sku text;
UPDATE outbox.intent SET sku = key;
ALTER TABLE outbox.intent ALTER COLUMN sku SET NOT NULL;

DROP INDEX outbox.intent_key;
CREATE INDEX intent_sku ON outbox.intent (kind, sku);
-- Few, so that it costs a batch of orders nothing to ask whether a line was sold by one of them.
CREATE INDEX intent_further ON outbox.intent (connection_id, key) WHERE key <> sku;

DROP INDEX outbox.intent_ahead;
CREATE INDEX intent_ahead ON outbox.intent (sku) WHERE ahead_incoming;

-- What a further listing of a SKU is called: people read it.
CREATE FUNCTION outbox.further_key(sku text, variant_ref text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT sku || ' (variant ' || variant_ref || ')'
$$;

-- Whether a number may be raised in thin stock: with all that stands, shall stand or may have been
-- set at the SKU's other listings it is no more than there is.
CREATE OR REPLACE FUNCTION outbox.may_rise(
  of_connection integer, of_kind text, of_key text, wanted integer, units integer
) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT wanted + coalesce(sum(greatest(
        o.value, coalesce(o.believed + o.unsure_up, o.value), o.sent)), 0)
      <= greatest(0, units)
    FROM outbox.intent i
    JOIN outbox.intent o ON o.kind = i.kind AND o.sku = i.sku
      AND (o.connection_id <> i.connection_id OR o.key <> i.key)
    WHERE i.connection_id = of_connection AND i.kind = of_kind AND i.key = of_key);
END $$;
