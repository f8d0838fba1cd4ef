-- name: listings_to_compare
-- What shall stand at one channel, listing by listing, and what is believed to. `shall` is what
-- stands there once nothing is open: what dropped unread is not taken off.
-- Parameters: connection_id; keys: array or null for all.
-- Rows: many, in the order of their keys.
-- Index: intent primary key.
SELECT sku, key, target, outbox.offer(available, 0, buffer, cap, share_percent, ahead, safety,
    thin_below, thin_from, thin_to) AS shall, counted, value, believed, dropped, risen, sequence,
  confirmed_sequence, state, attempts, due_at, wanted_at, unexplained_since,
  unsure_down + unsure_up > 0 OR look AS unsure
FROM outbox.intent
WHERE connection_id = %(connection_id)s AND kind = 'stock.set'
  AND (%(keys)s::text[] IS NULL OR key = ANY(%(keys)s::text[]))
ORDER BY key;

-- name: newest_calls
-- The newest calls to one channel about some SKUs.
-- Parameters: connection_id, keys, count: calls a SKU.
-- Rows: many, newest first within a SKU.
-- Index: call_intent_key, call primary key.
SELECT k.key, f.*
FROM unnest(%(keys)s::text[]) AS k (key)
CROSS JOIN LATERAL (
  SELECT c.call_id, c.state, c.started_at, c.finished_at, i.value, i.expected, i.sequence,
    i.receipt, i.observed, i.code
  FROM outbox.call_intent i JOIN outbox.call c USING (call_id)
  WHERE i.key = k.key AND c.connection_id = %(connection_id)s AND c.kind = 'stock.set'
  ORDER BY i.call_id DESC LIMIT %(count)s
) f
ORDER BY k.key, f.call_id DESC;

-- name: note_forgiven
-- Keeps what was waited for in vain.
-- Parameters: connection_id, forgiven_at; keys, sinces, dropped, risen: arrays of equal length.
-- Rows: none.
-- Index: forgiven primary key.
INSERT INTO outbox.forgiven (connection_id, key, since_at, forgiven_at, dropped, risen)
SELECT %(connection_id)s, f.key, f.since_at, %(forgiven_at)s, f.dropped, f.risen
FROM unnest(%(keys)s::text[], %(sinces)s::timestamptz[], %(dropped)s::int[], %(risen)s::int[])
  AS f (key, since_at, dropped, risen)
ON CONFLICT DO NOTHING;

-- name: forgiven_since
-- What of one channel was waited for in vain after an instant.
-- Parameters: connection_id, since.
-- Rows: many, oldest first: key, since_at, forgiven_at, dropped, risen.
-- Index: forgiven primary key.
SELECT key, since_at, forgiven_at, dropped, risen FROM outbox.forgiven
WHERE connection_id = %(connection_id)s AND forgiven_at >= %(since)s
ORDER BY forgiven_at, key;

-- name: trim_forgiven
-- Forgets what was forgiven long ago.
-- Parameters: connection_id, before.
-- Rows: none.
-- Index: forgiven primary key.
DELETE FROM outbox.forgiven
WHERE connection_id = %(connection_id)s AND forgiven_at < %(before)s;

-- name: note_levels
-- Believes what a look found where nothing is on its way: a lower number may be a sale that has not
-- been read, so it is never raised over before that is known; a higher one is said down by the next
-- call. What is read later and happened before the look explains it, as after a call that compared.
-- An intent that changed since the look is left alone.
-- Parameters: connection_id; keys, levels, values, sequences, believed (as they were at the look):
-- arrays of equal length; now.
-- Rows: many: key.
-- Index: intent primary key.
WITH seen AS (
  SELECT * FROM unnest(%(keys)s::text[], %(levels)s::int[], %(values)s::int[],
    %(sequences)s::bigint[], %(believed)s::int[])
    AS s (key, level, value, sequence, believed)
), locked AS (
  SELECT i.connection_id, i.kind, i.key, s.level, i.believed, i.value,
    greatest(0, i.believed - s.level - i.unsure_down) AS fell,
    greatest(0, s.level - i.believed - i.unsure_up) AS rose
  FROM outbox.intent i JOIN seen s ON s.key = i.key
  WHERE i.connection_id = %(connection_id)s AND i.kind = 'stock.set'
    AND i.state IN ('settled', 'due') AND i.value = s.value AND i.sequence = s.sequence
    AND i.believed = s.believed AND i.believed <> s.level
  ORDER BY i.connection_id, i.kind, i.key
  FOR UPDATE OF i
)
UPDATE outbox.intent i
SET believed = l.level, dropped = i.dropped + l.fell, risen = i.risen + l.rose, unsure_down = 0,
  unsure_up = 0, look = false, said_at = %(now)s, said_up_at = %(now)s,
  unexplained_since = %(now)s, value = greatest(0, l.value - l.fell), due_at = %(now)s,
  state = CASE WHEN l.level = greatest(0, l.value - l.fell) THEN 'settled' ELSE 'due' END
FROM locked l
WHERE i.connection_id = l.connection_id AND i.kind = l.kind AND i.key = l.key
RETURNING i.key;

-- name: revive_listings
-- Puts intents of one channel that were given up back to work.
-- Parameters: connection_id, keys, now.
-- Rows: many: key.
-- Index: intent primary key.
UPDATE outbox.intent SET state = 'due', attempts = 0, due_at = %(now)s
WHERE connection_id = %(connection_id)s AND kind = 'stock.set' AND state = 'dead'
  AND key = ANY(%(keys)s::text[])
RETURNING key;

-- name: hasten_listings
-- Lets intents of one channel that wait after a failed try be tried now; the try does not count.
-- Parameters: connection_id, keys, now.
-- Rows: many: key.
-- Index: intent primary key.
UPDATE outbox.intent SET due_at = %(now)s, attempts = attempts - 1
WHERE connection_id = %(connection_id)s AND kind = 'stock.set' AND state = 'due'
  AND attempts > 0 AND due_at > %(now)s AND key = ANY(%(keys)s::text[])
RETURNING key;
