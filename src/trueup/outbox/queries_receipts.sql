-- name: end_call
-- Writes down what came of a call.
-- Where another settled it meanwhile, that stands.
-- Parameters: call_id, state, reply_event_id: number or null; check_delay_s: after which a
-- submitted call is looked at again; vendor_ref: of a batch, or null; now: instant or null.
-- Rows: none.
-- Index: call primary key.
UPDATE outbox.call
SET state = %(state)s, finished_at = CASE WHEN %(state)s = 'unknown' THEN NULL ELSE now() END,
  reply_event_id = %(reply_event_id)s, vendor_ref = %(vendor_ref)s,
  check_at = CASE WHEN %(state)s = 'submitted'
    THEN coalesce(%(now)s::timestamptz, now()) + make_interval(secs => %(check_delay_s)s::float8) END
WHERE call_id = %(call_id)s AND state IN ('sending', 'unknown');

-- name: end_call_intents
-- Writes down the receipts of a call that is still open.
-- Parameters: call_id; ordinals, receipts, observed, codes: arrays of equal length.
-- Rows: none.
-- Index: call_intent primary key, call primary key.
UPDATE outbox.call_intent c
SET receipt = r.receipt, observed = r.observed, code = r.code
FROM unnest(%(ordinals)s::int[], %(receipts)s::text[], %(observed)s::int[], %(codes)s::text[])
  AS r (ordinal, receipt, observed, code)
WHERE c.call_id = %(call_id)s AND c.ordinal = r.ordinal AND EXISTS (SELECT FROM outbox.call k
  WHERE k.call_id = c.call_id AND k.state IN ('sending', 'unknown'));

