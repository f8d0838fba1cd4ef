-- Units that were sent held beside units that were ordered. An item is a line of an order; where
-- only another system tells of its shipments, it is a SKU of the order.

-- name: make_own_sent
-- What a seller says of its own shipments, or other systems of its orders by their number, where
-- one order alone has it; of an order of which the seller tells some, the seller counts.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE taken AS
WITH numbered AS (
  SELECT s.ref AS shipment_ref, min(o.ref) AS order_ref FROM name AS s
  JOIN name AS o ON o.digest = s.digest AND o.namespace = 'order' AND o.kind = 'order'
    AND o.ref IN (SELECT order_ref FROM ordered)
  WHERE s.kind = 'shipment' AND s.namespace = 'order'
  GROUP BY s.ref HAVING count(DISTINCT o.ref) = 1
), told AS (
  SELECT s.*, coalesce(s.order_ref, n.order_ref) AS of_ref, s.order_ref IS NOT NULL AS own
  FROM sent AS s LEFT JOIN numbered AS n USING (shipment_ref)
)
SELECT * EXCLUDE (order_ref) FROM told
WHERE of_ref IS NOT NULL AND of_ref NOT IN (SELECT ref FROM aside)
  AND (own OR of_ref NOT IN (SELECT of_ref FROM told WHERE own));

-- name: make_items
-- Items of orders, with what was sent of each.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE item AS
WITH foreigner AS (
  SELECT DISTINCT of_ref FROM taken WHERE NOT own
), kits AS (
  SELECT DISTINCT o.order_ref FROM ordered AS o JOIN kit AS k ON k.ref = o.sku
  WHERE o.order_ref IN (SELECT of_ref FROM foreigner)
), held AS (
  SELECT o.*, if(f.of_ref IS NULL, o.ref, o.order_ref || ' ' || coalesce(o.sku, '')) AS item
  FROM ordered AS o LEFT JOIN foreigner AS f ON f.of_ref = o.order_ref
  WHERE o.order_ref NOT IN (SELECT order_ref FROM kits)
    AND (f.of_ref IS NOT NULL OR o.seller IN (SELECT ref FROM teller))
), wanted AS (
  SELECT item, order_ref, min(seller) AS seller, min(sku) AS sku, bool_and(sent) AS sent,
    sum(quantity) AS quantity, sum(kept_back) AS kept_back,
    sum(if(current IS NULL, 0, greatest(quantity - current - refunded, 0))) AS removed,
    sum(refunded) AS refunded, bool_and(paid) AS paid, min(code) AS code,
    min(placed_at) AS placed_at, min(cancelled_at) AS cancelled_at
  FROM held GROUP BY item, order_ref
), gone AS (
  SELECT if(own, of_ref || ' ' || coalesce(line_ref, ''), of_ref || ' ' || coalesce(sku, '')) AS item,
    of_ref, min(sku) AS sku, min(shipment_ref) AS shipment_ref, count(*) AS parts, bool_and(own) AS own,
    sum(units) AS units, max(sent_at) AS sent_at
  FROM taken WHERE state = 'shipped' AND units > 0 GROUP BY 1, 2
), before AS (
  SELECT w.item, sum(t.units) AS units FROM wanted AS w JOIN taken AS t ON t.of_ref = w.order_ref
    AND w.item = t.of_ref || ' ' || coalesce(if(t.own, t.line_ref, t.sku), '')
  WHERE w.cancelled_at IS NOT NULL AND t.state = 'shipped' AND t.sent_at <= w.cancelled_at
  GROUP BY w.item
)
SELECT coalesce(w.item, g.item) AS item, coalesce(w.order_ref, g.of_ref) AS order_ref, w.seller,
  coalesce(w.sku, g.sku) AS sku, coalesce(w.sent, false) AS sent, w.paid, w.code, w.placed_at,
  w.cancelled_at, w.item IS NOT NULL AS known, coalesce(g.units, 0) AS units,
  coalesce(g.parts, 0) AS parts, g.shipment_ref, g.sent_at, g.own, coalesce(w.quantity, 0) AS quantity,
  coalesce(w.removed, 0) + coalesce(w.kept_back, 0) AS taken_off,
  CASE WHEN w.item IS NULL THEN 0 WHEN w.cancelled_at IS NOT NULL THEN coalesce(b.units, 0)
    ELSE greatest(w.quantity - w.removed - w.kept_back, 0) END AS most,
  CASE WHEN w.item IS NULL OR w.cancelled_at IS NOT NULL THEN 0
    ELSE greatest(w.quantity - w.removed - w.refunded, 0) END AS least
