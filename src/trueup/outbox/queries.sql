-- name: change_stock
-- Sets what shall stand at every channel that lists a SKU, after its balance changed.
-- What the channel itself told us of (a sale, a restock) has changed its own number already, so it
-- moves what is believed to stand there; unless that change was seen before it was read: then it
-- explains what was dropped or had risen, and a look at the channel shall confirm it. What happened
-- before the number there was last looked at or written over may be in it already; what happened
-- before it was learned at first explains nothing that was seen later, and what happened after
-- something was found missing does not explain that. A minute is allowed for
-- clocks; whatever a channel's clock says, nothing was sold after it was told. Of such units nobody
-- is sure: the next call finds out, and takes a difference by them for explained. What a listing
-- sells is noted as its rate and its pace, which decay by half in `half_life_s` and
-- `pace_half_life_s`; sales that are told as history are no rate. What was sold through a further
-- listing of a SKU has changed the number of that one, otherwise the number of the first.
-- Parameters: skus, values (available, may be negative), sequences, counted, seen_ats: arrays of
-- equal length, one element a SKU; own_skus, own_connections, own_variants (variant_ref, or empty),
-- own_down, own_up (units, >= 0),
-- own_ats (when the first of them happened), own_live (units of own_down that were told as they
-- happened): arrays of equal length; site_skus, site_connections,
-- site_values: what is available to channels that sell from some sites only; half_life_s,
-- pace_half_life_s.
-- Rows: many: connection_id, state, for those that changed.
-- Index: intent_sku, intent_further.
WITH changed AS (
  SELECT * FROM unnest(%(skus)b::text[], %(values)b::int[], %(sequences)b::bigint[],
    %(counted)b::bool[], %(seen_ats)b::timestamptz[])
    AS c (sku, available, sequence, counted, seen_at)
), own AS (
  SELECT coalesce(f.key, o.sku) AS key, o.connection_id, sum(o.down)::int AS down,
    sum(o.up)::int AS up, min(o.at) AS at, sum(o.live)::int AS live
  FROM unnest(%(own_skus)b::text[], %(own_connections)b::int[], %(own_variants)b::text[],
    %(own_down)b::int[], %(own_up)b::int[], %(own_ats)b::timestamptz[], %(own_live)b::int[])
    AS o (sku, connection_id, variant_ref, down, up, at, live)
  LEFT JOIN outbox.intent f ON f.connection_id = o.connection_id AND f.kind = 'stock.set'
    AND f.key = outbox.further_key(o.sku, o.variant_ref) AND f.key <> f.sku
  GROUP BY 1, 2
), at_sites AS (
  SELECT * FROM unnest(%(site_skus)b::text[], %(site_connections)b::int[], %(site_values)b::int[])
    AS s (sku, connection_id, available)
), locked AS (
  SELECT i.*, coalesce(s.available, c.available) AS left_now, c.sequence AS sequence_now,
    c.counted AS counted_now, c.seen_at, coalesce(o.down, 0) AS down, coalesce(o.up, 0) AS up,
    coalesce(o.live, 0) AS sold_lately,
    (least(o.at, c.seen_at) <= i.said_at + interval '60 s') IS TRUE AS early_down,
    (least(o.at, c.seen_at) <= i.said_up_at + interval '60 s') IS TRUE AS early_up,
    (least(o.at, c.seen_at) <= i.unexplained_since + interval '60 s') IS TRUE AS explains,
    (o.at <= i.learned_at + interval '60 s') IS TRUE AS unknown
  FROM outbox.intent i
  JOIN changed c ON c.sku = i.sku
  LEFT JOIN own o ON o.key = i.key AND o.connection_id = i.connection_id
  LEFT JOIN at_sites s ON s.sku = i.sku AND s.connection_id = i.connection_id
  WHERE i.kind = 'stock.set' AND i.sequence < c.sequence
  ORDER BY i.connection_id, i.kind, i.key
  FOR UPDATE OF i
), explained AS (
  SELECT *,
    CASE WHEN early_down AND explains AND NOT unknown THEN least(dropped, down) ELSE 0 END AS fewer,
    CASE WHEN early_up AND explains AND NOT unknown THEN least(risen, up) ELSE 0 END AS more
  FROM locked
), judged AS (
  SELECT connection_id, kind, key, state, left_now AS available, sequence_now AS sequence,
    counted_now AS counted, seen_at, sold_lately, dropped - fewer AS dropped, risen - more AS risen,
    look OR fewer + more > 0 AS look,
    believed - CASE WHEN early_down OR unknown THEN 0 ELSE down END
      + CASE WHEN early_up OR unknown THEN 0 ELSE up END AS believed,
    unsure_down + CASE WHEN early_down OR unknown THEN down - fewer ELSE 0 END AS unsure_down,
    unsure_up + CASE WHEN early_up OR unknown THEN up - more ELSE 0 END AS unsure_up,
    moved_down + CASE WHEN early_down OR unknown THEN 0 ELSE down END AS moved_down,
    moved_up + CASE WHEN early_up OR unknown THEN 0 ELSE up END AS moved_up,
    outbox.offer(left_now, dropped - fewer, buffer, cap, share_percent, ahead, safety,
      thin_below, thin_from, thin_to) AS value
  FROM explained
)
UPDATE outbox.intent i
SET value = v.value, available = v.available, sequence = v.sequence, believed = v.believed,
  dropped = v.dropped, dropped_unsure = least(i.dropped_unsure, v.dropped), risen = v.risen,
  counted = v.counted, unsure_down = v.unsure_down, unsure_up = v.unsure_up, look = v.look,
  moved_down = v.moved_down, moved_up = v.moved_up,
  unexplained_since = CASE WHEN v.dropped + v.risen = 0 THEN NULL ELSE i.unexplained_since END,
  state = CASE
    WHEN v.state IN ('sending', 'unknown') THEN v.state
    WHEN v.counted AND (v.believed IS DISTINCT FROM v.value
      OR v.unsure_down + v.unsure_up > 0 OR v.look) THEN 'due'
    ELSE 'settled' END,
  attempts = CASE WHEN v.state = 'dead' THEN 0 ELSE i.attempts END,
  -- What waited for a look alone is in no hurry; a new number is.
  due_at = CASE WHEN v.state = 'due' AND NOT (i.attempts = 0 AND i.value = i.believed)
    THEN i.due_at ELSE now() END,
  wanted_at = CASE WHEN v.state IN ('settled', 'dead') THEN v.seen_at ELSE i.wanted_at END,
  rate = CASE WHEN v.sold_lately = 0 THEN i.rate
    ELSE outbox.decayed(i.rate, i.rated_at, v.seen_at, %(half_life_s)s)
      + v.sold_lately * ln(2) / %(half_life_s)s::float8 END,
  pace = CASE WHEN v.sold_lately = 0 THEN i.pace
    ELSE outbox.decayed(i.pace, i.rated_at, v.seen_at, %(pace_half_life_s)s)
      + v.sold_lately * ln(2) / %(pace_half_life_s)s::float8 END,
  rated_at = CASE WHEN v.sold_lately = 0 THEN i.rated_at
    ELSE greatest(i.rated_at, v.seen_at) END
