-- name: trips
-- What parcels' scans tell of their way, in figures. Silence counts while a parcel moves: from a scan
-- that says so to the next one.
-- Parameters: since: instant of the newest word; record_ids: or null; final: statuses that end one;
-- open_only; moving: statuses after which another scan should come; count.
-- Rows: many, the newest first: record_id, connection_id, carrier, service, origin (where it was
-- scanned first), status, attempts, returning, shipped_at, delivered_at, scanned_at, promised_on (the
-- first promise), expected_on (the newest), gap_s_max (null: fewer than two such scans).
-- Index: record_recent, version primary key; record primary key where record_ids are given.
WITH parcel AS (
  SELECT r.record_id, r.connection_id, r.occurred_at, v.body,
    coalesce(v.body->'scans', '[]'::jsonb) AS scans
  FROM records.record r
  JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
  WHERE r.kind = 'parcel' AND NOT r.deleted AND r.occurred_at >= %(since)s
    AND (%(record_ids)s::bigint[] IS NULL OR r.record_id = ANY(%(record_ids)s::bigint[]))
    AND NOT (%(open_only)s AND v.body->>'status' = ANY(%(final)s::text[]))
  ORDER BY r.occurred_at DESC, r.record_id DESC LIMIT %(count)s
)
SELECT p.record_id, p.connection_id, p.body->>'carrier' AS carrier, p.body->>'service' AS service,
  way.origin, p.body->>'status' AS status, coalesce((p.body->>'attempts')::int, 0) AS attempts,
  coalesce((p.body->>'returning')::bool, false) AS returning,
  (p.body->>'shipped_at')::timestamptz AS shipped_at,
  (p.body->>'delivered_at')::timestamptz AS delivered_at,
  (p.scans->-1->>'occurred_at')::timestamptz AS scanned_at,
  first.promised_on, (p.body->>'expected_on')::date AS expected_on, way.gap_s_max
FROM parcel p
CROSS JOIN LATERAL (
  SELECT (array_agg(place ORDER BY n) FILTER (WHERE place IS NOT NULL))[1] AS origin,
    extract(epoch FROM max(till - at) FILTER (WHERE status = ANY(%(moving)s::text[])))::bigint
      AS gap_s_max
  FROM (
    SELECT n, scan->>'place' AS place, scan->>'status' AS status,
      (scan->>'occurred_at')::timestamptz AS at,
      lead((scan->>'occurred_at')::timestamptz) OVER (ORDER BY n) AS till
    FROM jsonb_array_elements(p.scans) WITH ORDINALITY s (scan, n)
  ) each
) way
LEFT JOIN LATERAL (
  SELECT (v.body->>'expected_on')::date AS promised_on FROM records.version v
  WHERE v.record_id = p.record_id AND v.body ? 'expected_on'
  ORDER BY (v.body->>'updated_at')::timestamptz, v.event_id LIMIT 1
) first ON p.body ? 'expected_on'
ORDER BY p.occurred_at DESC, p.record_id DESC;

-- name: orders_of_parcels
-- Of which order some parcels are: by the shipment that has its number; else by the order's number
-- that the carrier wrote, where no other order of a seller has it.
-- Parameters: record_ids: of parcels; seller_ids: connections that sell.
-- Rows: many: parcel_id, record_id (of the order), connection_id, ref, number, currency, is_void
-- (cancelled, or a test), has_customer (whom the seller knows by a number); at most one a parcel.
-- Index: link_record, link primary key, record_entity, version primary key.
WITH named AS (
  SELECT p.parcel_id, l.namespace, l.digest
  FROM unnest(%(record_ids)s::bigint[]) AS p (parcel_id)
  JOIN records.link l ON l.record_id = p.parcel_id AND l.namespace IN ('tracking', 'order')
), found AS (
  SELECT n.parcel_id, o.record_id, 1 AS place
  FROM named n JOIN records.link l USING (namespace, digest)
  JOIN records.record s ON s.record_id = l.record_id AND s.kind = 'shipment' AND NOT s.deleted
    AND s.connection_id = ANY(%(seller_ids)s::int[])
  JOIN records.record o ON o.connection_id = s.connection_id AND o.entity = s.entity
    AND o.kind = 'order' AND NOT o.deleted
  WHERE n.namespace = 'tracking'
  UNION ALL
  SELECT n.parcel_id, min(o.record_id), 2
  FROM named n JOIN records.link l USING (namespace, digest)
  JOIN records.record o ON o.record_id = l.record_id AND o.kind = 'order' AND NOT o.deleted
    AND o.connection_id = ANY(%(seller_ids)s::int[])
  WHERE n.namespace = 'order'
  GROUP BY n.parcel_id HAVING count(DISTINCT o.record_id) = 1
)
SELECT DISTINCT ON (f.parcel_id) f.parcel_id, o.record_id, o.connection_id, o.ref, o.number,
  v.body->>'currency' AS currency,
  v.body->>'cancelled_at' IS NOT NULL OR coalesce((v.body->>'test')::bool, false) AS is_void,
  v.body->>'customer_ref' IS NOT NULL AS has_customer
