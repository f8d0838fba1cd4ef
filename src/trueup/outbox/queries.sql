-- name: change_stock
-- Sets what shall stand at every channel that lists a SKU, after its balance changed.
-- What the channel itself told us of (a sale, a restock) has changed its own number already, so it
-- moves what is believed to stand there; unless that change was seen before it was read: then it
-- explains what was dropped or had risen. At a vendor that sets a number without comparing, what
-- it sold before we last said one was written over by that: it moves nothing there. A minute is
-- allowed for clocks; taking a sale for an older one costs a call, the other way a unit.
-- Parameters: keys, values (available, may be negative), sequences, counted, seen_ats: arrays of
-- equal length, one element a SKU; own_keys, own_connections, own_down, own_up (units, >= 0),
-- own_ats (when the first of them happened): arrays of equal length.
-- Rows: many: connection_id, key, for those that changed.
-- Index: intent_key.
WITH changed AS (
  SELECT * FROM unnest(%(keys)b::text[], %(values)b::int[], %(sequences)b::bigint[],
    %(counted)b::bool[], %(seen_ats)b::timestamptz[])
    AS c (key, available, sequence, counted, seen_at)
), own AS (
  SELECT * FROM unnest(%(own_keys)b::text[], %(own_connections)b::int[], %(own_down)b::int[],
    %(own_up)b::int[], %(own_ats)b::timestamptz[])
    AS o (key, connection_id, down, up, at)
), locked AS (
  SELECT i.connection_id, i.kind, i.key, i.state, i.believed, i.dropped, i.risen,
    c.available, c.sequence, c.counted, c.seen_at, coalesce(o.down, 0) AS down,
    coalesce(o.up, 0) AS up,
    CASE WHEN o.at <= i.said_at + interval '60 s' THEN 0 ELSE 1 END AS moved
  FROM outbox.intent i
  JOIN changed c ON c.key = i.key
  LEFT JOIN own o ON o.key = i.key AND o.connection_id = i.connection_id
  WHERE i.kind = 'stock.set' AND i.sequence < c.sequence
  ORDER BY i.connection_id, i.kind, i.key
  FOR UPDATE OF i
), judged AS (
  SELECT connection_id, kind, key, state, available, sequence, counted, seen_at,
    dropped - least(dropped, down) AS dropped, risen - least(risen, up) AS risen,
    believed - moved * (down - least(dropped, down)) + moved * (up - least(risen, up)) AS believed
  FROM locked
), valued AS (
  SELECT *, greatest(0, available - dropped) AS value FROM judged
)
UPDATE outbox.intent i
SET value = v.value, available = v.available, sequence = v.sequence, believed = v.believed,
  dropped = v.dropped, risen = v.risen,
  unexplained_since = CASE WHEN v.dropped + v.risen = 0 THEN NULL ELSE i.unexplained_since END,
  state = CASE
    WHEN v.state IN ('sending', 'unknown') THEN v.state
    WHEN v.counted AND v.believed IS DISTINCT FROM v.value THEN 'due'
    ELSE 'settled' END,
  attempts = CASE WHEN v.state = 'dead' THEN 0 ELSE i.attempts END,
  due_at = CASE WHEN v.state = 'due' THEN i.due_at ELSE now() END,
  wanted_at = CASE WHEN v.state IN ('settled', 'dead') THEN v.seen_at ELSE i.wanted_at END
FROM valued v
WHERE i.connection_id = v.connection_id AND i.kind = v.kind AND i.key = v.key
RETURNING i.connection_id, i.key;

-- name: want_listings
-- Makes an intent for every listing that has none, with what is available now; a listing whose
-- item moved gets its new target. The caller holds the SKU's balance.
-- Parameters: arrays of equal length.
-- Rows: none.
-- Index: intent primary key.
INSERT INTO outbox.intent AS i
  (connection_id, kind, key, target, value, available, sequence, state)
SELECT connection_id, 'stock.set', key, target::jsonb, greatest(0, available), available, sequence,
  CASE WHEN counted THEN 'due' ELSE 'settled' END
FROM unnest(%(connection_ids)s::int[], %(keys)s::text[], %(targets)s::text[],
  %(available)s::int[], %(sequences)s::bigint[], %(counted)s::bool[])
  AS w (connection_id, key, target, available, sequence, counted)
ON CONFLICT (connection_id, kind, key) DO UPDATE SET target = excluded.target
WHERE i.target <> excluded.target;