-- name: settle_intents
-- Carries receipts over to the intents. What was sent stands there now, less what the channel sold
-- of its own meanwhile (the change of `believed` since it was claimed). Where another number was
-- found, it may have been read before that change or after it: only what lies outside of both is
-- unexplained, and what lies between leaves units of which nobody is sure. What was lowered without
-- comparing stands where nobody saw it. A number that is only to be looked at waits a while for that.
-- A call finds out about the units that were unsure when it was claimed; later ones stay unsure, but
-- for those that it found missing. Where the vendor writes over what stands there, what is missing
-- may be others, not read yet: it is not raised over them until all that was sold by then was read.
-- Where it was compared equal and a change the other way was read meanwhile, both may have been in
-- the number: then neither came later, and that much stays unsure.
-- Nothing is carried over of a call that another settled: its numbers may be on their way anew.
-- Parameters: call_id, connection_id, kind; arrays of equal length: keys, sent (value), expected, sequences,
-- receipts, observed, delays (s), dead, failed (booleans), batches (the most it may go with from
-- now on, or null), lowers (units were taken off, nothing was compared), may_stand (it may have been
-- set, and sold from, before another number was found there), pending (it may be applied yet);
-- overwrites: the vendor sets a number without comparing; look_delay_s: how long a number waits that
-- is only to be looked at; now: instant of the caller's clock or null.
-- Rows: many: key, state.
-- Index: call primary key, intent primary key.
WITH open_call AS (
  SELECT FROM outbox.call
  WHERE call_id = %(call_id)s AND state IN ('sending', 'unknown')
  FOR UPDATE
), receipt AS (
  SELECT * FROM unnest(%(keys)s::text[], %(sent)s::int[], %(expected)s::int[],
    %(sequences)s::bigint[], %(receipts)s::text[], %(observed)s::int[], %(delays)s::float8[],
    %(dead)s::bool[], %(failed)s::bool[], %(batches)s::int[], %(lowers)s::bool[],
    %(may_stand)s::bool[], %(pending)s::bool[])
    AS r (key, sent, expected, sequence, receipt, observed, delay_s, dead, failed, batch_max, lowers,
      may_stand, pending)
), locked AS (
  -- What a vendor took in counts as standing there, so that a newer number is not held up; whether
  -- it was applied is looked at later.
  SELECT i.connection_id, i.kind, i.key, i.available, i.believed, i.dropped, i.risen, i.buffer,
    i.cap, i.share_percent, i.ahead, i.safety, i.thin_below, i.thin_from, i.thin_to,
    i.dropped_unsure, i.unsure_down, i.unsure_up,
    greatest(0, i.unsure_down - i.asked_down) AS newly_down,
    greatest(0, i.unsure_up - i.asked_up) AS newly_up, r.sent, r.sequence,
    CASE r.receipt WHEN 'submitted' THEN 'done' ELSE r.receipt END AS receipt,
    r.observed, r.delay_s, r.dead, r.failed, r.batch_max, r.lowers, r.pending,
    i.moved_down, i.moved_up, coalesce(i.believed - r.expected, 0) AS drift,
    -- Where nothing changed it was not set, unless it can have sold all that was added by now.
    coalesce(r.may_stand AND r.observed < r.sent AND (r.observed <> r.expected
      OR r.sent - r.observed <= greatest(10, i.rate * 600)), false) AS sold_from,
    least(i.believed, r.expected - i.moved_down) AS lowest,
    greatest(i.believed, r.expected + i.moved_up) AS highest
  FROM outbox.intent i JOIN receipt r ON r.key = i.key
  WHERE i.connection_id = %(connection_id)s AND i.kind = %(kind)s
    AND i.state IN ('sending', 'unknown') AND EXISTS (SELECT FROM open_call)
  ORDER BY i.connection_id, i.kind, i.key
  FOR UPDATE OF i
), compared AS (
  SELECT l.*, l.receipt <> 'done' AND l.observed IS NOT NULL AS seen,
    -- What is missing of a number that may have been set counts as sold: it was not raised to that.
    greatest(0, CASE WHEN l.sold_from THEN l.sent - l.moved_down - l.observed
      ELSE coalesce(l.lowest - l.observed, 0) END) AS below,
    CASE WHEN l.sold_from THEN 0 ELSE greatest(0, coalesce(l.observed - l.highest, 0)) END AS above,
    CASE WHEN l.sold_from THEN 0
      ELSE coalesce(least(l.highest, greatest(l.lowest, l.observed)) - l.believed, 0) END AS midway
  FROM locked l
), judged AS (
  SELECT c.connection_id, c.kind, c.key, c.receipt, c.sequence, c.delay_s, c.dead, c.failed,
    c.batch_max, c.lowers, c.pending, c.available, c.buffer, c.cap, c.share_percent, c.ahead, c.safety,
    c.thin_below, c.thin_from, c.thin_to, c.seen, c.drift, c.believed IS NULL AS was_unknown,
    c.unsure_up > 0 AS maybe_higher, c.unsure_down > 0 AS maybe_lower,
    CASE
      WHEN c.receipt = 'done' THEN c.sent + CASE WHEN %(overwrites)s THEN 0 ELSE c.drift END
      WHEN c.sold_from THEN c.observed
      WHEN c.seen THEN coalesce(c.believed - c.below + c.above, c.observed)
      ELSE c.believed END AS believed,
    -- A lower number than was believed may be a sale that has not been read yet, a higher one a
    -- restock; they are kept apart, so that one never hides the other.
    c.dropped + CASE WHEN NOT c.seen THEN 0 WHEN %(overwrites)s THEN c.below
      ELSE greatest(0, c.below - c.unsure_down) END AS dropped,
    c.dropped_unsure + CASE WHEN c.seen AND %(overwrites)s THEN least(c.below, c.unsure_down)
      ELSE 0 END AS dropped_unsure,
    c.risen + CASE WHEN c.seen THEN greatest(0, c.above - c.unsure_up) ELSE 0 END AS risen,
    CASE
      WHEN c.receipt = 'done' AND c.lowers THEN c.unsure_down
      WHEN c.receipt = 'done'
        THEN c.newly_down + CASE WHEN %(overwrites)s THEN c.moved_down
          ELSE least(c.moved_up, c.unsure_down - c.newly_down) END
      WHEN c.seen
        THEN least(c.newly_down, greatest(0, c.unsure_down - c.below)) + greatest(0, -c.midway)
      ELSE c.unsure_down END AS unsure_down,
    CASE
      WHEN c.receipt = 'done' AND c.lowers THEN c.unsure_up
      WHEN c.receipt = 'done'
        THEN c.newly_up + CASE WHEN %(overwrites)s THEN c.moved_up
          ELSE least(c.moved_down, c.unsure_up - c.newly_up) END
      WHEN c.seen
        THEN least(c.newly_up, greatest(0, c.unsure_up - c.above)) + greatest(0, c.midway)
      ELSE c.unsure_up END AS unsure_up
  FROM compared c
), valued AS (
  SELECT *, receipt = 'done' AND lowers OR pending AS unseen,
    -- Its number there was found out, by a look or by writing over it.
    seen OR was_unknown AND believed IS NOT NULL OR receipt = 'done' AND %(overwrites)s AS said,
    -- Where it may have been another than was believed, and was compared equal: what was not read
    -- may have made it so.
    receipt = 'done' AND NOT lowers AND maybe_higher AS equalled_down,
    receipt = 'done' AND NOT lowers AND maybe_lower AS equalled_up,
    outbox.offer(available, dropped, buffer, cap, share_percent, ahead, safety, thin_below,
      thin_from, thin_to) AS value
  FROM judged
)
UPDATE outbox.intent i
SET believed = v.believed,
  said_at = CASE WHEN v.said OR v.equalled_down
    THEN coalesce(%(now)s::timestamptz, now()) ELSE i.said_at END,
  said_up_at = CASE WHEN v.said OR v.equalled_up
    THEN coalesce(%(now)s::timestamptz, now()) ELSE i.said_up_at END,
  learned_at = CASE WHEN v.said AND v.was_unknown
    THEN coalesce(%(now)s::timestamptz, now()) ELSE i.learned_at END,
  look = v.unseen OR i.look AND NOT (v.seen OR v.receipt = 'done'),
  dropped = v.dropped,
  dropped_unsure = v.dropped_unsure,
  risen = v.risen,
  unsure_down = v.unsure_down,
  unsure_up = v.unsure_up,
  sent = CASE WHEN v.receipt = 'unknown' THEN i.sent END,
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
    WHEN v.believed IS NOT DISTINCT FROM v.value AND v.unsure_down + v.unsure_up = 0
      AND NOT v.unseen AND (NOT i.look OR v.seen OR v.receipt = 'done') THEN 'settled'
    ELSE 'due' END,
  attempts = CASE WHEN v.receipt = 'done' THEN 0 ELSE i.attempts + v.failed::int END,
  batch_max = CASE WHEN v.receipt = 'done' THEN NULL ELSE coalesce(v.batch_max, i.batch_max) END,
  -- Where the channel sold during a call that was done, it goes on selling: it is not compared again.
  -- Where what was found is what shall stand there, nothing was in the way.
  contended = CASE
    WHEN v.receipt = 'done' THEN CASE WHEN v.drift < 0 THEN i.contended ELSE 0 END
    WHEN v.seen THEN CASE WHEN v.value = v.believed THEN 0 ELSE least(i.contended + 1, 100) END
    ELSE i.contended END,
  due_at = coalesce(%(now)s::timestamptz, now()) + make_interval(secs => CASE
    WHEN v.value = v.believed THEN greatest(%(look_delay_s)s::float8, v.delay_s)
    ELSE v.delay_s END)