FROM judged v
WHERE i.connection_id = v.connection_id AND i.kind = v.kind AND i.key = v.key
RETURNING i.connection_id, i.state;

-- name: forget_items
-- Forgets what is believed where a SKU's number is written to another item from now on: nothing is
-- known of that one until it was looked at.
-- Parameters: connection_ids, keys, items (item_ref): arrays of equal length.
-- Rows: none.
-- Index: intent primary key.
UPDATE outbox.intent i
SET believed = NULL, dropped = 0, dropped_unsure = 0, risen = 0, unsure_down = 0, unsure_up = 0,
  unexplained_since = NULL, due_at = now(), state = CASE WHEN i.counted THEN 'due' ELSE 'settled' END
FROM unnest(%(connection_ids)s::int[], %(keys)s::text[], %(items)s::text[])
  AS m (connection_id, key, item_ref)
WHERE i.connection_id = m.connection_id AND i.kind = 'stock.set' AND i.key = m.key
  AND i.target->>'item_ref' <> m.item_ref AND i.state IN ('settled', 'due', 'dead');

-- name: want_listings
-- Makes an intent for every listing that has none, with what is available now and by its rules; a
-- listing whose item moved gets its new target. The caller holds the SKU's balance.
-- Parameters: arrays of equal length: connection_ids, skus, keys, targets, available, sequences,
-- counted; oversell_chance.
-- Rows: none.
-- Index: intent primary key, rule primary key.
WITH wanted AS (
  SELECT w.*, coalesce(k.buffer, c.buffer, 0) AS buffer, coalesce(k.cap, c.cap) AS cap,
    coalesce(k.share_percent, c.share_percent) AS share_percent,
    coalesce(k.ahead, c.ahead) AS ahead_max, coalesce(k.ahead_days, c.ahead_days) AS ahead_days,
    coalesce(k.ahead_incoming, c.ahead_incoming, false) AS ahead_incoming,
    coalesce(k.adaptive, c.adaptive, true) AS adaptive,
    coalesce(k.oversell_chance, c.oversell_chance, %(oversell_chance)s) AS oversell_chance
  FROM unnest(%(connection_ids)s::int[], %(skus)s::text[], %(keys)s::text[], %(targets)s::text[],
    %(available)s::int[], %(sequences)s::bigint[], %(counted)s::bool[])
    AS w (connection_id, sku, key, target, available, sequence, counted)
  LEFT JOIN outbox.rule k ON k.connection_id = w.connection_id AND k.key = w.sku
  LEFT JOIN outbox.rule c ON c.connection_id = w.connection_id AND c.key = ''
), ruled AS (
  SELECT *, outbox.ahead_of(ahead_incoming, ahead_max, 0) AS ahead FROM wanted
)
INSERT INTO outbox.intent AS i (connection_id, kind, sku, key, target, value, available, sequence, state,
  counted, buffer, cap, share_percent, ahead, ahead_max, ahead_incoming, ahead_days, adaptive,
  oversell_chance)