FROM wanted AS w FULL JOIN gone AS g ON g.item = w.item LEFT JOIN before AS b ON b.item = w.item
WHERE coalesce(w.order_ref, g.of_ref) NOT IN (SELECT order_ref FROM kits);

-- name: find_delivered
-- Orders of which a carrier delivered a parcel though nothing of it was sent: by the parcel's number
-- at a shipment that is none, or by the order's own where no shipment is told.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE delivered_order AS
SELECT order_ref, min(ref) AS parcel_ref, min(delivered_at) AS delivered_at FROM (
  SELECT t.of_ref AS order_ref, p.ref, p.delivered_at FROM delivered AS p
  JOIN name AS a ON a.ref = p.ref AND a.namespace = 'tracking'
  JOIN name AS b ON b.digest = a.digest AND b.namespace = 'tracking' AND b.kind = 'shipment'
  JOIN taken AS t ON t.shipment_ref = b.ref AND t.state <> 'shipped'
  UNION ALL
  SELECT o.ref, p.ref, p.delivered_at FROM delivered AS p
  JOIN name AS a ON a.ref = p.ref AND a.namespace = 'order'
  JOIN (SELECT digest, min(ref) AS ref FROM name WHERE kind = 'order' AND namespace = 'order'
    GROUP BY digest HAVING count(DISTINCT ref) = 1) AS o ON o.digest = a.digest
  UNION ALL
  SELECT of_ref, shipment_ref, sent_at FROM taken WHERE code = 'delivered' AND state <> 'shipped'
)
WHERE order_ref NOT IN (SELECT of_ref FROM taken WHERE state = 'shipped')
GROUP BY order_ref;

-- name: judge_items
-- Of each item what should have left by now, and why another number of units did.
-- Parameters: ship_from: instant; what was placed before it should have left.
-- Rows: none.
-- Index: none.
CREATE TABLE judged AS
SELECT i.*, d.parcel_ref, k.event, k.cause AS parked,
  CASE WHEN i.units > i.most THEN i.most WHEN i.units < i.least AND i.sent AND (
      i.code IN ('fulfilled', 'shipped', 'completed', 'delivered') OR d.order_ref IS NOT NULL
      OR (i.paid AND i.placed_at <= $ship_from))
    THEN i.least ELSE i.units END AS due,
  CASE WHEN i.units > i.most THEN CASE
      WHEN NOT i.known AND i.order_ref NOT IN (SELECT order_ref FROM ordered) THEN 'shipment_without_order'
      WHEN NOT i.known AND (i.sku IS NULL OR i.sku NOT IN (SELECT ref FROM sku UNION
        SELECT sku FROM ordered WHERE sku IS NOT NULL)) THEN 'unknown_sku'
      WHEN NOT i.known THEN 'not_ordered'
      WHEN i.cancelled_at IS NOT NULL THEN 'shipped_cancelled'
      WHEN i.units <= i.quantity THEN 'shipped_refunded'
      ELSE 'shipped_too_many' END
    WHEN k.event IS NOT NULL THEN 'parked_event'
    WHEN d.order_ref IS NOT NULL THEN 'delivered_unshipped'
    WHEN i.code IN ('fulfilled', 'shipped', 'completed', 'delivered') THEN 'shipment_untold'
    ELSE 'unshipped' END AS cause
