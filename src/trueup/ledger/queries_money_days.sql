-- name: money_days
-- What every account moved day by day, by whole transactions. How finely days are told apart is said
-- for all, and for some (day, currency) otherwise. A transaction that touches several connections,
-- or orders, belongs to none of them.
-- Parameters: since, until: days; grain: "day", "connection" or "order"; arrays
-- of equal length: days, currencies, grains.
-- Rows: many: day, currency, told_by (0: several, or not asked), order_ref ("": none, or not asked),
-- account, connection_id, amount.
-- Index: money_posting_booked.
WITH told AS (
  SELECT event_id, record_id, min(connection_id) AS first_id, max(connection_id) AS last_id,
    min(item) FILTER (WHERE account = 'receivable' AND item <> '') AS first_order,
    max(item) FILTER (WHERE account = 'receivable' AND item <> '') AS last_order
  FROM ledger.money_posting
  WHERE booked_on BETWEEN %(since)s::date AND %(until)s::date
  GROUP BY event_id, record_id
), kept AS (
  SELECT * FROM unnest(%(days)s::date[], %(currencies)s::text[], %(grains)s::text[])
    AS k (day, currency, grain)
)
SELECT p.booked_on AS day, p.currency,
  CASE WHEN coalesce(k.grain, %(grain)s) <> 'day' AND t.first_id = t.last_id
    THEN t.first_id ELSE 0 END AS told_by,
  CASE WHEN coalesce(k.grain, %(grain)s) = 'order' AND t.first_id = t.last_id
    AND t.first_order = t.last_order THEN t.first_order ELSE '' END AS order_ref,
  p.account, p.connection_id, sum(p.amount) AS amount
FROM ledger.money_posting p
JOIN told t USING (event_id, record_id)
LEFT JOIN kept k ON k.day = p.booked_on AND k.currency = p.currency
WHERE p.booked_on BETWEEN %(since)s::date AND %(until)s::date
GROUP BY 1, 2, 3, 4, 5, 6
HAVING sum(p.amount) <> 0
ORDER BY 1, 2, 3, 4, 5, 6;

-- name: first_money_day
-- The first day to which money was booked.
-- Parameters: none.
-- Rows: one: day, null where there is none.
-- Index: none; reads everything.
SELECT min(booked_on) AS day FROM ledger.money_posting;

-- name: hold_money
-- Waits for every posting under way, and keeps new ones waiting until this transaction ends.
-- Parameters: none.
-- Rows: none.
-- Index: none.
LOCK TABLE ledger.money_posting IN SHARE ROW EXCLUSIVE MODE;

-- name: copy_posted_taxes
-- What each record that posted anything posted as taxes; above zero is owed.
-- Parameters: none.
-- Rows: many: ref, record (its number), currency, amount.
-- Index: none; reads everything.
SELECT record_id || ' ' || currency AS ref, record_id AS record, currency,
  coalesce(-sum(amount) FILTER (WHERE account = 'taxes'), 0) AS amount
FROM ledger.money_posting GROUP BY record_id, currency;

-- name: copy_tax_days
-- What was booked as taxes, day by day; above zero is owed.
-- Parameters: none.
-- Rows: many: ref (day and currency), currency, amount.
-- Index: none; reads everything.
SELECT booked_on || ' ' || currency AS ref, currency, -sum(amount) AS amount
FROM ledger.money_posting WHERE account = 'taxes' GROUP BY booked_on, currency;
