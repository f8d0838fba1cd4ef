-- What orders tell of taxes, as books that can be held beside each other: copied out whole, as CSV.

-- name: copy_taxables
-- Lines of sellers' orders and ways of sending them: what may be taxed, after discounts, and how many
-- units an edit took off.
-- Parameters: connection_ids, names: of the same connections.
-- Rows: many: ref, order_ref, seller, sku, base, quantity, removed, plain (no gift card, no tip).
-- Index: none; reads every order and refund.
WITH back AS (
  SELECT r.connection_id, v.body->>'order_ref' AS ref, l->>'line_ref' AS line_ref,
    sum((l->>'quantity')::int) AS units
  FROM records.record r JOIN records.version v USING (record_id, event_id)
  CROSS JOIN LATERAL jsonb_array_elements(v.body->'lines') l
  WHERE r.kind = 'refund' AND NOT r.deleted AND r.connection_id = ANY(%(connection_ids)s::int[])
  GROUP BY 1, 2, 3
), told AS (
  SELECT r.connection_id, c.name, r.ref, v.body FROM records.record r
  JOIN records.version v USING (record_id, event_id)
  JOIN unnest(%(connection_ids)s::int[], %(names)s::text[]) c (connection_id, name)
    USING (connection_id)
  WHERE r.kind = 'order' AND NOT r.deleted
)
SELECT t.name || '/order/' || t.ref || ' line ' || o.place AS ref,
  t.name || '/order/' || t.ref AS order_ref, t.name AS seller, l->>'sku' AS sku,
  (l#>>'{price,booked,amount}')::numeric * (l->>'quantity')::int
    - coalesce((l#>>'{discount,booked,amount}')::numeric, 0) AS base,
  greatest((l->>'quantity')::int, 0) AS quantity, CASE WHEN l->>'quantity_current' IS NULL THEN 0
    ELSE greatest((l->>'quantity')::int - (l->>'quantity_current')::int - coalesce(b.units, 0), 0)
    END AS removed,
  NOT coalesce((l->>'gift_card')::boolean, false) AND NOT coalesce((l->>'tip')::boolean, false) AS plain
FROM told t CROSS JOIN LATERAL jsonb_array_elements(t.body->'lines') WITH ORDINALITY o (l, place)
LEFT JOIN back b ON b.connection_id = t.connection_id AND b.ref = t.ref AND b.line_ref = l->>'ref'
UNION ALL
SELECT t.name || '/order/' || t.ref || ' shipping ' || s.place, t.name || '/order/' || t.ref, t.name, NULL,
  coalesce(s.way#>>'{discounted,booked,amount}', s.way#>>'{price,booked,amount}')::numeric, 1,
  0, NOT coalesce((s.way->>'removed')::boolean, false)
FROM told t CROSS JOIN LATERAL jsonb_array_elements(t.body->'shipping') WITH ORDINALITY s (way, place);

-- name: copy_taxes
-- The tax lines of these, and those of whole orders, which sum the same up or stand alone.
-- Parameters: connection_ids, names: of the same connections.
-- Rows: many: ref, order_ref, taxable_ref (null: of the whole order), seller, title, rate, amount,
-- currency, by_channel.
-- Index: none; reads every order.
WITH told AS (
  SELECT c.name, r.ref, v.body FROM records.record r
  JOIN records.version v USING (record_id, event_id)
  JOIN unnest(%(connection_ids)s::int[], %(names)s::text[]) c (connection_id, name)
    USING (connection_id)
  WHERE r.kind = 'order' AND NOT r.deleted
), taxed AS (
  SELECT t.name, t.ref, ' line ' || o.place AS part, o.l->'taxes' AS taxes
  FROM told t CROSS JOIN LATERAL jsonb_array_elements(t.body->'lines') WITH ORDINALITY o (l, place)
  UNION ALL
  SELECT t.name, t.ref, ' shipping ' || s.place, s.way->'taxes'
  FROM told t CROSS JOIN LATERAL jsonb_array_elements(t.body->'shipping') WITH ORDINALITY s (way, place)
  UNION ALL
  SELECT t.name, t.ref, NULL, t.body->'taxes' FROM told t
)
SELECT d.name || '/order/' || d.ref || coalesce(d.part, '') || ' tax ' || x.place AS ref,
  d.name || '/order/' || d.ref AS order_ref, d.name || '/order/' || d.ref || d.part AS taxable_ref,
  d.name AS seller, coalesce(x.tax->>'title', '') AS title, x.tax->>'rate' AS rate,
  (x.tax#>>'{price,booked,amount}')::numeric AS amount, x.tax#>>'{price,booked,currency}' AS currency,
  coalesce((x.tax->>'collected_by_channel')::boolean, false) AS by_channel
FROM taxed d CROSS JOIN LATERAL jsonb_array_elements(d.taxes) WITH ORDINALITY x (tax, place);
