-- name: old_orders
-- The orders among some records that were placed before an instant.
-- Parameters: record_ids, placed_before.
-- Rows: many, oldest first: record_id, connection_id, ref, number, placed_at.
-- Index: record primary key, version primary key.
SELECT r.record_id, r.connection_id, r.ref, r.number, r.occurred_at AS placed_at
FROM records.record r
WHERE r.record_id = ANY(%(record_ids)s::bigint[]) AND r.kind = 'order' AND NOT r.deleted
  AND r.occurred_at < %(placed_before)s
ORDER BY r.occurred_at, r.record_id;

-- name: page_orders
-- One page of orders, the newest first, with how far was looked for it: what stands in a body has no
-- index, so no more than `looks` orders are looked at for one page.
-- Parameters: connection_id, since, until, sku, progress: or null; until does not count; before_at:
-- instant or null, before_id: of the last order of the page above; looks; count.
-- Rows: many, at least one: looked, last_at, last_id (of the oldest that was looked at); record_id,
-- connection_id, ref, occurred_at, body: null where none is like this.
-- Index: record_recent, version primary key, record_entity.
WITH seen AS MATERIALIZED (
  SELECT record_id, connection_id, entity, ref, occurred_at, event_id FROM records.record
  WHERE kind = 'order'
    AND (%(connection_id)s::int IS NULL OR connection_id = %(connection_id)s::int)
    AND (%(since)s::timestamptz IS NULL OR occurred_at >= %(since)s::timestamptz)
    AND (%(until)s::timestamptz IS NULL OR occurred_at < %(until)s::timestamptz)
    AND (%(before_at)s::timestamptz IS NULL OR (occurred_at <= %(before_at)s::timestamptz
      AND (occurred_at, record_id) < (%(before_at)s::timestamptz, %(before_id)s::bigint)))
  ORDER BY occurred_at DESC, record_id DESC LIMIT %(looks)s
), found AS (
  SELECT s.record_id, s.connection_id, s.ref, s.occurred_at, v.body::text AS body
  FROM seen s JOIN records.version v ON v.record_id = s.record_id AND v.event_id = s.event_id
  WHERE (%(sku)s::text IS NULL
      OR v.body->'lines' @> jsonb_build_array(jsonb_build_object('sku', %(sku)s::text)))
    AND CASE coalesce(%(progress)s::text, '')
      WHEN 'cancelled' THEN v.body->>'cancelled_at' IS NOT NULL
      WHEN 'unpaid' THEN v.body->>'cancelled_at' IS NULL
        AND v.body->>'payment_status' IN ('pending', 'authorised', 'partly_paid')
      WHEN 'unsent' THEN v.body->>'cancelled_at' IS NULL AND v.body->>'closed_at' IS NULL
        AND NOT EXISTS (SELECT FROM records.record p
          JOIN records.version w ON w.record_id = p.record_id AND w.event_id = p.event_id
          WHERE p.connection_id = s.connection_id AND p.entity = s.entity AND p.kind = 'shipment'
            AND NOT p.deleted AND w.body->>'state' = 'shipped')
      WHEN 'sent' THEN EXISTS (SELECT FROM records.record p
          JOIN records.version w ON w.record_id = p.record_id AND w.event_id = p.event_id
          WHERE p.connection_id = s.connection_id AND p.entity = s.entity AND p.kind = 'shipment'
            AND NOT p.deleted AND w.body->>'state' = 'shipped')
      ELSE true END
  ORDER BY s.occurred_at DESC, s.record_id DESC LIMIT %(count)s
), looked AS (
  SELECT count(*) AS looked, min(occurred_at) AS last_at,
    (SELECT record_id FROM seen ORDER BY occurred_at, record_id LIMIT 1) AS last_id
  FROM seen
)
SELECT l.looked, l.last_at, l.last_id, f.*
FROM looked l LEFT JOIN found f ON true
ORDER BY f.occurred_at DESC, f.record_id DESC;

-- name: tally_orders
-- What was ordered in a span, by connection, part of the span and currency: orders that stand.
-- Parameters: since, until: instants; until does not count; part_s: how long a part is.
-- Rows: many: connection_id, part (the first is 0), currency, orders, amount.
-- Index: record_recent, version primary key.
SELECT r.connection_id,
  floor(extract(epoch FROM r.occurred_at - %(since)s::timestamptz) / %(part_s)s::int)::int AS part,
  v.body->>'currency' AS currency, count(*) AS orders,
  sum((coalesce(v.body->'totals'->'current_total', v.body->'totals'->'total')
    ->'booked'->>'amount')::numeric) AS amount
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = 'order' AND NOT r.deleted AND r.occurred_at >= %(since)s::timestamptz
  AND r.occurred_at < %(until)s::timestamptz AND v.body->>'cancelled_at' IS NULL
  AND NOT coalesce((v.body->>'test')::bool, false)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: tally_refunds
-- What was given back in a span, by currency.
-- Parameters: since, until: instants; until does not count.
-- Rows: many: currency, refunds, amount.
-- Index: record_recent, version primary key.
SELECT v.body->'refunded'->'booked'->>'currency' AS currency, count(*) AS refunds,
  sum((v.body->'refunded'->'booked'->>'amount')::numeric) AS amount
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = 'refund' AND NOT r.deleted AND r.occurred_at >= %(since)s::timestamptz
  AND r.occurred_at < %(until)s::timestamptz AND v.body ? 'refunded'
GROUP BY 1 ORDER BY 1;