-- name: drop_listings
-- Forgets intents of listings that ended, unless one is being sent.
-- Parameters: connection_ids, keys: arrays of equal length.
-- Rows: none.
-- Index: intent primary key.
DELETE FROM outbox.intent i
USING unnest(%(connection_ids)s::int[], %(keys)s::text[]) AS g (connection_id, key)
WHERE i.connection_id = g.connection_id AND i.kind = 'stock.set' AND i.key = g.key
  AND i.state IN ('settled', 'due', 'dead');

-- name: observe_levels
-- Takes note of what a channel says stands there: an echo of what we sent settles nothing new; a
-- number we never had word of is believed from now on only where nothing was believed before.
-- Parameters: connection_ids, keys, levels: arrays of equal length.
-- Rows: many: connection_id, key, believed, level, echo.
-- Index: intent primary key.
WITH seen AS (
  SELECT * FROM unnest(%(connection_ids)s::int[], %(keys)s::text[], %(levels)s::int[])
    AS s (connection_id, key, level)
), first_word AS (
  UPDATE outbox.intent i
  SET believed = s.level,
    state = CASE WHEN i.state = 'due' AND i.value = s.level THEN 'settled' ELSE i.state END
  FROM seen s
  WHERE i.connection_id = s.connection_id AND i.kind = 'stock.set' AND i.key = s.key
    AND i.believed IS NULL AND i.state IN ('settled', 'due')
  RETURNING i.connection_id, i.key, i.believed
)
SELECT i.connection_id, i.key, i.believed, s.level,
  coalesce(i.believed = s.level OR i.value = s.level, true) AS echo
FROM outbox.intent i JOIN seen s ON i.connection_id = s.connection_id AND i.key = s.key
WHERE i.kind = 'stock.set';

-- name: claim_call
-- Takes due intents of one connection, nearest to zero first, and writes their call down, all in
-- one statement, so that it is durable in one commit before anything is sent.
-- Parameters: connection_id, kind, idempotency_key, count, now: instant of the caller's clock or
-- null.
-- Rows: many, one an intent in order: call_id, key, target, value, expected, sequence, wanted_at,
-- attempts; none where nothing is due.
-- Index: intent_due.
WITH next AS (
  SELECT connection_id, kind, key FROM outbox.intent
  WHERE connection_id = %(connection_id)s AND kind = %(kind)s AND state = 'due'
    AND due_at <= coalesce(%(now)s::timestamptz, now())
  ORDER BY value, wanted_at
  LIMIT %(count)s
  FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE outbox.intent i SET state = 'sending'
  FROM next n
  WHERE i.connection_id = n.connection_id AND i.kind = n.kind AND i.key = n.key
  RETURNING i.key, i.target, i.value, i.believed, i.sequence, i.wanted_at, i.attempts
), begun AS (
  INSERT INTO outbox.call (connection_id, kind, idempotency_key, state)
  SELECT %(connection_id)s, %(kind)s, %(idempotency_key)s, 'sending'
  WHERE EXISTS (SELECT FROM taken)
  RETURNING call_id
), numbered AS (
  SELECT (row_number() OVER (ORDER BY key) - 1)::smallint AS ordinal, * FROM taken
), noted AS (
  INSERT INTO outbox.call_intent
    (call_id, ordinal, key, target, value, expected, sequence, wanted_at)
  SELECT b.call_id, n.ordinal, n.key, n.target, n.value, n.believed, n.sequence, n.wanted_at
  FROM numbered n CROSS JOIN begun b
)
SELECT b.call_id, n.key, n.target, n.value, n.believed AS expected, n.sequence, n.wanted_at,
  n.attempts
FROM numbered n CROSS JOIN begun b
ORDER BY n.ordinal;

-- name: open_calls
-- Calls of a connection of which nobody knows what came.
-- Parameters: connection_id.
-- Rows: many, oldest first, one a (call, intent).
-- Index: call_open.
SELECT c.call_id, c.kind, c.idempotency_key::text AS idempotency_key, c.sends, i.ordinal, i.key,
  i.target, i.value, i.expected, i.sequence, i.wanted_at
FROM outbox.call c JOIN outbox.call_intent i USING (call_id)
WHERE c.connection_id = %(connection_id)s AND c.state IN ('sending', 'unknown')
ORDER BY c.call_id, i.ordinal;

-- name: resend_call
-- Counts one more sending of the same call with the same key.
-- Parameters: call_id.
-- Rows: none.
-- Index: call primary key.
UPDATE outbox.call SET sends = sends + 1, state = 'sending' WHERE call_id = %(call_id)s;

