-- name: newest_moves
-- The SKUs that moved since an event, among the newest postings.
-- Parameters: after: event; count: postings looked at.
-- Rows: many: sku, postings, event_id (the newest).
-- Index: posting primary key, sku primary key.
SELECT s.code AS sku, count(*) AS postings, max(p.event_id) AS event_id
FROM (
  SELECT event_id, sku_id FROM ledger.posting
  WHERE event_id > %(after)s ORDER BY event_id DESC, ordinal DESC LIMIT %(count)s
) p
JOIN ledger.sku s USING (sku_id)
GROUP BY s.code ORDER BY s.code;

-- name: newest_sales
-- The newest sales of some SKUs: orders and reservations that lowered what is available.
-- Parameters: codes; count: sales of one SKU.
-- Rows: many: sku, event_id, occurred_at, units.
-- Index: sku_code_key, posting_sku, transaction primary key.
SELECT s.code AS sku, m.event_id, m.occurred_at, m.units::int AS units
FROM ledger.sku s
CROSS JOIN LATERAL (
  SELECT p.event_id, t.occurred_at,
    sum(CASE p.place WHEN 'reserved' THEN p.units ELSE -p.units END) AS units
  FROM ledger.posting p JOIN ledger.transaction t USING (event_id)
  WHERE p.sku_id = s.sku_id AND p.place IN ('reserved', 'on_hand')
    AND t.reason IN ('order', 'reservation')
  GROUP BY p.event_id, t.occurred_at
  HAVING sum(CASE p.place WHEN 'reserved' THEN p.units ELSE -p.units END) > 0
  ORDER BY p.event_id DESC LIMIT %(count)s
) m
WHERE s.code = ANY(%(codes)s::text[])
ORDER BY s.code, m.event_id;

-- name: days_of_skus
-- What each day of some SKUs sold, and by how much it changed what is available.
-- Parameters: codes; since: instant.
-- Rows: many: sku, day, sold, change; by SKU and day.
-- Index: sku_code_key, posting_sku, transaction primary key.
SELECT m.sku, m.day, sum(greatest(0, -m.change) * (m.reason IN ('order', 'reservation'))::int)::bigint
  AS sold, sum(m.change)::bigint AS change
FROM (
  SELECT s.code AS sku, (t.occurred_at AT TIME ZONE 'UTC')::date AS day, t.reason,
    sum(CASE p.place WHEN 'on_hand' THEN p.units ELSE -p.units END) AS change
  FROM ledger.sku s
  JOIN ledger.posting p USING (sku_id)
  JOIN ledger.transaction t USING (event_id)
  WHERE s.code = ANY(%(codes)s::text[]) AND p.place IN ('on_hand', 'reserved')
    AND t.occurred_at >= %(since)s
  GROUP BY s.code, p.event_id, t.occurred_at, t.reason
) m
GROUP BY m.sku, m.day ORDER BY m.sku, m.day;

-- name: every_day
-- What each day of every counted SKU sold, and by how much it changed what is available.
-- Parameters: since: instant.
-- Rows: many: sku, day, sold, change; by SKU and day.
-- Index: none; reads every posting since.
SELECT m.sku, m.day, sum(greatest(0, -m.change) * (m.reason IN ('order', 'reservation'))::int)::bigint
  AS sold, sum(m.change)::bigint AS change
FROM (
  SELECT s.code AS sku, (t.occurred_at AT TIME ZONE 'UTC')::date AS day, t.reason,
    sum(CASE p.place WHEN 'on_hand' THEN p.units ELSE -p.units END) AS change
  FROM ledger.transaction t
  JOIN ledger.posting p USING (event_id)
  JOIN ledger.sku s USING (sku_id)
  JOIN ledger.balance b USING (sku_id)
  WHERE b.counted AND p.place IN ('on_hand', 'reserved') AND t.occurred_at >= %(since)s
  GROUP BY s.code, p.event_id, t.occurred_at, t.reason
) m
GROUP BY m.sku, m.day ORDER BY m.sku, m.day;

-- name: available_of_all
-- What is available now of every counted SKU.
-- Parameters: none.
-- Rows: many: sku, available.
-- Index: none; one balance a SKU.
SELECT s.code AS sku, b.on_hand - b.reserved AS available
FROM ledger.balance b JOIN ledger.sku s USING (sku_id) WHERE b.counted ORDER BY s.code;

-- name: stale_outlooks
-- SKUs whose outlook is missing, is older than what moved, or is old; the oldest first.
-- Parameters: moved_before, old_before: instants; count.
-- Rows: many: sku, available.
-- Index: none; one balance a SKU.
SELECT s.code AS sku, b.on_hand - b.reserved AS available
FROM ledger.balance b JOIN ledger.sku s USING (sku_id) LEFT JOIN ledger.outlook o USING (sku_id)
WHERE b.counted AND (o.worked_out_at IS NULL OR o.worked_out_at < %(old_before)s
  OR (b.moved_at > o.worked_out_at AND o.worked_out_at < %(moved_before)s))
ORDER BY o.worked_out_at NULLS FIRST, b.sku_id LIMIT %(count)s;

-- name: note_outlooks
-- Keeps what was worked out; `low_since` stays as long as a SKU is low. `topped_at` tells when there
-- came to be more, here or on the way, by what half a week sells and two units at least.
-- Parameters: arrays of equal length, one element a SKU; now: instant.
-- Rows: none.
-- Index: outlook primary key, sku_code_key.
INSERT INTO ledger.outlook AS o (sku_id, per_day, dispersion, days, selling_days, available, incoming,
  expected_on, earliest_on, latest_on, steady_per_day, steady_dispersion, steady_days, lasts_until,
  lead_days, chance, low_since, worked_out_at)
