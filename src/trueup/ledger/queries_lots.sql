-- Lots: what records name, and the postings beside which it is read.

-- name: replace_lots
-- Sets the lots that some records name: those given, and none of theirs beside.
-- Parameters: replaced: record_ids of all of them; and arrays of equal length, one element a line.
-- Rows: none.
-- Index: lot_line primary key.
WITH gone AS (
  DELETE FROM ledger.lot_line l WHERE l.record_id = ANY(%(replaced)s::bigint[])
    AND NOT EXISTS (SELECT FROM unnest(%(record_ids)s::bigint[], %(ordinals)s::int[])
      AS n (record_id, ordinal) WHERE n.record_id = l.record_id AND n.ordinal = l.ordinal)
)
INSERT INTO ledger.lot_line (record_id, ordinal, sku_id, site, lot, expires_on, units, moved_at)
SELECT * FROM unnest(%(record_ids)s::bigint[], %(ordinals)s::int[], %(sku_ids)s::int[],
  %(sites)s::text[], %(lots)s::text[], %(expires_ons)s::date[], %(units)s::int[],
  %(moved_ats)s::timestamptz[])
ON CONFLICT (record_id, ordinal) DO UPDATE
SET sku_id = excluded.sku_id, site = excluded.site, lot = excluded.lot,
  expires_on = excluded.expires_on, units = excluded.units, moved_at = excluded.moved_at;

-- name: lots_named
-- The lots of some SKUs as records name them; of all SKUs that have any where none is given.
-- Parameters: codes: text[] or null.
-- Rows: many: code, site, lot, expires_on, units, moved_at.
-- Index: sku_code_key, lot_line_sku.
SELECT s.code, l.site, l.lot, l.expires_on, l.units, l.moved_at
FROM ledger.lot_line l JOIN ledger.sku s USING (sku_id)
WHERE %(codes)s::text[] IS NULL OR s.code = ANY(%(codes)s::text[])
ORDER BY s.code, l.site, l.moved_at, l.lot;

-- name: moves_on_hand
-- What came to the shelves and left them, of some SKUs, by when it happened.
-- Parameters: codes.
-- Rows: many: code, site, occurred_at, came: what records brought; went: what they took, signed.
-- Index: sku_code_key, posting_on_hand.
SELECT code, site, occurred_at, sum(units) FILTER (WHERE units > 0)::int AS came,
  sum(units) FILTER (WHERE units < 0)::int AS went
FROM (
  SELECT s.code, p.site, p.occurred_at, p.record_id, sum(p.units) AS units
  FROM ledger.posting p JOIN ledger.sku s USING (sku_id)
  WHERE p.place = 'on_hand' AND s.code = ANY(%(codes)s::text[])
  GROUP BY s.code, p.site, p.occurred_at, p.record_id HAVING sum(p.units) <> 0) m
GROUP BY code, site, occurred_at ORDER BY code, site, occurred_at;

-- name: sites_of_skus
-- What of some SKUs lies where.
-- Parameters: codes.
-- Rows: many: code, site, on_hand.
-- Index: sku_code_key, site_balance primary key.
SELECT s.code, b.site, b.on_hand FROM ledger.site_balance b JOIN ledger.sku s USING (sku_id)
WHERE s.code = ANY(%(codes)s::text[]) ORDER BY s.code, b.site;
