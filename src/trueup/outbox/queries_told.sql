-- name: call_latency
-- How long after an event its call left, in ms, over the newest calls; a look tells nothing new.
-- Parameters: count: intents looked at.
-- Rows: one: intents, p50_ms, p95_ms, p99_ms.
-- Index: call_intent primary key.
SELECT count(*) AS intents,
  coalesce(percentile_cont(0.50) WITHIN GROUP (ORDER BY ms), 0)::float8 AS p50_ms,
  coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY ms), 0)::float8 AS p95_ms,
  coalesce(percentile_cont(0.99) WITHIN GROUP (ORDER BY ms), 0)::float8 AS p99_ms
FROM (
  SELECT extract(epoch FROM c.started_at - i.wanted_at) * 1000 AS ms
  FROM outbox.call_intent i JOIN outbox.call c USING (call_id)
  WHERE i.value IS DISTINCT FROM i.expected
  ORDER BY i.call_id DESC LIMIT %(count)s
) m;

-- name: calls_of_sku
-- What was said to the channels of one SKU, newest first.
-- Parameters: sku, count.
-- Rows: many.
-- Index: intent_sku, call_intent_key.
SELECT c.call_id, c.connection_id, c.kind, i.value, i.expected, i.sequence, i.receipt, i.observed,
  i.code, c.sends, c.started_at, c.finished_at
FROM outbox.call_intent i JOIN outbox.call c USING (call_id)
WHERE i.key = %(sku)s OR i.key IN (SELECT f.key FROM outbox.intent f
  WHERE f.kind = 'stock.set' AND f.sku = %(sku)s)
ORDER BY i.call_id DESC LIMIT %(count)s;

-- name: calls_since
-- What was first said to each channel of some SKUs after an instant.
-- Parameters: skus; since: instant.
-- Rows: many, one a (connection, listing).
-- Index: intent_sku, call_intent_key, call primary key.
SELECT k.sku, k.key, k.connection_id, f.*
FROM (
  SELECT DISTINCT sku, key, connection_id FROM outbox.intent
  WHERE kind = 'stock.set' AND sku = ANY(%(skus)s::text[])
) k
CROSS JOIN LATERAL (
  SELECT c.call_id, c.kind, i.value, i.expected, i.sequence, i.receipt, i.observed, i.code,
    c.sends, c.started_at, c.finished_at
  FROM outbox.call_intent i JOIN outbox.call c USING (call_id)
  WHERE i.key = k.key AND c.connection_id = k.connection_id AND c.started_at >= %(since)s
  ORDER BY i.call_id LIMIT 1
) f
ORDER BY k.key, k.connection_id;
