-- What was ordered and what was sent, as books that can be held beside each other: copied out
-- whole, as CSV. Refs are a connection's name, a kind and a ref.

-- name: copy_ordered
-- Lines of sellers' orders, without test orders. What a refund took off before it left, and all
-- that refunds took off, in units.
-- Parameters: connection_ids, names: of the same connections.
-- Rows: many: ref, order_ref, seller, sku, quantity, current, kept_back, refunded, sent (whether it
-- has to be), paid, code, placed_at, cancelled_at.
-- Index: none; reads every order and refund.
WITH back AS (
  SELECT r.connection_id, v.body->>'order_ref' AS ref, l->>'line_ref' AS line_ref,
    sum((l->>'quantity')::int) AS units,
    sum((l->>'quantity')::int) FILTER (WHERE l->>'restock' = 'cancel') AS kept_back
  FROM records.record r JOIN records.version v USING (record_id, event_id)
  CROSS JOIN LATERAL jsonb_array_elements(v.body->'lines') l
  WHERE r.kind = 'refund' AND NOT r.deleted AND r.connection_id = ANY(%(connection_ids)s::int[])
  GROUP BY 1, 2, 3
)
SELECT c.name || '/order/' || r.ref || ' ' || (l->>'ref') AS ref,
  c.name || '/order/' || r.ref AS order_ref, c.name AS seller, l->>'sku' AS sku,
  greatest((l->>'quantity')::int, 0) AS quantity,
  CASE WHEN (l->>'quantity_current')::int >= 0 THEN (l->>'quantity_current')::int END AS current,
  greatest(b.kept_back, 0) AS kept_back, greatest(b.units, 0) AS refunded,
  coalesce((l->>'requires_shipping')::boolean, true) AND NOT coalesce((l->>'gift_card')::boolean, false)
    AND NOT coalesce((l->>'tip')::boolean, false) AS sent,
  v.body->>'payment_status' IN ('paid', 'partly_refunded') AS paid,
  lower(v.body->>'fulfilment_code') AS code, v.body->>'placed_at' AS placed_at,
  v.body->>'cancelled_at' AS cancelled_at
FROM records.record r JOIN records.version v USING (record_id, event_id)
JOIN unnest(%(connection_ids)s::int[], %(names)s::text[]) c (connection_id, name)
  USING (connection_id)
CROSS JOIN LATERAL jsonb_array_elements(v.body->'lines') l
LEFT JOIN back b ON b.connection_id = r.connection_id AND b.ref = r.ref AND b.line_ref = l->>'ref'
WHERE r.kind = 'order' AND NOT r.deleted AND NOT v.body ? 'test';

-- name: copy_aside
-- Sellers' orders that are not held beside anything: tests, and those that are gone.
-- Parameters: connection_ids, names: of the same connections.
-- Rows: many: ref.
-- Index: none; reads every order.
SELECT c.name || '/order/' || r.ref AS ref
FROM records.record r JOIN records.version v USING (record_id, event_id)
JOIN unnest(%(connection_ids)s::int[], %(names)s::text[]) c (connection_id, name)
  USING (connection_id)
WHERE r.kind = 'order' AND (r.deleted OR v.body ? 'test' OR jsonb_array_length(v.body->'lines') = 0);

-- name: copy_sent
-- Lines of shipments, and shipments that name none; of sellers by their order, of others by names.
-- Parameters: connection_ids, names: of all; seller_ids: of sellers.
-- Rows: many: ref, shipment_ref, order_ref (of a seller's own), teller, line_ref, sku, units, state,
-- code (the parcel's), sent_at.
-- Index: none; reads every shipment.
SELECT c.name || '/shipment/' || r.ref || ' ' || coalesce(l.place, 0) AS ref,
  c.name || '/shipment/' || r.ref AS shipment_ref,
  CASE WHEN r.connection_id = ANY(%(seller_ids)s::int[])
    THEN c.name || '/order/' || (v.body->>'order_ref') END AS order_ref,
  c.name AS teller, l.line->>'line_ref' AS line_ref, l.line->>'sku' AS sku,
  greatest((l.line->>'quantity')::int, 0) AS units, v.body->>'state' AS state,
  lower(v.body->>'parcel_code') AS code,
  coalesce(v.body->>'shipped_at', v.body->>'created_at', v.body->>'updated_at') AS sent_at
FROM records.record r JOIN records.version v USING (record_id, event_id)
JOIN unnest(%(connection_ids)s::int[], %(names)s::text[]) c (connection_id, name)
  USING (connection_id)
LEFT JOIN LATERAL jsonb_array_elements(v.body->'lines') WITH ORDINALITY l (line, place) ON true
WHERE r.kind = 'shipment' AND NOT r.deleted;

-- name: copy_delivered
-- Parcels that a carrier delivered.
-- Parameters: none.
-- Rows: many: ref (by the record's number), delivered_at.
-- Index: record_recent.
SELECT 'parcel/' || r.record_id AS ref,
  coalesce(v.body->>'delivered_at', v.body->>'updated_at') AS delivered_at
FROM records.record r JOIN records.version v USING (record_id, event_id)
WHERE r.kind = 'parcel' AND NOT r.deleted AND v.body->>'status' = 'delivered';

-- name: copy_skus
-- Every SKU that a channel lists.
-- Parameters: none.
-- Rows: many: ref.
-- Index: listing_sku.
SELECT DISTINCT sku AS ref FROM records.listing;
