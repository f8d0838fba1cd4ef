-- name: replace_rules
-- Sets the rules that records tell, and forgets those that they told before.
-- Parameters: record_ids of all of them; and of those that count, arrays of equal length:
-- kept_records, connection_ids, keys, buffers, caps, shares, aheads, ahead_incomings,
-- ahead_days, adaptive, chances.
-- Rows: many: connection_id, key, of rules that are new, other or gone.
-- Index: rule_record, rule primary key.
WITH gone AS (
  DELETE FROM outbox.rule r
  WHERE r.record_id = ANY(%(record_ids)s::bigint[]) AND NOT EXISTS (
    SELECT FROM unnest(%(kept_records)s::bigint[]) AS k (record_id)
    WHERE k.record_id = r.record_id)
  RETURNING r.connection_id, r.key
), kept AS (
  INSERT INTO outbox.rule (record_id, connection_id, key, buffer, cap, share_percent, ahead,
    ahead_incoming, ahead_days, adaptive, oversell_chance)
  SELECT * FROM unnest(%(kept_records)s::bigint[], %(connection_ids)s::int[], %(keys)s::text[],
    %(buffers)s::int[], %(caps)s::int[], %(shares)s::int[], %(aheads)s::int[],
    %(ahead_incomings)s::bool[], %(ahead_days)s::int[], %(adaptive)s::bool[], %(chances)s::float8[])
  ON CONFLICT (connection_id, key) DO UPDATE
  SET record_id = excluded.record_id, buffer = excluded.buffer, cap = excluded.cap,
    share_percent = excluded.share_percent, ahead = excluded.ahead,
    ahead_incoming = excluded.ahead_incoming, ahead_days = excluded.ahead_days,
    adaptive = excluded.adaptive,
    oversell_chance = excluded.oversell_chance
  RETURNING connection_id, key
)
SELECT connection_id, key FROM gone UNION SELECT connection_id, key FROM kept;

-- name: apply_rules
-- Carries rules over to the intents they are about, and decides what shall stand there. Without a
-- measured buffer nothing of it stays. What is to come is counted afterwards, by `change_ahead`.
-- Parameters: connection_ids, keys ('' for all SKUs of the channel): arrays of equal length;
-- oversell_chance: the default.
-- Rows: none.
-- Index: intent primary key, rule primary key.
WITH touched AS (
  SELECT * FROM unnest(%(connection_ids)s::int[], %(keys)s::text[]) AS t (connection_id, key)
), locked AS (
  SELECT i.connection_id, i.kind, i.sku, i.key, i.available, i.dropped, i.safety, i.thin_below,
    i.thin_from, i.thin_to, i.incoming
  FROM outbox.intent i
  WHERE i.kind = 'stock.set' AND EXISTS (SELECT FROM touched t
    WHERE t.connection_id = i.connection_id AND t.key IN ('', i.sku))
  ORDER BY i.connection_id, i.kind, i.key
  FOR UPDATE OF i
), ruled AS (
  SELECT l.connection_id, l.kind, l.key, l.available, l.dropped,
    coalesce(k.buffer, c.buffer, 0) AS buffer, coalesce(k.cap, c.cap) AS cap,
    coalesce(k.share_percent, c.share_percent) AS share_percent,
    coalesce(k.ahead, c.ahead) AS ahead_max, coalesce(k.ahead_days, c.ahead_days) AS ahead_days,
    a.ahead_incoming, CASE WHEN a.ahead_incoming THEN l.incoming ELSE 0 END AS incoming,
    outbox.ahead_of(a.ahead_incoming, coalesce(k.ahead, c.ahead), l.incoming) AS ahead, a.adaptive,
    coalesce(k.oversell_chance, c.oversell_chance, %(oversell_chance)s) AS oversell_chance,
    CASE WHEN a.adaptive THEN l.safety ELSE 0 END AS safety,
    CASE WHEN a.adaptive THEN l.thin_below ELSE 0 END AS thin_below,
    CASE WHEN a.adaptive THEN l.thin_from ELSE 0 END AS thin_from,
    CASE WHEN a.adaptive THEN l.thin_to ELSE 1 END AS thin_to
  FROM locked l
  LEFT JOIN outbox.rule k ON k.connection_id = l.connection_id AND k.key = l.sku
  LEFT JOIN outbox.rule c ON c.connection_id = l.connection_id AND c.key = ''
  CROSS JOIN LATERAL (SELECT coalesce(k.adaptive, c.adaptive, true) AS adaptive,
    coalesce(k.ahead_incoming, c.ahead_incoming, false) AS ahead_incoming) a
), valued AS (
  SELECT *, outbox.offer(available, dropped, buffer, cap, share_percent, ahead, safety, thin_below,
    thin_from, thin_to) AS value
  FROM ruled
)
UPDATE outbox.intent i
SET buffer = v.buffer, cap = v.cap, share_percent = v.share_percent, ahead = v.ahead,
  ahead_max = v.ahead_max, ahead_incoming = v.ahead_incoming, ahead_days = v.ahead_days,
  incoming = v.incoming,
  adaptive = v.adaptive, oversell_chance = v.oversell_chance, safety = v.safety,
  thin_below = v.thin_below, thin_from = v.thin_from, thin_to = v.thin_to, value = v.value,
  state = CASE
    WHEN i.state IN ('sending', 'unknown') THEN i.state
    WHEN i.counted AND (i.believed IS DISTINCT FROM v.value
      OR i.unsure_down + i.unsure_up > 0 OR i.look) THEN 'due'
    ELSE 'settled' END,
  attempts = CASE WHEN i.state = 'dead' THEN 0 ELSE i.attempts END,
  due_at = CASE WHEN i.state = 'due' THEN i.due_at ELSE now() END,
  wanted_at = CASE WHEN i.state IN ('settled', 'dead') THEN now() ELSE i.wanted_at END
FROM valued v
WHERE i.connection_id = v.connection_id AND i.kind = v.kind AND i.key = v.key;

-- name: list_rules
-- Every rule that counts.
-- Parameters: none.
-- Rows: many.
-- Index: rule primary key.
SELECT connection_id, nullif(key, '') AS sku, buffer, cap, share_percent, ahead,
  ahead_incoming, ahead_days, adaptive, oversell_chance
FROM outbox.rule ORDER BY connection_id, key;