-- name: end_call
-- Writes down what came of a call.
-- Parameters: call_id, state, reply_event_id: number or null; check_delay_s: after which a
-- submitted call is looked at again; now: instant or null.
-- Rows: none.
-- Index: call primary key.
UPDATE outbox.call
SET state = %(state)s, finished_at = CASE WHEN %(state)s = 'unknown' THEN NULL ELSE now() END,
  reply_event_id = %(reply_event_id)s,
  check_at = CASE WHEN %(state)s = 'submitted'
    THEN coalesce(%(now)s::timestamptz, now()) + make_interval(secs => %(check_delay_s)s::float8) END
WHERE call_id = %(call_id)s;

-- name: end_call_intents
-- Writes down the receipts of a call.
-- Parameters: call_id; ordinals, receipts, observed, codes: arrays of equal length.
-- Rows: none.
-- Index: call_intent primary key.
UPDATE outbox.call_intent c
SET receipt = r.receipt, observed = r.observed, code = r.code
FROM unnest(%(ordinals)s::int[], %(receipts)s::text[], %(observed)s::int[], %(codes)s::text[])
  AS r (ordinal, receipt, observed, code)
WHERE c.call_id = %(call_id)s AND c.ordinal = r.ordinal;

-- name: settle_intents
-- Carries receipts over to the intents. What was sent stands there now, less what the channel sold
-- of its own meanwhile (the change of `believed` since it was claimed).
-- Parameters: connection_id, kind; arrays of equal length: keys, sent (value), expected, sequences,
-- receipts, observed, delays (s), dead, failed (booleans); overwrites: the vendor sets a number
-- without comparing; now: instant of the caller's clock or null.
-- Rows: many: key, state.
-- Index: intent primary key.
WITH receipt AS (
  SELECT * FROM unnest(%(keys)s::text[], %(sent)s::int[], %(expected)s::int[],
    %(sequences)s::bigint[], %(receipts)s::text[], %(observed)s::int[], %(delays)s::float8[],
    %(dead)s::bool[], %(failed)s::bool[])
    AS r (key, sent, expected, sequence, receipt, observed, delay_s, dead, failed)
), locked AS (
  -- What a vendor took in counts as standing there, so that a newer number is not held up; whether
  -- it was applied is looked at later.
  SELECT i.connection_id, i.kind, i.key, i.available, i.believed, i.dropped, i.risen, r.sent,
    r.sequence, CASE r.receipt WHEN 'submitted' THEN 'done' ELSE r.receipt END AS receipt,
    r.observed, r.delay_s, r.dead, r.failed,
    CASE WHEN %(overwrites)s THEN 0 ELSE coalesce(i.believed - r.expected, 0) END AS drift
  FROM outbox.intent i JOIN receipt r ON r.key = i.key
  WHERE i.connection_id = %(connection_id)s AND i.kind = %(kind)s
    AND i.state IN ('sending', 'unknown')
  ORDER BY i.connection_id, i.kind, i.key
  FOR UPDATE OF i
), judged AS (
  SELECT l.connection_id, l.kind, l.key, l.receipt, l.sequence, l.delay_s, l.dead, l.failed,
    l.available,
    CASE
      WHEN l.receipt = 'done' THEN l.sent + l.drift
      WHEN l.observed IS NOT NULL THEN l.observed
      ELSE l.believed END AS believed,
    -- A lower number than was believed may be a sale that has not been read yet, a higher one a
    -- restock; they are kept apart, so that one never hides the other.
    l.dropped + CASE WHEN l.receipt <> 'done'
      THEN greatest(0, coalesce(l.believed - l.observed, 0)) ELSE 0 END AS dropped,
    l.risen + CASE WHEN l.receipt <> 'done'
      THEN greatest(0, coalesce(l.observed - l.believed, 0)) ELSE 0 END AS risen
  FROM locked l
), valued AS (
  SELECT *, greatest(0, available - dropped) AS value FROM judged
)
UPDATE outbox.intent i
SET believed = v.believed,
  said_at = CASE WHEN v.receipt = 'done' AND %(overwrites)s
    THEN coalesce(%(now)s::timestamptz, now()) ELSE i.said_at END,
  dropped = v.dropped,
  risen = v.risen,
  unexplained_since = CASE
    WHEN v.dropped + v.risen = 0 THEN NULL
    WHEN v.dropped > i.dropped OR v.risen > i.risen THEN coalesce(%(now)s::timestamptz, now())
    ELSE i.unexplained_since END,
  value = v.value,
  confirmed_sequence = CASE WHEN v.receipt = 'done'
    THEN greatest(i.confirmed_sequence, v.sequence) ELSE i.confirmed_sequence END,
  state = CASE
    WHEN v.dead THEN 'dead'
    WHEN v.receipt = 'unknown' THEN 'unknown'
    WHEN v.believed IS NOT DISTINCT FROM v.value THEN 'settled'
    ELSE 'due' END,
  attempts = CASE WHEN v.receipt = 'done' THEN 0 ELSE i.attempts + v.failed::int END,
  due_at = coalesce(%(now)s::timestamptz, now()) + make_interval(secs => v.delay_s)