FROM valued v
WHERE i.connection_id = v.connection_id AND i.kind = v.kind AND i.key = v.key
RETURNING i.key, i.state;

-- name: forgive_unexplained
-- Ends the patience with changes at a channel that nothing we read explains: the ledger's number
-- counts again. What may have been read before it was found missing is explained by that.
-- Parameters: connection_id, seen_before: instant; what was seen before it has been waited for.
-- Rows: many: key, dropped, risen (units that nothing explains), since when.
-- Index: intent primary key.
WITH late AS (
  SELECT connection_id, kind, key, dropped - dropped_unsure AS dropped, risen, unexplained_since,
    outbox.offer(available, 0, buffer, cap, share_percent, ahead, safety, thin_below, thin_from,
      thin_to) AS value
  FROM outbox.intent
  WHERE connection_id = %(connection_id)s AND dropped + risen > 0
    AND unexplained_since < %(seen_before)s AND state IN ('settled', 'due')
  ORDER BY connection_id, kind, key
  FOR UPDATE
)
UPDATE outbox.intent i
SET value = l.value, dropped = 0, dropped_unsure = 0, risen = 0, unexplained_since = NULL,
  due_at = now(),
  state = CASE
    WHEN i.believed IS NOT DISTINCT FROM l.value AND i.unsure_down + i.unsure_up = 0
      AND NOT i.look THEN 'settled'
    ELSE 'due' END
FROM late l
WHERE i.connection_id = l.connection_id AND i.kind = l.kind AND i.key = l.key
RETURNING i.key, l.dropped, l.risen, l.unexplained_since;