SELECT s.sku_id, w.per_day, w.dispersion, w.days, w.selling_days, w.available, w.incoming,
  w.expected_on, w.earliest_on, w.latest_on, w.steady_per_day, w.steady_dispersion, w.steady_days,
  w.lasts_until, w.lead_days, w.chance,
  CASE WHEN w.low THEN %(now)s::timestamptz END, %(now)s
FROM unnest(%(codes)s::text[], %(per_days)s::float8[], %(dispersions)s::float8[], %(days)s::int[],
  %(selling_days)s::int[], %(available)s::bigint[], %(incoming)s::bigint[],
  %(expected_ons)s::date[], %(earliest_ons)s::date[], %(latest_ons)s::date[],
  %(steady_per_days)s::float8[], %(steady_dispersions)s::float8[], %(steady_days)s::int[],
  %(lasts_untils)s::date[], %(lead_days)s::int[], %(chances)s::float8[], %(lows)s::bool[])
  AS w (code, per_day, dispersion, days, selling_days, available, incoming, expected_on,
    earliest_on, latest_on, steady_per_day, steady_dispersion, steady_days, lasts_until, lead_days,
    chance, low)
JOIN ledger.sku s USING (code)
ORDER BY s.sku_id
ON CONFLICT (sku_id) DO UPDATE
SET per_day = excluded.per_day, dispersion = excluded.dispersion, days = excluded.days,
  selling_days = excluded.selling_days, available = excluded.available,
  incoming = excluded.incoming, expected_on = excluded.expected_on,
  earliest_on = excluded.earliest_on, latest_on = excluded.latest_on,
  steady_per_day = excluded.steady_per_day, steady_dispersion = excluded.steady_dispersion,
  steady_days = excluded.steady_days, lasts_until = excluded.lasts_until,
  topped_at = CASE WHEN excluded.available + excluded.incoming
      >= o.available + o.incoming + greatest(2, 3.5 * excluded.steady_per_day)
    THEN %(now)s ELSE o.topped_at END,
  lead_days = excluded.lead_days, chance = excluded.chance,
  low_since = CASE WHEN excluded.low_since IS NOT NULL
    THEN coalesce(o.low_since, excluded.low_since) END,
  worked_out_at = excluded.worked_out_at;

-- name: outlooks_of
-- What was worked out for some SKUs.
-- Parameters: codes.
-- Rows: many.
-- Index: sku_code_key, outlook primary key.
SELECT s.code AS sku, o.available, o.incoming, o.per_day, o.dispersion, o.days, o.selling_days,
  o.expected_on, o.earliest_on, o.latest_on, o.steady_per_day, o.steady_dispersion, o.steady_days,
  o.lasts_until, o.topped_at, o.lead_days, o.chance, o.low_since, o.worked_out_at
FROM ledger.outlook o JOIN ledger.sku s USING (sku_id)
WHERE s.code = ANY(%(codes)s::text[]) ORDER BY s.code;

-- name: low_outlooks
-- The SKUs that will be sold out before more could come, the first first.
-- Parameters: after_on (date or null), after_sku: of the last row of the page before; count.
-- Rows: many.
-- Index: outlook_low.
SELECT s.code AS sku, o.available, o.incoming, o.per_day, o.dispersion, o.days, o.selling_days,
  o.expected_on, o.earliest_on, o.latest_on, o.lead_days, o.chance, o.low_since, o.worked_out_at
FROM ledger.outlook o JOIN ledger.sku s USING (sku_id)
WHERE o.low_since IS NOT NULL
  AND (%(after_on)s::date IS NULL OR (o.expected_on, s.code) > (%(after_on)s::date, %(after_sku)s))
ORDER BY o.expected_on, s.code LIMIT %(count)s;

-- name: outlooks_to_reorder
-- The SKUs that may be sold out before more could come, by name.
-- Parameters: today: day; more_days: that much later is soon enough; after: SKU; count.
-- Rows: many.
-- Index: none; one outlook a SKU.
SELECT s.code AS sku, o.available, o.incoming, o.expected_on, o.steady_per_day, o.steady_dispersion,
  o.steady_days, o.selling_days, o.topped_at, o.lead_days
FROM ledger.outlook o JOIN ledger.sku s USING (sku_id)
WHERE o.steady_per_day > 0 AND o.lasts_until <= %(today)s::date + o.lead_days + %(more_days)s::int
  AND s.code > %(after)s
ORDER BY s.code LIMIT %(count)s;

-- name: count_low
-- How many SKUs will be sold out before more could come.
-- Parameters: none.
-- Rows: one: skus.
-- Index: outlook_low.
SELECT count(*) AS skus FROM ledger.outlook WHERE low_since IS NOT NULL;

-- name: ending_outlooks
-- The SKUs that are as likely as not sold out by a day, the first first.
-- Parameters: until: day; count.
-- Rows: many.
-- Index: none; one outlook a SKU.
SELECT s.code AS sku, o.available, o.incoming, o.per_day, o.dispersion, o.days, o.selling_days,
  o.expected_on, o.earliest_on, o.latest_on, o.lead_days, o.chance, o.low_since, o.worked_out_at
FROM ledger.outlook o JOIN ledger.sku s USING (sku_id)
WHERE o.expected_on <= %(until)s::date AND o.per_day > 0
ORDER BY o.expected_on, s.code LIMIT %(count)s;
