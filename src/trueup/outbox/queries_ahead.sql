-- name: listings_ahead
-- The listings at which what is to come counts.
-- Parameters: skus: null: all.
-- Rows: many: connection_id, sku, key, ahead_incoming, ahead_days, incoming.
-- Index: intent_ahead.
SELECT connection_id, sku, key, ahead_incoming, ahead_days, incoming FROM outbox.intent
WHERE kind = 'stock.set' AND ahead_incoming
  AND (%(skus)s::text[] IS NULL OR sku = ANY(%(skus)s::text[]))
ORDER BY connection_id, key;

-- name: lock_listings
-- Makes whoever else decides about some listings wait: of two who count what is to come at once,
-- the later counts what the earlier wrote. All that a batch will change is locked, in one order.
-- Parameters: skus.
-- Rows: many: connection_id, sku, key, ahead_incoming, ahead_days, incoming.
-- Index: intent_sku.
SELECT connection_id, sku, key, ahead_incoming, ahead_days, incoming FROM outbox.intent
WHERE kind = 'stock.set' AND sku = ANY(%(skus)s::text[])
ORDER BY connection_id, kind, key
FOR UPDATE;

-- name: change_ahead
-- Sets how many units are to come at some listings, and decides anew what shall stand there. The
-- caller holds them.
-- Parameters: connection_ids, keys, incoming: arrays of equal length.
-- Rows: none.
-- Index: intent primary key.
WITH told AS (
  SELECT * FROM unnest(%(connection_ids)s::int[], %(keys)s::text[], %(incoming)s::int[])
    AS t (connection_id, key, incoming)
), valued AS (
  SELECT i.connection_id, i.kind, i.key, t.incoming, a.ahead,
    outbox.offer(i.available, i.dropped, i.buffer, i.cap, i.share_percent, a.ahead, i.safety,
      i.thin_below, i.thin_from, i.thin_to) AS value
  FROM outbox.intent i
  JOIN told t ON t.connection_id = i.connection_id AND t.key = i.key
  CROSS JOIN LATERAL (
    SELECT outbox.ahead_of(i.ahead_incoming, i.ahead_max, t.incoming) AS ahead) a
  WHERE i.kind = 'stock.set'
)
UPDATE outbox.intent i
SET incoming = v.incoming, ahead = v.ahead, value = v.value,
  state = CASE
    WHEN i.state IN ('sending', 'unknown') THEN i.state
    WHEN i.state = 'dead' AND i.value = v.value THEN i.state
    WHEN i.counted AND (i.believed IS DISTINCT FROM v.value
      OR i.unsure_down + i.unsure_up > 0 OR i.look) THEN 'due'
    ELSE 'settled' END,
  attempts = CASE WHEN i.state = 'dead' AND i.value <> v.value THEN 0 ELSE i.attempts END,
  -- What waited for a look alone is in no hurry; a new number is.
  due_at = CASE WHEN i.state = 'due' AND NOT (i.attempts = 0 AND i.value = i.believed)
    THEN i.due_at ELSE now() END,
  wanted_at = CASE WHEN i.state = 'settled' OR (i.state = 'dead' AND i.value <> v.value)
    THEN now() ELSE i.wanted_at END
FROM valued v
WHERE i.connection_id = v.connection_id AND i.kind = v.kind AND i.key = v.key;