FROM item AS i LEFT JOIN delivered_order AS d ON d.order_ref = i.order_ref
LEFT JOIN parked AS k ON k.ref = i.order_ref;

-- name: write_shipments
-- Each item of which another number of units left than should have.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'shipments', cause, units - due, '', order_ref, coalesce(shipment_ref, if(cause =
    'delivered_unshipped', parcel_ref, NULL)),
  list_filter([
    coalesce('SKU ' || sku, 'without a SKU') || ': ' || CAST(quantity AS VARCHAR) || ' ordered, '
      || CAST(taken_off AS VARCHAR) || ' taken off before they left, ' || CAST(units AS VARCHAR)
      || ' sent',
    CASE cause WHEN 'shipped_cancelled' THEN 'cancelled at ' || CAST(cancelled_at AS VARCHAR)
      || ', the last left at ' || CAST(sent_at AS VARCHAR)
    WHEN 'shipment_without_order' THEN 'nobody has told of ' || order_ref
    WHEN 'not_ordered' THEN 'no line of the order is of it'
    WHEN 'unknown_sku' THEN 'no channel lists it, and no order is of it'
    WHEN 'unshipped' THEN 'paid, and placed at ' || CAST(placed_at AS VARCHAR)
    WHEN 'shipment_untold' THEN 'the shop says ' || code || ', and tells no shipment of it'
    WHEN 'delivered_unshipped' THEN 'delivered: ' || parcel_ref
    WHEN 'parked_event' THEN 'event ' || event || ' of it is parked: ' || parked
    WHEN 'shipped_too_many' THEN 'in ' || CAST(parts AS VARCHAR) || ' parts' END], lambda x: x IS NOT NULL)
FROM judged WHERE units <> due;

-- name: judge_unknown_shipments
-- Shipments whose state nobody knows: they count nothing, and are told of.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT DISTINCT 'shipments', 'unknown_code', 0, '', of_ref, shipment_ref,
  ['its state is unknown: its units count nothing']
FROM taken WHERE state = 'unknown';

-- name: sum_due_units
-- Units that should have left by now, and that left.
-- Parameters: none.
-- Rows: one: due, sent, items, items that agree.
-- Index: none.
SELECT coalesce(sum(due), 0), coalesce(sum(units), 0), count(*) FILTER (known),
  count(*) FILTER (known AND units = due)
FROM judged;

-- name: count_sent
-- How many lines of shipments count.
-- Parameters: none.
-- Rows: one.
-- Index: none.
SELECT count(*) FROM taken WHERE state = 'shipped' AND units > 0;

-- name: sum_shipment_periods
-- Units due by when they were ordered and sent by when they left, hour by hour or day by day.
-- Parameters: by: hour or day.
-- Rows: one a period, oldest first.
-- Index: none.
SELECT began_at, '', sum(items), sum(parts), sum(due), sum(units), sum(differs) FROM (
  SELECT date_trunc($by, placed_at) AS began_at, 1 AS items, 0 AS parts,
    CAST(due AS DECIMAL(38, 4)) AS due, CAST(0 AS DECIMAL(38, 4)) AS units,
    CAST(units <> due AS INTEGER) AS differs
  FROM judged WHERE known
  UNION ALL
  SELECT date_trunc($by, sent_at), 0, parts, 0, units, 0 FROM judged WHERE units > 0
)
GROUP BY 1 ORDER BY 1;

-- name: list_unheld
-- Sellers whose orders no shipment is held beside, and orders with kits of which only other systems
-- tell shipments.
-- Parameters: none.
-- Rows: many: seller, orders, whether because of kits.
-- Index: none.
SELECT seller, count(DISTINCT order_ref), seller IN (SELECT ref FROM teller)
    OR order_ref IN (SELECT of_ref FROM taken)
FROM ordered WHERE order_ref NOT IN (SELECT order_ref FROM item) GROUP BY 1, 3 ORDER BY 1, 3;
