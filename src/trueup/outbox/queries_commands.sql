-- name: want_commands
-- Notes commands; one that is noted already (by its ref) stays as it is. One that was taken back
-- before it left is noted anew, under a new key: what it says may be something else now.
-- Parameters: arrays of equal length: connection_ids, kinds, keys, refs, contents, wrapped,
-- persons (null: nobody's), wanted_ats, due_ats, not_afters (null: at any time).
-- Rows: many: ref, for those that are new or noted anew.
-- Index: the unique ref of command.
INSERT INTO outbox.command AS c
  (connection_id, kind, key, ref, content, wrapped, person, wanted_at, due_at,
  not_after)
SELECT * FROM unnest(%(connection_ids)s::int[], %(kinds)s::text[], %(keys)s::text[],
  %(refs)s::text[], %(contents)s::bytea[], %(wrapped)s::bytea[], %(persons)s::bytea[],
  %(wanted_ats)s::timestamptz[], %(due_ats)s::timestamptz[], %(not_afters)s::timestamptz[])
ON CONFLICT (ref) DO UPDATE
SET content = excluded.content, wrapped = excluded.wrapped, person = excluded.person,
  wanted_at = excluded.wanted_at, due_at = excluded.due_at, not_after = excluded.not_after,
  state = 'due', idempotency_key = gen_random_uuid(), attempts = 0, sends = 0, started_at = NULL,
  finished_at = NULL, code = NULL
WHERE c.state = 'withdrawn'
RETURNING ref;

-- name: claim_command
-- Takes the next due command of a connection whose key has no older one under way.
-- Parameters: connection_id, now: instant or null.
-- Rows: at most one.
-- Index: command_due, command_open.
WITH next AS (
  SELECT c.command_id FROM outbox.command c
  WHERE c.connection_id = %(connection_id)s AND c.state = 'due'
    AND c.due_at <= coalesce(%(now)s::timestamptz, now())
    AND NOT EXISTS (
      SELECT FROM outbox.command o
      WHERE o.connection_id = c.connection_id AND o.key = c.key AND o.command_id < c.command_id
        AND o.state IN ('due', 'sending', 'unknown'))
  ORDER BY c.due_at, c.command_id
  LIMIT 1
  FOR UPDATE SKIP LOCKED
)
UPDATE outbox.command c
SET state = 'sending', sends = c.sends + 1,
  started_at = coalesce(%(now)s::timestamptz, now()), finished_at = NULL, code = NULL
FROM next n WHERE c.command_id = n.command_id
RETURNING c.command_id, c.connection_id, c.kind, c.key, c.ref, c.content, c.wrapped, c.person,
  c.idempotency_key::text AS idempotency_key, c.attempts, c.sends, c.wanted_at, c.started_at,
  c.vendor_ref, c.not_after;

-- name: open_commands
-- Commands of a connection whose outcome has to be found out: those that nobody knows of, and those
-- that were submitted and are due to be asked about.
-- Parameters: connection_id, now: instant or null, states.
-- Rows: many, oldest first.
-- Index: command_open.
SELECT command_id, connection_id, kind, key, ref, content, wrapped, person,
  idempotency_key::text AS idempotency_key, attempts, sends, wanted_at, started_at, vendor_ref, not_after
FROM outbox.command
WHERE connection_id = %(connection_id)s AND state = ANY(%(states)s::text[])
  AND (state = 'sending' OR due_at <= coalesce(%(now)s::timestamptz, now()))
ORDER BY command_id;

-- name: resend_command
-- Counts one more sending of the same command under the same key, unless somebody gave it up, or
-- it came to an end, meanwhile.
-- Parameters: command_id, now: instant or null.
-- Rows: one where it may be sent, else none: command_id.
-- Index: command primary key.
UPDATE outbox.command SET sends = sends + 1, state = 'sending',
  started_at = coalesce(%(now)s::timestamptz, now())
WHERE command_id = %(command_id)s AND state IN ('sending', 'unknown')
RETURNING command_id;

-- name: settle_command
-- Writes down what came of a command. Where it was surely not done, the next try gets a new key.
-- Parameters: command_id, state, delay_s, failed, vendor_ref, code, reply_event_id, now.
-- Rows: none.
-- Index: command primary key.
UPDATE outbox.command
SET state = %(state)s, vendor_ref = coalesce(%(vendor_ref)s, vendor_ref), code = %(code)s,
  attempts = attempts + %(failed)s::int,
  due_at = coalesce(%(now)s::timestamptz, now()) + make_interval(secs => %(delay_s)s::float8),
  idempotency_key = CASE WHEN %(state)s = 'due' THEN gen_random_uuid() ELSE idempotency_key END,
  reply_event_id = coalesce(%(reply_event_id)s, reply_event_id),
  finished_at = CASE WHEN %(state)s IN ('done', 'refused', 'dead', 'withdrawn')
    THEN coalesce(%(now)s::timestamptz, now()) END
WHERE command_id = %(command_id)s AND state IN ('sending', 'unknown', 'submitted');

-- name: confirm_commands
-- Carries over what records say of commands: by the vendor's id, or by our own ref where the vendor
-- gives it back.
-- Parameters: arrays of equal length: connection_ids, vendor_refs, refs (null: not given back),
-- states ('done', 'refused'), codes (or null); now: instant or null.
-- Rows: many: command_id, connection_id, kind, ref, state.
-- Index: command_vendor_ref, the unique ref of command.
WITH told AS (
  SELECT * FROM unnest(%(connection_ids)s::int[], %(vendor_refs)s::text[], %(refs)s::text[],
    %(states)s::text[], %(codes)s::text[])
    AS t (connection_id, vendor_ref, ref, state, code)
), found AS (
  SELECT c.command_id, t.state, t.code, t.vendor_ref
  FROM told t JOIN outbox.command c
    ON c.connection_id = t.connection_id AND c.vendor_ref = t.vendor_ref
  WHERE c.state IN ('sending', 'unknown', 'submitted')
  UNION
  SELECT c.command_id, t.state, t.code, t.vendor_ref
  FROM told t JOIN outbox.command c ON c.ref = t.ref AND c.connection_id = t.connection_id
  WHERE c.state IN ('sending', 'unknown', 'submitted')
)
UPDATE outbox.command c
SET state = f.state, code = f.code, vendor_ref = coalesce(c.vendor_ref, f.vendor_ref),
  finished_at = coalesce(%(now)s::timestamptz, now())
FROM found f WHERE c.command_id = f.command_id
RETURNING c.command_id, c.connection_id, c.kind, c.ref, c.state;

-- name: list_commands
-- Commands without their content, newest first.
-- Parameters: states: array or null; ref, key: text or null; count.
-- Rows: many.
-- Index: command_recent, the unique ref of command.
SELECT command_id, connection_id, kind, key, ref, state, attempts, sends, wanted_at, due_at,
  started_at, finished_at, vendor_ref, code
FROM outbox.command
WHERE (%(states)s::text[] IS NULL OR state = ANY(%(states)s::text[]))
  AND (%(ref)s::text IS NULL OR ref = %(ref)s::text)
  AND (%(key)s::text IS NULL OR key = %(key)s::text)
ORDER BY wanted_at DESC, command_id DESC LIMIT %(count)s;

-- name: find_commands
-- How far some commands have come.
-- Parameters: refs.
-- Rows: many: ref, state, vendor_ref, code, sends, started_at, finished_at, not_after, discarded_by.
-- Index: the unique ref of command.
SELECT ref, state, vendor_ref, code, sends, started_at, finished_at, not_after, discarded_by
FROM outbox.command WHERE ref = ANY(%(refs)s::text[]);

-- name: withdraw_commands
-- Takes commands back together, if none of them has left: all of them, or none.
-- Parameters: refs, code; now: instant or null.
-- Rows: many: ref, of those that were taken back.
-- Index: the unique ref of command.
WITH locked AS (
  SELECT command_id, state FROM outbox.command WHERE ref = ANY(%(refs)s::text[])
  ORDER BY command_id FOR UPDATE
)
UPDATE outbox.command c
SET state = 'withdrawn', code = %(code)s, finished_at = coalesce(%(now)s::timestamptz, now())
FROM locked l
WHERE c.command_id = l.command_id AND NOT EXISTS (SELECT FROM locked WHERE state <> 'due')
RETURNING c.ref;

-- name: revive_commands
-- Puts commands that were given up, or of which nobody knows, back to work: a person has looked.
-- Parameters: refs: array, or null for all that are dead; now: instant or null.
-- Rows: many: command_id, ref.
-- Index: the unique ref of command.
UPDATE outbox.command
SET state = 'due', attempts = 0, due_at = coalesce(%(now)s::timestamptz, now()), code = NULL,
  idempotency_key = gen_random_uuid()
WHERE CASE WHEN %(refs)s::text[] IS NULL THEN state = 'dead'
  ELSE state IN ('dead', 'refused', 'unknown') AND ref = ANY(%(refs)s::text[]) END
RETURNING command_id, ref;

-- name: discard_commands
-- Gives up commands for good: a person says that they shall not be done, or were done by hand.
-- Parameters: refs; by: who says so; now: instant or null.
-- Rows: many: command_id, connection_id, ref.
-- Index: the unique ref of command.
UPDATE outbox.command
SET state = 'discarded', discarded_by = %(by)s, finished_at = coalesce(%(now)s::timestamptz, now())
WHERE state IN ('due', 'dead', 'refused', 'unknown') AND ref = ANY(%(refs)s::text[])
RETURNING command_id, connection_id, ref;

-- name: submitted_calls
-- Calls that a vendor took in and has had the time to apply, with what of them is still open.
-- Parameters: connection_id, now: instant or null.
-- Rows: many, oldest first, one a (call, intent); overtaken: of a batch, a newer number was said.
-- Index: call_submitted, call_intent primary key, intent primary key.
SELECT c.call_id, c.kind, c.idempotency_key::text AS idempotency_key, c.sends, c.started_at,
  c.vendor_ref, i.ordinal, i.key, i.target, i.value, i.expected, i.sequence, i.wanted_at,
  c.vendor_ref IS NOT NULL AND coalesce(w.confirmed_sequence > i.sequence, false) AS overtaken
FROM outbox.call c
JOIN outbox.call_intent i USING (call_id)
LEFT JOIN outbox.intent w
  ON w.connection_id = c.connection_id AND w.kind = c.kind AND w.key = i.key
WHERE c.connection_id = %(connection_id)s AND c.state = 'submitted' AND i.receipt = 'submitted'
  AND c.check_at <= coalesce(%(now)s::timestamptz, now())
ORDER BY c.call_id, i.ordinal;

-- name: check_call_later
-- Says when a submitted call is looked at again; null ends the looking.
-- Parameters: call_id, check_at, vendor_ref: text, or null to leave it.
-- Rows: none.
-- Index: call primary key.
UPDATE outbox.call
SET check_at = %(check_at)s, vendor_ref = coalesce(%(vendor_ref)s::text, vendor_ref),
  state = CASE WHEN %(check_at)s::timestamptz IS NULL THEN 'done' ELSE 'submitted' END
WHERE call_id = %(call_id)s;

-- name: note_receipts
-- Writes down what came of some of a submitted call's intents.
-- Parameters: call_id; keys, receipts, codes: arrays of equal length.
-- Rows: none.
-- Index: call_intent primary key.
UPDATE outbox.call_intent c
SET receipt = r.receipt, code = r.code
FROM unnest(%(keys)s::text[], %(receipts)s::text[], %(codes)s::text[]) AS r (key, receipt, code)
WHERE c.call_id = %(call_id)s AND c.key = r.key;

-- name: refuse_submitted
-- Takes back what was believed of numbers that a vendor took in and refused later: what stood there
-- before, with what was sold since, stands there. A newer number that was said since counts alone.
-- Parameters: connection_id, kind; arrays of equal length: keys, sequences, sent, expected.
-- Rows: many: key, state ("dead": given up).
-- Index: intent primary key.
WITH refused AS (
  SELECT * FROM unnest(%(keys)s::text[], %(sequences)s::bigint[], %(sent)s::int[],
    %(expected)s::int[]) AS r (key, sequence, sent, expected)
), locked AS (
  SELECT i.connection_id, i.kind, i.key, i.believed + (r.expected - r.sent) AS believed
  FROM outbox.intent i JOIN refused r ON r.key = i.key
  WHERE i.connection_id = %(connection_id)s AND i.kind = %(kind)s
    AND i.state IN ('settled', 'due') AND i.confirmed_sequence = r.sequence
  ORDER BY i.connection_id, i.kind, i.key
  FOR UPDATE OF i
)
UPDATE outbox.intent i
SET believed = greatest(0, l.believed), state = CASE i.state WHEN 'settled' THEN 'dead' ELSE 'due' END
FROM locked l
WHERE i.connection_id = l.connection_id AND i.kind = l.kind AND i.key = l.key
RETURNING i.key, i.state;

-- name: moved_since
-- Which numbers are believed to be others by now than what stands at a vendor: the channel's own
-- sales and restocks moved them after a call, and no newer number was said.
-- Parameters: connection_id, kind; arrays of equal length: keys, sequences (of the call), observed.
-- Rows: many: key.
-- Index: intent primary key.
SELECT i.key
FROM unnest(%(keys)s::text[], %(sequences)s::bigint[], %(observed)s::int[])
  AS r (key, sequence, observed)
JOIN outbox.intent i ON i.key = r.key
WHERE i.connection_id = %(connection_id)s AND i.kind = %(kind)s
  AND i.confirmed_sequence = r.sequence AND i.believed <> r.observed;

-- name: unapplied_intents
-- Takes note of what stands at a vendor where it took another value in. Where a newer one was said
-- since, that one counts, once the vendor has had a minute for it. A lower level may be a sale that
-- has not been read: it is never raised over that at once.
-- Parameters: connection_id, kind; arrays of equal length: keys, sequences, observed; now: instant.
-- Rows: many: key, state ("due": said again at once).
-- Index: intent primary key.
WITH seen AS (
  SELECT * FROM unnest(%(keys)s::text[], %(sequences)s::bigint[], %(observed)s::int[])
    AS r (key, sequence, observed)
), locked AS (
  SELECT i.connection_id, i.kind, i.key, r.observed,
    i.dropped + greatest(0, i.believed - r.observed) AS dropped,
    i.risen + greatest(0, r.observed - i.believed) AS risen,
    outbox.offer(i.available, i.dropped + greatest(0, i.believed - r.observed), i.buffer, i.cap,
      i.share_percent, i.ahead, i.safety, i.thin_below, i.thin_from, i.thin_to) AS value
  FROM outbox.intent i JOIN seen r ON r.key = i.key
  WHERE i.connection_id = %(connection_id)s AND i.kind = %(kind)s AND i.state = 'settled'
    AND (i.confirmed_sequence = r.sequence
      OR i.confirmed_sequence > r.sequence AND i.said_at <= %(now)s::timestamptz - interval '60 s')
    AND i.believed <> r.observed
  ORDER BY i.connection_id, i.kind, i.key
  FOR UPDATE OF i
)
UPDATE outbox.intent i
SET believed = l.observed, dropped = l.dropped, risen = l.risen, unexplained_since = %(now)s,
  value = l.value, due_at = %(now)s, said_at = %(now)s,
  said_up_at = %(now)s,
  state = CASE WHEN l.observed = l.value THEN 'settled' ELSE 'due' END
FROM locked l
WHERE i.connection_id = l.connection_id AND i.kind = l.kind AND i.key = l.key
RETURNING i.key, i.state;

-- name: last_flags
-- What was last ordered of each flag; its ref says with which number, and whether it was raised.
-- What was refused or given up does not stand: it is ordered again once the flag changes.
-- Parameters: connection_ids; kind; count.
-- Rows: many: connection_id, variant_ref, sku, number, raised.
-- Index: command_recent.
SELECT DISTINCT ON (connection_id, key) connection_id, substr(key, 9) AS variant_ref,
  regexp_replace(ref, '^([^/]*/){5}', '') AS sku,
  split_part(ref, '/', 3)::int AS number, split_part(ref, '/', 4) = 'on' AS raised
FROM outbox.command
WHERE kind = %(kind)s AND connection_id = ANY(%(connection_ids)s::int[])
ORDER BY connection_id, key, split_part(ref, '/', 3)::int DESC
LIMIT %(count)s;