FROM valued v
WHERE i.connection_id = v.connection_id AND i.kind = v.kind AND i.key = v.key
RETURNING i.key, i.state;

-- name: forgive_unexplained
-- Ends the patience with changes at a channel that nothing we read explains: the ledger's number
-- counts again.
-- Parameters: connection_id, seen_before: instant; what was seen before it has been waited for.
-- Rows: many: key, dropped, risen (units).
-- Index: intent primary key.
WITH late AS (
  SELECT connection_id, kind, key, dropped, risen, greatest(0, available) AS value
  FROM outbox.intent
  WHERE connection_id = %(connection_id)s AND dropped + risen > 0
    AND unexplained_since < %(seen_before)s AND state IN ('settled', 'due')
  ORDER BY connection_id, kind, key
  FOR UPDATE
)
UPDATE outbox.intent i
SET value = l.value, dropped = 0, risen = 0, unexplained_since = NULL, due_at = now(),
  state = CASE WHEN i.believed IS NOT DISTINCT FROM l.value THEN 'settled' ELSE 'due' END
FROM late l
WHERE i.connection_id = l.connection_id AND i.kind = l.kind AND i.key = l.key
RETURNING i.key, l.dropped, l.risen;

-- name: want_fetches
-- Notes records that must be read from the vendor.
-- Parameters: arrays of equal length.
-- Rows: none.
-- Index: the unique key of fetch.
INSERT INTO outbox.fetch (connection_id, resource, ref, event_id)
SELECT * FROM unnest(%(connection_ids)s::int[], %(resources)s::text[], %(refs)s::text[],
  %(event_ids)s::bigint[])
ON CONFLICT DO NOTHING;

-- name: due_fetches
-- The records of a connection that are to be read now.
-- Parameters: connection_id, count, now: instant or null.
-- Rows: many.
-- Index: fetch_due.
SELECT fetch_id, resource, ref, attempts FROM outbox.fetch
WHERE connection_id = %(connection_id)s AND state = 'due'
  AND due_at <= coalesce(%(now)s::timestamptz, now())
ORDER BY due_at, fetch_id LIMIT %(count)s;

-- name: end_fetch
-- Writes down what came of a fetch.
-- Parameters: fetch_id, state, delay_s, failed, now: instant or null.
-- Rows: none.
-- Index: fetch primary key.
UPDATE outbox.fetch
SET state = %(state)s, attempts = attempts + %(failed)s::int,
  due_at = coalesce(%(now)s::timestamptz, now()) + make_interval(secs => %(delay_s)s)
WHERE fetch_id = %(fetch_id)s;

-- name: hasten
-- Lets everything of a connection that waits after failed tries be tried now. What a person is
-- asked about stays with the person. A try that was brought forward does not count, so that a
-- vendor that comes and goes uses nobody's tries up.
-- Parameters: connection_id, now: instant or null, wait_s_max: no schedule waits longer; codes: of
-- the failures that are over.
-- Rows: none.
-- Index: intent_due, fetch_due, command_due, command_open.
WITH instant AS (
  SELECT coalesce(%(now)s::timestamptz, now()) AS at
), intents AS (
  UPDATE outbox.intent SET due_at = instant.at, attempts = attempts - 1 FROM instant
  WHERE connection_id = %(connection_id)s AND state = 'due' AND attempts > 0
    AND due_at > instant.at
), fetches AS (
  UPDATE outbox.fetch SET due_at = instant.at, attempts = attempts - 1 FROM instant
  WHERE connection_id = %(connection_id)s AND state = 'due' AND attempts > 0
    AND due_at > instant.at
)
UPDATE outbox.command SET due_at = instant.at, attempts = greatest(0, attempts - 1) FROM instant
WHERE connection_id = %(connection_id)s AND state IN ('due', 'unknown')
  AND code = ANY(%(codes)s::text[])
  AND due_at > instant.at AND due_at <= instant.at + make_interval(secs => %(wait_s_max)s::float8);