SELECT connection_id, 'stock.set', sku, key, target::jsonb,
  outbox.offer(available, 0, buffer, cap, share_percent, ahead, 0, 0, 0, 1), available, sequence,
  CASE WHEN counted THEN 'due' ELSE 'settled' END,
  counted, buffer, cap, share_percent, ahead, ahead_max, ahead_incoming, ahead_days, adaptive,
  oversell_chance
FROM ruled
ON CONFLICT (connection_id, kind, key) DO UPDATE SET target = excluded.target
WHERE i.target <> excluded.target AND i.sku = excluded.sku;

-- name: drop_listings
-- Forgets intents of listings that ended, unless one is being sent.
-- Parameters: connection_ids, skus: arrays of equal length; kept_connections, kept_keys: those of
-- their listings that stay.
-- Rows: none.
-- Index: intent_sku.
DELETE FROM outbox.intent i
USING unnest(%(connection_ids)s::int[], %(skus)s::text[]) AS g (connection_id, sku)
WHERE i.connection_id = g.connection_id AND i.kind = 'stock.set' AND i.sku = g.sku
  AND i.state IN ('settled', 'due', 'dead')
  AND NOT EXISTS (SELECT FROM unnest(%(kept_connections)s::int[], %(kept_keys)s::text[])
    AS k (connection_id, key) WHERE k.connection_id = i.connection_id AND k.key = i.key);

-- name: keys_told
-- Under which key the number of each listing of some SKUs is told.
-- Parameters: connection_ids, skus: arrays of equal length.
-- Rows: many: connection_id, sku, variant_ref, key.
-- Index: intent_sku.
SELECT i.connection_id, i.sku, i.target->>'variant_ref' AS variant_ref, i.key
FROM outbox.intent i
JOIN unnest(%(connection_ids)s::int[], %(skus)s::text[]) AS g (connection_id, sku)
  USING (connection_id, sku)
WHERE i.kind = 'stock.set';

