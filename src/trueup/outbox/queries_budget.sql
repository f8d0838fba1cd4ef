-- name: open_budgets
-- Begins a connection's budgets by the manifest's figures, full; what is known already stays.
-- Parameters: connection_id; arrays of equal length: scopes, capacities, refills.
-- Rows: none.
-- Index: budget primary key.
INSERT INTO outbox.budget (connection_id, scope, capacity, refill_per_s, balance, counted_at)
SELECT %(connection_id)s, scope, capacity, refill_per_s, capacity, clock_timestamp()
FROM unnest(%(scopes)s::text[], %(capacities)s::float8[], %(refills)s::float8[])
  AS b (scope, capacity, refill_per_s)
ON CONFLICT DO NOTHING;

-- name: take_budget
-- Spends a call's cost, where the wait for it is bearable. A patient call leaves a share of the
-- capacity to those that can not wait, and never goes into debt.
-- Parameters: connection_id, scope, cost, patient, share (0 to 1), wait_s_max, now: instant of the
-- caller's clock or null for the database's.
-- Rows: one: wait_s, taken, at; none where there is no such budget.
-- Index: budget primary key.
WITH old AS (
  SELECT b.connection_id, b.scope, b.capacity, b.refill_per_s, b.blocked_until, n.at,
    least(b.capacity, b.balance
      + greatest(0, extract(epoch FROM n.at - b.counted_at)) * b.refill_per_s) AS filled,
    least(%(cost)s::float8, b.capacity) AS cost
  FROM outbox.budget b
  CROSS JOIN (SELECT coalesce(%(now)s::timestamptz, clock_timestamp()) AS at) n
  WHERE b.connection_id = %(connection_id)s AND b.scope = %(scope)s
  FOR UPDATE OF b
), asked AS (
  SELECT *, greatest(0,
    (CASE WHEN %(patient)s THEN least(capacity * %(share)s::float8, capacity - cost) ELSE 0 END
      + cost - filled) / refill_per_s,
    coalesce(extract(epoch FROM blocked_until - at), 0))::float8 AS wait_s
  FROM old
), judged AS (
  SELECT *, CASE WHEN %(patient)s THEN wait_s = 0 ELSE wait_s <= %(wait_s_max)s::float8 END AS taken
  FROM asked
)
UPDATE outbox.budget b
SET balance = CASE WHEN j.taken THEN j.filled - j.cost ELSE j.filled END,
  in_flight = CASE
    -- What was in flight a minute ago has come down, one way or the other.
    WHEN j.at - b.counted_at > interval '60 s' THEN 0
    ELSE b.in_flight END + CASE WHEN j.taken THEN j.cost ELSE 0 END,
  counted_at = greatest(b.counted_at, j.at)
FROM judged j
WHERE b.connection_id = j.connection_id AND b.scope = j.scope
RETURNING j.wait_s, j.taken, j.at;

-- name: learn_budget
-- Believes what a reply says is left, less what others have in flight; a reply that says nothing
-- only ends its own call's flight.
-- Of two replies the one counts whose call was taken later: they may come out of order. Of two that
-- were taken at one instant the one counts that leaves less.
-- Parameters: connection_id, scope, cost; available, capacity, refill_per_s: numbers or null;
-- at_most: what is left bounds our pace and never raises it; blocked_s: how long the vendor wants no
-- calls, or null; taken_at: when the call took its cost, or null; now: instant or null.
-- Rows: none.
-- Index: budget primary key.
WITH told AS (
  SELECT %(available)s::float8 AS available, %(capacity)s::float8 AS capacity,
    %(refill_per_s)s::float8 AS refill_per_s, %(taken_at)s::timestamptz AS taken_at,
    coalesce(%(now)s::timestamptz, clock_timestamp()) AS at
)
UPDATE outbox.budget b
SET in_flight = greatest(0, b.in_flight - %(cost)s::float8),
  capacity = coalesce(t.capacity, b.capacity),
  refill_per_s = coalesce(t.refill_per_s, b.refill_per_s),
  balance = CASE
    WHEN t.available IS NULL OR t.taken_at < b.learned_at THEN b.balance
    WHEN %(at_most)s THEN least(b.balance, t.available)
    ELSE least(
      least(t.available, coalesce(t.capacity, b.capacity))
        - greatest(0, b.in_flight - %(cost)s::float8),
      CASE WHEN t.taken_at = b.learned_at THEN b.balance END) END,
  counted_at = CASE
    WHEN t.available IS NULL OR t.taken_at < b.learned_at OR %(at_most)s THEN b.counted_at
    ELSE t.at END,
  learned_at = CASE WHEN t.available IS NULL THEN b.learned_at
    ELSE greatest(b.learned_at, t.taken_at) END,
  blocked_until = CASE WHEN %(blocked_s)s::float8 IS NULL THEN b.blocked_until
    ELSE t.at + make_interval(secs => %(blocked_s)s::float8) END
FROM told t
WHERE b.connection_id = %(connection_id)s AND b.scope = %(scope)s;

-- name: list_budgets
-- What may still be spent, by connection and scope.
-- Parameters: none.
-- Rows: many.
-- Index: none; there are few.
SELECT connection_id, scope, capacity, refill_per_s,
  least(capacity, balance
    + greatest(0, extract(epoch FROM clock_timestamp() - counted_at)) * refill_per_s) AS available,
  blocked_until
FROM outbox.budget ORDER BY connection_id, scope;