-- name: list_intents
-- What shall stand where, and what is believed to.
-- Parameters: key: text or null; state: text or null; count.
-- Rows: many.
-- Index: intent_key.
SELECT connection_id, kind, key, value, sequence, state, believed, dropped, risen,
  confirmed_sequence, attempts, due_at, wanted_at
FROM outbox.intent
WHERE (%(key)s::text IS NULL OR key = %(key)s::text)
  AND (%(state)s::text IS NULL OR state = %(state)s::text)
ORDER BY key, connection_id LIMIT %(count)s;

-- name: count_outbox
-- What is in the outbox.
-- Parameters: none.
-- Rows: one.
-- Index: none; counts are exact.
SELECT
  (SELECT count(*) FROM outbox.intent) AS intents,
  (SELECT count(*) FROM outbox.intent WHERE state = 'due') AS due,
  (SELECT count(*) FROM outbox.intent WHERE state IN ('sending', 'unknown')) AS in_flight,
  (SELECT count(*) FROM outbox.intent WHERE state = 'dead') AS dead,
  (SELECT count(*) FROM outbox.intent WHERE dropped + risen > 0) AS unexplained,
  (SELECT count(*) FROM outbox.fetch WHERE state = 'due') AS fetches,
  (SELECT count(*) FROM outbox.call) AS calls,
  (SELECT coalesce(sum(sends - 1), 0) FROM outbox.call)::bigint AS repeats,
  (SELECT count(*) FROM outbox.call WHERE state = 'done') AS calls_done;

-- name: call_latency
-- How long after an event its call left, in ms, over the newest calls.
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
  ORDER BY i.call_id DESC LIMIT %(count)s
) m;

-- name: calls_of_key
-- What was said to the channels of one SKU, newest first.
-- Parameters: key, count.
-- Rows: many.
-- Index: call_intent_key.
SELECT c.call_id, c.connection_id, c.kind, i.value, i.expected, i.sequence, i.receipt, i.observed,
  i.code, c.sends, c.started_at, c.finished_at
FROM outbox.call_intent i JOIN outbox.call c USING (call_id)
WHERE i.key = %(key)s ORDER BY i.call_id DESC LIMIT %(count)s;

-- name: list_dead
-- Intents that were given up, with the last word on them.
-- Parameters: count.
-- Rows: many.
-- Index: call_intent_key.
SELECT i.connection_id, i.kind, i.key, i.value, i.believed, i.attempts, i.due_at,
  (SELECT c.code FROM outbox.call_intent c WHERE c.key = i.key
    ORDER BY c.call_id DESC LIMIT 1) AS code
FROM outbox.intent i WHERE i.state = 'dead' ORDER BY i.key LIMIT %(count)s;

-- name: revive_dead
-- Puts intents that were given up back to work.
-- Parameters: keys: array or null for all.
-- Rows: many: connection_id, key.
-- Index: intent_key.
UPDATE outbox.intent SET state = 'due', attempts = 0, due_at = now()
WHERE state = 'dead' AND (%(keys)s::text[] IS NULL OR key = ANY(%(keys)s::text[]))
RETURNING connection_id, key;

-- name: intents_of_keys
-- What shall stand where, of some SKUs, and what is believed to.
-- Parameters: keys.
-- Rows: many.
-- Index: intent_key.
SELECT connection_id, kind, key, value, sequence, state, believed, dropped, risen,
  confirmed_sequence, attempts, due_at, wanted_at
FROM outbox.intent
WHERE kind = 'stock.set' AND key = ANY(%(keys)s::text[])
ORDER BY key, connection_id;

-- name: calls_since
-- What was first said to each channel of some SKUs after an instant.
-- Parameters: keys; since: instant.
-- Rows: many, one a (SKU, connection).
-- Index: intent_key, call_intent_key, call primary key.
SELECT k.key, k.connection_id, f.*
FROM (
  SELECT DISTINCT key, connection_id FROM outbox.intent
  WHERE kind = 'stock.set' AND key = ANY(%(keys)s::text[])
) k
CROSS JOIN LATERAL (
  SELECT c.call_id, c.kind, i.value, i.expected, i.sequence, i.receipt, i.observed, i.code,
    c.sends, c.started_at, c.finished_at
  FROM outbox.call_intent i JOIN outbox.call c USING (call_id)
  WHERE i.key = k.key AND c.connection_id = k.connection_id AND c.started_at >= %(since)s
  ORDER BY i.call_id LIMIT 1
) f
ORDER BY k.key, k.connection_id;