-- name: observe_levels
-- Takes note of what a channel says stands there: an echo of what we sent settles nothing new; a
-- number we never had word of is believed from now on only where nothing was believed before.
-- Parameters: connection_ids, skus, item_refs, levels: arrays of equal length.
-- Rows: many: connection_id, key, believed, level, echo.
-- Index: intent_sku.
WITH seen AS (
  SELECT i.connection_id, i.key, s.level
  FROM unnest(%(connection_ids)s::int[], %(skus)s::text[], %(item_refs)s::text[],
    %(levels)s::int[]) AS s (connection_id, sku, item_ref, level)
  JOIN outbox.intent i ON i.connection_id = s.connection_id AND i.kind = 'stock.set'
    AND i.sku = s.sku AND i.target->>'item_ref' = s.item_ref
), first_word AS (
  UPDATE outbox.intent i
  SET believed = s.level, said_at = now(), said_up_at = now(), learned_at = now(),
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

-- name: is_due
-- Whether a claim may find something; what thin stock holds back counts as due here.
-- Parameters: connection_id, kind, now: instant of the caller's clock or null.
-- Rows: one: due.
-- Index: intent_due.
SELECT EXISTS (
  SELECT FROM outbox.intent
  WHERE connection_id = %(connection_id)s AND kind = %(kind)s AND state = 'due'
    AND due_at <= coalesce(%(now)s::timestamptz, now())
) AS due;

-- name: claim_call
-- Takes due intents of one connection, nearest to zero first, and writes their call down, all in
-- one statement, so that it is durable in one commit before anything is sent. In thin stock a
-- number is raised only once all others stand as low as they must. The first of those due decides
-- with how many others it goes: those of a batch that was refused go with their like alone, and so
-- do those that are lowered. Fewer than `fewest` go one by one.
-- Parameters: connection_id, kind, idempotency_key, count, fewest, lowers: the vendor can lower a
-- number without comparing; now: instant of the caller's clock or null.
-- Rows: many, one an intent in order: call_id, key, target, value, expected, sequence, wanted_at,
-- attempts, lowers; none where nothing is due.
-- Index: intent_due, intent_sku.
WITH first AS (
  SELECT batch_max, outbox.is_lowered(%(lowers)s, contended, value, believed) AS lowers
  FROM outbox.intent
  WHERE connection_id = %(connection_id)s AND kind = %(kind)s AND state = 'due'
    AND due_at <= coalesce(%(now)s::timestamptz, now())
    AND (available + ahead >= thin_below OR value <= greatest(believed, 0) OR believed IS NULL
      OR outbox.may_rise(connection_id, kind, key, value, available + ahead))
  ORDER BY value, wanted_at, key
  LIMIT 1
), likes AS (
  SELECT count(*) AS units FROM (
    SELECT FROM outbox.intent i, first f
    WHERE connection_id = %(connection_id)s AND kind = %(kind)s AND state = 'due'
      AND due_at <= coalesce(%(now)s::timestamptz, now())
      AND i.batch_max IS NOT DISTINCT FROM f.batch_max
      AND outbox.is_lowered(%(lowers)s, i.contended, i.value, i.believed) = f.lowers
      AND (available + ahead >= thin_below OR value <= greatest(believed, 0) OR believed IS NULL
        OR outbox.may_rise(connection_id, kind, key, value, available + ahead))
    LIMIT %(fewest)s
  ) i WHERE %(fewest)s > 1
), next AS (
  SELECT i.connection_id, i.kind, i.key FROM outbox.intent i, first f
  WHERE i.connection_id = %(connection_id)s AND i.kind = %(kind)s AND i.state = 'due'
    AND i.due_at <= coalesce(%(now)s::timestamptz, now())
    AND i.batch_max IS NOT DISTINCT FROM f.batch_max
    AND outbox.is_lowered(%(lowers)s, i.contended, i.value, i.believed) = f.lowers
    AND (available + ahead >= thin_below OR value <= greatest(believed, 0) OR believed IS NULL
      OR outbox.may_rise(connection_id, kind, key, value, available + ahead))
  ORDER BY i.value, i.wanted_at, i.key
  LIMIT (
    SELECT CASE WHEN %(fewest)s > 1 AND l.units < %(fewest)s THEN 1
      ELSE least(%(count)s, coalesce(f.batch_max, %(count)s)) END
    FROM first f, likes l
  )
  FOR UPDATE OF i SKIP LOCKED
), taken AS (
  UPDATE outbox.intent i
  SET state = 'sending', sent = i.value, asked_down = i.unsure_down, asked_up = i.unsure_up,
    moved_down = 0, moved_up = 0
  FROM next n
  WHERE i.connection_id = n.connection_id AND i.kind = n.kind AND i.key = n.key
  RETURNING i.key, i.target, i.value, i.believed, i.sequence, i.wanted_at, i.attempts,
    outbox.is_lowered(%(lowers)s, i.contended, i.value, i.believed) AS lowers
), begun AS (
  INSERT INTO outbox.call (connection_id, kind, idempotency_key, state)
  SELECT %(connection_id)s, %(kind)s, %(idempotency_key)s, 'sending'
  WHERE EXISTS (SELECT FROM taken)
  RETURNING call_id
), numbered AS (
  SELECT (row_number() OVER (ORDER BY key) - 1)::smallint AS ordinal, * FROM taken
), noted AS (
  INSERT INTO outbox.call_intent
    (call_id, ordinal, key, target, value, expected, sequence, wanted_at, lowers)
  SELECT b.call_id, n.ordinal, n.key, n.target, n.value, n.believed, n.sequence, n.wanted_at,
    n.lowers
  FROM numbered n CROSS JOIN begun b
)
SELECT b.call_id, n.key, n.target, n.value, n.believed AS expected, n.sequence, n.wanted_at,
  n.attempts, n.lowers
FROM numbered n CROSS JOIN begun b
ORDER BY n.ordinal;

-- name: open_calls
-- Calls of a connection of which nobody knows what came.
-- Parameters: connection_id.
-- Rows: many, oldest first, one a (call, intent).
-- Index: call_open.
SELECT c.call_id, c.kind, c.idempotency_key::text AS idempotency_key, c.sends, i.ordinal, i.key,
  i.target, i.value, i.expected, i.sequence, i.wanted_at, i.lowers
FROM outbox.call c JOIN outbox.call_intent i USING (call_id)
WHERE c.connection_id = %(connection_id)s AND c.state IN ('sending', 'unknown')
ORDER BY c.call_id, i.ordinal;

-- name: resend_call
-- Counts one more sending of the same call with the same key.
-- Parameters: call_id.
-- Rows: none.
-- Index: call primary key.
UPDATE outbox.call SET sends = sends + 1, state = 'sending' WHERE call_id = %(call_id)s;

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
-- Parameters: sku: text or null; state: text or null; count.
-- Rows: many.
-- Index: intent_sku.
SELECT connection_id, kind, sku, key, target->>'item_ref' AS item_ref, value, sequence, state, believed, dropped, risen,
  confirmed_sequence, attempts, due_at, wanted_at
FROM outbox.intent
WHERE (%(sku)s::text IS NULL OR sku = %(sku)s::text)
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
-- Parameters: skus: array or null for all.
-- Rows: many: connection_id, key.
-- Index: intent_sku.
UPDATE outbox.intent SET state = 'due', attempts = 0, due_at = now()
WHERE state = 'dead' AND (%(skus)s::text[] IS NULL OR sku = ANY(%(skus)s::text[]))
RETURNING connection_id, key;

-- name: intents_of_skus
-- What shall stand where, of some SKUs, and what is believed to.
-- Parameters: skus.
-- Rows: many.
-- Index: intent_sku.
SELECT connection_id, kind, sku, key, value, sequence, state, believed, dropped, risen,
  confirmed_sequence, attempts, due_at, wanted_at
FROM outbox.intent
WHERE kind = 'stock.set' AND sku = ANY(%(skus)s::text[])
ORDER BY sku, connection_id, key <> sku, key;