FROM found f JOIN records.record o USING (record_id)
JOIN records.version v ON v.record_id = o.record_id AND v.event_id = o.event_id
ORDER BY f.parcel_id, f.place, o.record_id;

-- name: parcels_of_orders
-- The parcels of some orders, by the numbers of their shipments and by the order's own.
-- Parameters: record_ids: of orders.
-- Rows: many: order_id, parcel_id; each pair once.
-- Index: record_entity, link_record, link primary key.
WITH asked AS (
  SELECT record_id, connection_id, entity FROM records.record
  WHERE record_id = ANY(%(record_ids)s::bigint[])
), named AS (
  SELECT a.record_id AS order_id, l.namespace, l.digest
  FROM asked a
  JOIN records.record s USING (connection_id, entity)
  JOIN records.link l ON l.record_id = s.record_id
  WHERE s.kind = 'shipment' AND NOT s.deleted AND l.namespace = 'tracking'
    OR s.record_id = a.record_id AND l.namespace = 'order'
)
SELECT DISTINCT n.order_id, p.record_id AS parcel_id
FROM named n JOIN records.link l USING (namespace, digest)
JOIN records.record p ON p.record_id = l.record_id AND p.kind = 'parcel' AND NOT p.deleted;

-- name: worth_of_customers
-- What the customers of some orders bought in all, less what was paid back, without cancelled orders
-- and tests; of an order of nobody nothing is told.
-- Parameters: record_ids: of orders; connection_ids: of shops.
-- Rows: many: record_id, currency, orders, amount.
-- Index: record primary key, record_person, record_entity, version primary key.
WITH sold AS (
  SELECT w.record_id, o.connection_id, o.entity,
    v.body->'totals'->'total'->'booked'->>'currency' AS currency,
    (v.body->'totals'->'total'->'booked'->>'amount')::numeric AS amount
  FROM records.record w
  JOIN records.record o ON o.person = w.person
  JOIN records.version v ON v.record_id = o.record_id AND v.event_id = o.event_id
  WHERE w.record_id = ANY(%(record_ids)s::bigint[]) AND o.kind = 'order' AND NOT o.deleted
    AND o.connection_id = ANY(%(connection_ids)s::int[])
    AND NOT coalesce((v.body->>'test')::bool, false) AND v.body->>'cancelled_at' IS NULL
), back AS (
  SELECT s.record_id, v.body->'refunded'->'booked'->>'currency' AS currency,
    sum((v.body->'refunded'->'booked'->>'amount')::numeric) AS amount
  FROM sold s
  JOIN records.record r ON r.connection_id = s.connection_id AND r.entity = s.entity
    AND r.kind = 'refund' AND NOT r.deleted
  JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
  GROUP BY 1, 2
)
SELECT s.record_id, s.currency, count(*) AS orders,
  sum(s.amount) - coalesce(min(b.amount), 0) AS amount
FROM sold s LEFT JOIN back b USING (record_id, currency)
GROUP BY s.record_id, s.currency;

-- name: orders_asked_about
-- Those of some orders whose customer has a ticket open: it names the order, or shares an e-mail, a
-- phone or the customer with it.
-- Parameters: record_ids: of orders; over: statuses of tickets that are over.
-- Rows: many: record_id.
-- Index: link_record, link primary key, record_person, version primary key.
WITH ticket AS (
  SELECT w.record_id, l.record_id AS ticket_id
  FROM unnest(%(record_ids)s::bigint[]) AS w (record_id)
  JOIN records.link mine ON mine.record_id = w.record_id
    AND mine.namespace IN ('order', 'email', 'phone')
  JOIN records.link l ON l.namespace = mine.namespace AND l.digest = mine.digest
  UNION
  SELECT o.record_id, t.record_id
  FROM records.record o JOIN records.record t ON t.person = o.person
  WHERE o.record_id = ANY(%(record_ids)s::bigint[])
)
SELECT DISTINCT w.record_id
FROM ticket w JOIN records.record t ON t.record_id = w.ticket_id
JOIN records.version v ON v.record_id = t.record_id AND v.event_id = t.event_id
WHERE t.kind = 'ticket' AND NOT t.deleted AND NOT v.body->>'status' = ANY(%(over)s::text[])
  AND NOT coalesce((v.body->>'spam')::bool, false);
