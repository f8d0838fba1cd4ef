-- Codes that are sold from the same units as a listing: the kits of a part, the parts of a kit.
ALTER TABLE outbox.intent ADD COLUMN siblings text[] NOT NULL DEFAULT '{}';

-- Whether a number may be raised in thin stock: with all that stands, shall stand or may have been
-- set at the SKU's other listings it is no more than there is, and nothing that is sold from the same
-- units under another code is still to be lowered.
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
    WHERE i.connection_id = of_connection AND i.kind = of_kind AND i.key = of_key
  ) AND NOT EXISTS (
    SELECT FROM outbox.intent i
    JOIN outbox.intent r ON r.kind = i.kind AND r.sku = ANY(i.siblings)
    WHERE i.connection_id = of_connection AND i.kind = of_kind AND i.key = of_key
      AND greatest(r.believed + r.unsure_up, r.sent) > r.value);
END $$;
