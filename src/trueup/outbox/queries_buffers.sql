-- name: fold_reach
-- Folds what was measured in about a second into what is known of each connection, as RFC 6298
-- does with one measurement: an eighth of the mean is new, a quarter of the deviation. The first
-- has half of its mean as the deviation, or what it had.
-- Parameters: arrays of equal length: connection_ids, ways, means, deviations (from that mean),
-- counts; now: instant or null.
-- Rows: none.
-- Index: reach primary key.
WITH measured AS (
  SELECT * FROM unnest(%(connection_ids)s::int[], %(ways)s::text[], %(means)s::float8[],
    %(deviations)s::float8[], %(counts)s::bigint[])
    AS m (connection_id, way, mean_s, deviation_s, samples)
)
INSERT INTO outbox.reach AS r (connection_id, way, mean_s, deviation_s, samples, measured_at)
SELECT connection_id, way, mean_s, greatest(deviation_s, mean_s / 2), samples,
  coalesce(%(now)s::timestamptz, now())
FROM measured ORDER BY connection_id, way
ON CONFLICT (connection_id, way) DO UPDATE
SET deviation_s = r.deviation_s + (abs(excluded.mean_s - r.mean_s) - r.deviation_s
    + (SELECT m.deviation_s FROM measured m
      WHERE m.connection_id = r.connection_id AND m.way = r.way)) / 4,
  mean_s = r.mean_s + (excluded.mean_s - r.mean_s) / 8,
  samples = r.samples + excluded.samples, measured_at = excluded.measured_at;

-- name: list_reach
-- How long word takes, of every connection that was measured.
-- Parameters: none.
-- Rows: many: connection_id, way, mean_s, deviation_s, samples, measured_at.
-- Index: none; a few rows a connection.
SELECT connection_id, way, mean_s, deviation_s, samples, measured_at FROM outbox.reach
ORDER BY connection_id, way;

-- name: listed_channels
-- The channels that list some SKUs, with what decides what is held back from each.
-- Parameters: skus.
-- Rows: many, by SKU and connection, the first listing at each first.
-- Index: intent_sku.
SELECT i.connection_id, i.sku, i.key, i.available, i.ahead, i.ahead_incoming, i.ahead_days, i.ahead_max,
  i.incoming, i.dropped, i.counted, i.state, i.value,
  i.believed, i.buffer, i.cap, i.share_percent, i.adaptive, i.oversell_chance, i.rate, i.pace,
  i.rated_at, i.safety, i.thin_below, i.thin_from, i.thin_to, i.siblings
FROM outbox.intent i
WHERE i.kind = 'stock.set' AND i.sku = ANY(%(skus)s::text[])
ORDER BY i.sku, i.connection_id, i.key <> i.sku, i.key;

-- name: sweep_listings
-- The next listings in the order of their SKUs, and which of them the tuner has to look at.
-- Parameters: after, after_connection, after_key: of the last listing before; count.
-- Rows: many: sku, connection_id, key, tuned.
-- Index: intent_sku.
SELECT sku, connection_id, key, safety > 0 OR thin_below > 0 OR rate > 0 AS tuned
FROM outbox.intent
WHERE kind = 'stock.set' AND sku >= %(after)s
  AND (sku, connection_id, key) > (%(after)s, %(after_connection)s, %(after_key)s)
ORDER BY sku, connection_id, key LIMIT %(count)s;

-- name: spread_of
-- How unevenly some SKUs are sold, where that was measured.
-- Parameters: keys.
-- Rows: many: key, dispersion.
-- Index: spread primary key.
SELECT key, dispersion FROM outbox.spread WHERE key = ANY(%(keys)s::text[]);

-- name: note_spread
-- Keeps how unevenly some SKUs are sold.
-- Parameters: keys, dispersions: arrays of equal length; now: instant.
-- Rows: none.
-- Index: spread primary key.
INSERT INTO outbox.spread (key, dispersion, measured_at)
SELECT key, dispersion, %(now)s
FROM unnest(%(keys)s::text[], %(dispersions)s::float8[]) AS m (key, dispersion)
ORDER BY key
ON CONFLICT (key) DO UPDATE
SET dispersion = excluded.dispersion, measured_at = excluded.measured_at;

-- name: tune_intents
-- Sets what is held back at some listings and who has which part of thin stock, and decides anew
-- what shall stand there. All channels of a SKU come in one statement.
-- Parameters: arrays of equal length: connection_ids, keys, safeties, thin_belows, thin_froms,
-- thin_tos, siblings (JSON lists of codes).
-- Rows: none.
-- Index: intent primary key.
WITH tuned AS (
  SELECT * FROM unnest(%(connection_ids)s::int[], %(keys)s::text[], %(safeties)s::int[],
    %(thin_belows)s::int[], %(thin_froms)s::float8[], %(thin_tos)s::float8[], %(siblings)s::jsonb[])
    AS t (connection_id, key, safety, thin_below, thin_from, thin_to, siblings)
), locked AS (
  SELECT i.connection_id, i.kind, i.key, t.safety, t.thin_below, t.thin_from, t.thin_to, t.siblings,
    outbox.offer(i.available, i.dropped, i.buffer, i.cap, i.share_percent, i.ahead, t.safety,
      t.thin_below, t.thin_from, t.thin_to) AS value
  FROM outbox.intent i JOIN tuned t ON t.connection_id = i.connection_id AND t.key = i.key
  WHERE i.kind = 'stock.set' AND i.adaptive
  ORDER BY i.connection_id, i.kind, i.key
  FOR UPDATE OF i
)
UPDATE outbox.intent i
SET safety = l.safety, thin_below = l.thin_below, thin_from = l.thin_from, thin_to = l.thin_to,
  siblings = ARRAY(SELECT jsonb_array_elements_text(l.siblings)), value = l.value,
  state = CASE
    WHEN i.state IN ('sending', 'unknown', 'dead') THEN i.state
    WHEN i.counted AND (i.believed IS DISTINCT FROM l.value
      OR i.unsure_down + i.unsure_up > 0 OR i.look) THEN 'due'
    ELSE 'settled' END,
  due_at = CASE WHEN i.state = 'settled' THEN now() ELSE i.due_at END,
  wanted_at = CASE WHEN i.state = 'settled' THEN now() ELSE i.wanted_at END
FROM locked l
WHERE i.connection_id = l.connection_id AND i.kind = l.kind AND i.key = l.key;
