-- name: units_moved
-- What each record brought from suppliers, to customers and to loss, SKU by SKU, less what came back
-- the same way; and when its units first touched a shelf.
-- Parameters: skus: codes or null for all.
-- Rows: many: record_id, sku, came, sold, lost, moved_at.
-- Index: posting_sku; reads everything where no SKU is named.
SELECT p.record_id, s.code AS sku,
  coalesce(-sum(p.units) FILTER (WHERE p.place = 'supplier'), 0)::bigint AS came,
  coalesce(sum(p.units) FILTER (WHERE p.place = 'customer'), 0)::bigint AS sold,
  coalesce(sum(p.units) FILTER (WHERE p.place = 'loss'), 0)::bigint AS lost,
  coalesce(min(p.occurred_at) FILTER (WHERE p.place = 'on_hand'), min(t.occurred_at)) AS moved_at
FROM ledger.posting p
JOIN ledger.transaction t USING (event_id)
JOIN ledger.sku s USING (sku_id)
WHERE (%(skus)s::text[] IS NULL OR s.code = ANY(%(skus)s::text[])) AND p.record_id IS NOT NULL
GROUP BY p.record_id, s.code
HAVING coalesce(sum(p.units) FILTER (WHERE p.place = 'supplier'), 0) <> 0
  OR coalesce(sum(p.units) FILTER (WHERE p.place = 'customer'), 0) <> 0
  OR coalesce(sum(p.units) FILTER (WHERE p.place = 'loss'), 0) <> 0;
