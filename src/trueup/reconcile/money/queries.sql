-- Statements of DuckDB, over whole sets: first how values are read, then orders held beside
-- payments. Parameters are named as `$name`. Tables live as long as one run.

-- name: make_exact_amount
-- An amount with at most 4 decimals; nothing where it has more, or is no number.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE MACRO exact_amount(x) AS CASE
  WHEN TRY_CAST(x AS DECIMAL(38, 10)) = TRY_CAST(x AS DECIMAL(18, 4))
  THEN TRY_CAST(x AS DECIMAL(18, 4)) END;

-- name: make_unsigned_amount
-- The same, of zero or more.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE MACRO unsigned_amount(x) AS CASE WHEN exact_amount(x) >= 0 THEN exact_amount(x) END;

-- name: make_whole_count
-- A whole number of zero or more; nothing where it is none.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE MACRO whole_count(x) AS CASE
  WHEN TRY_CAST(x AS DECIMAL(18, 4)) = TRY_CAST(x AS INTEGER) AND TRY_CAST(x AS INTEGER) >= 0
  THEN TRY_CAST(x AS INTEGER) END;

-- name: make_to_minor
-- An amount rounded half up to a currency's minor unit, which is 1, 0.01 or 0.001.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE MACRO to_minor(x, unit) AS CAST(CASE unit WHEN 1 THEN round(x, 0) WHEN 0.001 THEN round(x, 3)
  ELSE round(x, 2) END AS DECIMAL(18, 4));

-- name: make_aware_instant
-- An instant; nothing where a text does not name its offset from UTC.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE MACRO aware_instant(x) AS CASE
  WHEN typeof(x) <> 'VARCHAR' OR regexp_matches(CAST(x AS VARCHAR), ':\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)$')
  THEN TRY_CAST(x AS TIMESTAMPTZ) END;

-- name: make_discrepancies
-- What differs, of all checks. `amount` is right less left.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE discrepancy (check_name VARCHAR, cause VARCHAR, amount DECIMAL(38, 4),
  currency VARCHAR, left_ref VARCHAR, right_ref VARCHAR, evidence VARCHAR[]);

-- name: make_tolerances
-- Up to which difference two sums agree.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE tolerance (check_name VARCHAR, currency VARCHAR, amount DECIMAL(18, 4));

-- name: make_tolerated
-- What was let pass by a tolerance; `amount` is right less left.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE tolerated (check_name VARCHAR, ref VARCHAR, currency VARCHAR, amount DECIMAL(38, 4),
  absolute DECIMAL(38, 4));

-- name: make_owed_payments
-- Payments of sellers whose orders are held beside them.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE VIEW owed_payment AS SELECT * FROM payments WHERE owed;

-- name: find_uneven_orders
-- Orders and payments under one ref and currency, summed in one pass; those that do not agree.
-- An order that was cancelled before anything was paid is owed nothing.
-- Parameters: none.
-- Rows: none.
-- Index: none; one aggregation over both.
CREATE TABLE uneven_order AS
SELECT ref, currency, sum(orders) AS orders, sum(sale) AS sale, sum(refund) AS refund,
  CASE WHEN bool_or(cancelled) AND sum(sale) = 0 THEN 0 ELSE sum(total) END AS total,
  sum(refunded) AS refunded
FROM (
  SELECT ref, currency, 1 AS orders, total, refunded, cancelled, CAST(0 AS DECIMAL(18, 4)) AS sale,
    CAST(0 AS DECIMAL(18, 4)) AS refund
  FROM orders
  UNION ALL
  SELECT order_ref, currency, 0, 0, 0, false, if(kind IN ('sale', 'capture'), amount, 0),
    if(kind IN ('sale', 'capture'), 0, amount)
  FROM owed_payment
  WHERE order_ref IS NOT NULL AND state = 'succeeded'
    AND kind IN ('sale', 'capture', 'refund', 'change')
)
GROUP BY ref, currency
HAVING (sum(total) <> sum(sale) AND NOT (bool_or(cancelled) AND sum(sale) = 0))
  OR sum(refunded) <> sum(refund);

-- name: tolerate_orders
-- Notes what lies within a tolerance.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO tolerated
SELECT 'orders', u.ref, CAST(u.currency AS VARCHAR), (u.sale - u.total) + (u.refunded - u.refund),
  abs(u.sale - u.total) + abs(u.refunded - u.refund)
FROM uneven_order AS u
JOIN tolerance AS t ON t.check_name = 'orders' AND t.currency = CAST(u.currency AS VARCHAR)
WHERE u.orders > 0 AND abs(u.sale - u.total) <= t.amount AND abs(u.refunded - u.refund) <= t.amount;

-- name: drop_tolerated_orders
-- Lets it pass.
-- Parameters: none.
-- Rows: none.
-- Index: none.
DELETE FROM uneven_order AS u USING tolerated AS t
WHERE t.check_name = 'orders' AND t.ref = u.ref AND t.currency = CAST(u.currency AS VARCHAR);

-- name: find_copies
-- Orders of one customer for the same goods at the same price, placed within the window of a retry.
-- Parameters: retry_us: microseconds.
-- Rows: none.
-- Index: none.
CREATE TABLE copied AS
SELECT ref, twin_ref, currency, total, since_us FROM (
  SELECT ref, currency, total, lag(ref) OVER same AS twin_ref,
    epoch_us(placed_at) - lag(epoch_us(placed_at)) OVER same AS since_us
  FROM orders
  WHERE customer IS NOT NULL AND goods IS NOT NULL AND total > 0 AND NOT test AND NOT cancelled
  WINDOW same AS (PARTITION BY customer, goods, currency, total ORDER BY placed_at, ref)
)
WHERE since_us <= $retry_us;

-- name: write_copies
-- Each copy of an order is a difference of its own: what it adds to what was sold.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'duplicates', 'duplicate_retry', total, currency, twin_ref, ref,
  ['the same customer, goods and total as order ' || twin_ref,
    CAST(since_us // 1000000 AS VARCHAR) || ' s after it']
FROM copied;

-- name: touch_payments
-- All payments of uneven orders, and those without any order.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE touched AS
SELECT p.*, p.kind IN ('sale', 'capture') AS is_sale,
  p.state = 'succeeded' AND p.kind IN ('sale', 'capture', 'refund', 'change') AS counts
FROM owed_payment AS p
WHERE p.order_ref IS NULL OR p.order_ref IN (SELECT ref FROM uneven_order);

-- name: find_retried_payments
-- Equal payments of one order, kind and vendor's ref, or within the window of a retry; as many as
-- the order was paid too much.
-- Parameters: retry_us: microseconds.
-- Rows: none.
-- Index: none.
CREATE TABLE retried AS
WITH beside AS (
  SELECT t.ref, t.order_ref, t.is_sale, t.amount, t.currency, t.processed_at, t.vendor_ref,
    CASE WHEN t.is_sale THEN u.sale - u.total ELSE u.refund - u.refunded END AS excess,
    first_value(t.ref) OVER same AS twin_ref,
    epoch_us(t.processed_at) - lag(epoch_us(t.processed_at)) OVER same AS since_us,
    row_number() OVER (PARTITION BY t.order_ref, t.is_sale, t.currency, t.amount, t.vendor_ref
      ORDER BY t.processed_at, t.ref) AS told
  FROM touched AS t
  JOIN uneven_order AS u ON u.ref = t.order_ref AND u.currency = t.currency AND u.orders > 0
  WHERE t.counts AND t.amount > 0
  WINDOW same AS (PARTITION BY t.order_ref, t.is_sale, t.currency, t.amount ORDER BY t.processed_at, t.ref)
), summed AS (
  SELECT *, sum(amount) OVER (PARTITION BY order_ref, is_sale, currency ORDER BY processed_at, ref) AS running
  FROM beside
  WHERE since_us <= $retry_us OR (vendor_ref IS NOT NULL AND told > 1)
)
SELECT * FROM summed WHERE running <= excess;

-- name: write_retried_payments
-- Each retried payment is a difference of its own.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'orders', 'duplicate_retry', if(is_sale, amount, -amount), currency, order_ref, ref,
  ['the same amount as payment ' || twin_ref, if(told > 1 AND vendor_ref IS NOT NULL,
    'the same ref of the vendor: ' || vendor_ref,
    CAST(since_us // 1000000 AS VARCHAR) || ' s after the payment before it')]
FROM retried;

-- name: describe_uneven_orders
-- What is left of each uneven order once retried payments are taken off, with what its payments say.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE described AS
WITH paid AS (
  SELECT order_ref, count(*) AS payments, min(ref) AS payment_ref,
    count_if(counts AND is_sale) AS sales, count_if(counts AND NOT is_sale) AS refunds,
    count_if(state IN ('failed', 'errored')) AS failures, max(instalments) AS instalments,
    count_if(counts AND is_sale AND confirmed) AS confirmed
  FROM (SELECT *, coalesce(account_key, vendor_ref, ref) IN (SELECT key FROM even_payment) AS confirmed
    FROM touched WHERE order_ref IS NOT NULL)
  GROUP BY order_ref
), waiting AS (
  SELECT order_ref, currency, sum(if(is_sale, amount, 0)) AS sale,
    sum(if(kind = 'refund', amount, 0)) AS refund
  FROM touched WHERE state IN ('pending', 'awaiting') GROUP BY order_ref, currency
), twice AS (
  SELECT order_ref, currency, sum(if(is_sale, amount, 0)) AS sale,
    sum(if(is_sale, 0, amount)) AS refund
  FROM retried GROUP BY order_ref, currency
), known AS (
  SELECT order_ref, min(ref) AS entry_ref FROM entries
  WHERE kind = 'charge' AND order_ref IN (SELECT ref FROM uneven_order) GROUP BY order_ref
)
SELECT o.ref, o.currency, o.placed_at, o.test, o.lines, o.ordered, o.tax, u.total, u.refunded,
  m.unit, c.twin_ref, c.since_us, x.event, x.cause AS parked,
  u.sale - u.total - coalesce(t.sale, 0) AS sale_rest,
  u.refunded - u.refund + coalesce(t.refund, 0) AS refund_rest,
  coalesce(p.payments, 0) AS payments, p.payment_ref, coalesce(p.sales, 0) AS sales,
  coalesce(p.refunds, 0) AS refunds, coalesce(p.failures, 0) AS failures,
  coalesce(p.instalments, 1) AS instalments, coalesce(p.confirmed, 0) AS confirmed,
  coalesce(w.sale, 0) AS sale_waiting, coalesce(w.refund, 0) AS refund_waiting,
  k.entry_ref, f.currency AS foreign_currency, f.sale AS foreign_sale
FROM uneven_order AS u
JOIN orders AS o ON o.ref = u.ref AND o.currency = u.currency
JOIN minor AS m ON m.currency = o.currency
LEFT JOIN paid AS p ON p.order_ref = o.ref
LEFT JOIN waiting AS w ON w.order_ref = o.ref AND w.currency = o.currency
LEFT JOIN twice AS t ON t.order_ref = o.ref AND t.currency = o.currency
LEFT JOIN known AS k ON k.order_ref = o.ref
LEFT JOIN copied AS c ON c.ref = o.ref
LEFT JOIN parked AS x ON x.ref = o.ref
LEFT JOIN (SELECT ref, min(currency) AS currency, sum(sale) AS sale FROM uneven_order
  WHERE orders = 0 GROUP BY ref HAVING count(*) = 1) AS f ON f.ref = o.ref
WHERE u.orders > 0;

-- name: judge_sales
-- What was paid too much or too little, with its cause.
-- Parameters: lag_from: instant; rate_max: interest a month.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'orders', cause, sale_rest, currency, ref, payment_ref, CASE cause
  WHEN 'test_order' THEN ['the order is a test']
  WHEN 'timing' THEN if(payments = 0, ['placed within the settlement lag'],
    [CAST(sale_waiting AS VARCHAR) || ' is pending'])
  WHEN 'missing_webhook' THEN ['the vendor charged it: ' || entry_ref, 'no payment of it was read']
  WHEN 'missing_payment' THEN [if(payments = 0, 'no payment names the order',
    'it was authorised, and nothing was captured')]
  WHEN 'parked_event' THEN ['event ' || event || ' of it is parked: ' || parked]
  WHEN 'duplicate_retry' THEN ['the same customer, goods and total as order ' || twin_ref,
    CAST(since_us // 1000000 AS VARCHAR) || ' s after it']
  WHEN 'manual_edit' THEN ['ordered ' || CAST(ordered AS VARCHAR) || ', edited to '
    || CAST(total AS VARCHAR), 'paid as it was ordered']
  WHEN 'tax_inclusive' THEN ['the tax of ' || CAST(tax AS VARCHAR)
    || if(sale_rest > 0, ' was charged once more', ' was not charged')]
  WHEN 'payment_failed' THEN [CAST(failures AS VARCHAR) || ' payments failed, none succeeded']
  WHEN 'currency_conversion' THEN ['paid ' || CAST(foreign_sale AS VARCHAR) || ' '
    || CAST(foreign_currency AS VARCHAR) || ' for ' || CAST(-sale_rest AS VARCHAR) || ' '
    || CAST(currency AS VARCHAR)]
  WHEN 'items_missing' THEN ['the order has no lines']
  WHEN 'rounding' THEN [if(abs(sale_rest) <= unit, 'per order: one minor unit',
    'per line: within one minor unit for each of ' || CAST(lines AS VARCHAR) || ' lines')]
  WHEN 'instalment_interest' THEN ['paid in ' || CAST(instalments AS VARCHAR) || ' instalments',
    CAST(CAST(sale_rest / total * 100 AS DECIMAL(18, 2)) AS VARCHAR) || ' per cent more']
  WHEN 'unexplained' THEN ['ordered ' || CAST(total AS VARCHAR) || ', paid '
    || CAST(total + sale_rest AS VARCHAR) || ' by ' || CAST(sales AS VARCHAR) || ' payments']
  ELSE ['the vendor''s own account has the same amounts: ' || CAST(confirmed AS VARCHAR)
    || ' payments'] END
FROM (
  SELECT *, CASE
    WHEN test THEN 'test_order'
    WHEN sales = 0 AND event IS NOT NULL THEN 'parked_event'
    WHEN sales = 0 AND twin_ref IS NOT NULL THEN 'duplicate_retry'
    WHEN sales = 0 AND entry_ref IS NOT NULL THEN 'missing_webhook'
    WHEN payments > 0 AND payments = failures THEN 'payment_failed'
    WHEN sale_rest < 0 AND foreign_sale > 0 THEN 'currency_conversion'
    WHEN sale_rest < 0 AND sale_waiting = -sale_rest THEN 'timing'
    WHEN sales = 0 AND placed_at > $lag_from THEN 'timing'
    WHEN sales = 0 AND sale_rest < 0 THEN 'missing_payment'
    WHEN sale_rest > 0 AND lines = 0 THEN 'items_missing'
    WHEN ordered <> total AND sale_rest = ordered - total THEN 'manual_edit'
    WHEN sales > 0 AND abs(sale_rest) <= unit * greatest(coalesce(lines, 1), 1) THEN 'rounding'
    WHEN instalments > 1 AND sale_rest > 0
      AND sale_rest <= total * CAST($rate_max AS DECIMAL(9, 6)) * (instalments + 1) / 2
      THEN 'instalment_interest'
    WHEN sales > 0 AND tax > 0 AND abs(sale_rest) = tax THEN 'tax_inclusive'
    WHEN event IS NOT NULL THEN 'parked_event'
    WHEN sales > 0 AND confirmed = sales
      THEN if(sale_rest > 0, 'overpayment', 'underpayment')
    ELSE 'unexplained' END AS cause
  FROM described WHERE sale_rest <> 0
);

-- name: judge_refunds
-- What was given back too much or too little, with its cause.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'orders', cause, refund_rest, currency, ref,
  (SELECT min(t.ref) FROM touched AS t WHERE t.order_ref = j.ref AND t.kind = 'refund'),
  CASE cause
  WHEN 'test_order' THEN ['the order is a test']
  WHEN 'timing' THEN [CAST(refund_waiting AS VARCHAR) || ' is pending']
  WHEN 'unlinked_refund' THEN ['the order knows of no refund']
  WHEN 'missing_refund' THEN ['the order is refunded, no payment gave anything back']
  ELSE ['the order says ' || CAST(refunded AS VARCHAR) || ', payments gave back '
    || CAST(refunded - refund_rest AS VARCHAR)] END
FROM (
  SELECT *, CASE
    WHEN test THEN 'test_order'
    WHEN refund_rest > 0 AND refund_waiting = refund_rest THEN 'timing'
    WHEN refund_rest < 0 AND refunded = 0 THEN 'unlinked_refund'
    WHEN refund_rest > 0 AND refunds = 0 THEN 'missing_refund'
    WHEN abs(refund_rest) <= unit * greatest(coalesce(lines, 1), 1) THEN 'rounding'
    ELSE 'partial_refund' END AS cause
  FROM described WHERE refund_rest <> 0
) AS j;

-- name: judge_strays
-- Payments under no order of their currency, each with its cause.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
WITH stray AS (
  SELECT t.*, s.ref AS short_ref, o.ref AS known_ref, s.currency AS order_currency, x.event,
    x.cause AS parked
  FROM touched AS t
  LEFT JOIN uneven_order AS u ON u.ref = t.order_ref AND u.currency = t.currency AND u.orders > 0
  LEFT JOIN described AS s ON s.ref = t.order_ref AND s.sale_rest < 0
    AND s.foreign_currency = t.currency
  LEFT JOIN orders AS o ON o.ref = t.order_ref
  LEFT JOIN parked AS x ON x.ref = t.order_ref
  WHERE t.counts AND u.ref IS NULL
    AND (o.ref IS NULL OR o.currency <> t.currency)
), twin AS (
  SELECT p.vendor_ref, min(p.ref) AS ref FROM payments AS p
  WHERE p.order_ref IS NOT NULL
    AND p.vendor_ref IN (SELECT vendor_ref FROM stray WHERE order_ref IS NULL)
  GROUP BY p.vendor_ref
)
SELECT 'orders', CASE
    WHEN s.short_ref IS NOT NULL THEN 'currency_conversion'
    WHEN s.known_ref IS NOT NULL THEN 'unexplained'
    WHEN s.event IS NOT NULL THEN 'parked_event'
    WHEN w.ref IS NOT NULL AND s.order_ref IS NULL THEN 'duplicate_retry'
    WHEN s.is_sale THEN 'payment_without_order'
    ELSE 'unlinked_refund' END,
  if(s.is_sale, s.amount, -s.amount), s.currency, coalesce(s.short_ref, s.known_ref), s.ref, CASE
    WHEN s.short_ref IS NOT NULL THEN ['the order is in ' || CAST(s.order_currency AS VARCHAR)]
    WHEN s.known_ref IS NOT NULL THEN ['the order is in another currency, and is not short']
    WHEN s.event IS NOT NULL THEN ['event ' || s.event || ' of its order is parked: ' || s.parked]
    WHEN w.ref IS NOT NULL AND s.order_ref IS NULL
      THEN ['the same ref of the vendor as payment ' || w.ref]
    WHEN s.order_ref IS NULL THEN ['it names no order']
    ELSE ['there is no order ' || s.order_ref] END
FROM stray AS s LEFT JOIN twin AS w ON w.vendor_ref = s.vendor_ref;

-- name: judge_unknown_payments
-- Payments whose kind or state nobody knows: they count nothing, and are told of.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'orders', 'unknown_code', 0, currency, order_ref, ref,
  ['kind ' || CAST(kind AS VARCHAR) || ', state ' || CAST(state AS VARCHAR) || ': '
    || CAST(amount AS VARCHAR) || ' counts nothing']
FROM owed_payment WHERE kind = 'unknown' OR state = 'unknown';

-- name: sum_orders
-- What orders are owed, less what they gave back, per currency.
-- Parameters: none.
-- Rows: one a currency: currency, sum.
-- Index: none.
SELECT CAST(currency AS VARCHAR), sum(total - refunded) FROM orders GROUP BY 1 ORDER BY 1;

-- name: sum_unpaid_cancelled
-- What orders that were cancelled before anything was paid would have been owed.
-- Parameters: none.
-- Rows: one a currency: currency, sum.
-- Index: none.
SELECT CAST(o.currency AS VARCHAR), sum(o.total) FROM orders AS o
WHERE o.cancelled AND NOT EXISTS (SELECT 1 FROM owed_payment AS p
  WHERE p.order_ref = o.ref AND p.currency = o.currency AND p.state = 'succeeded' AND p.amount > 0
    AND p.kind IN ('sale', 'capture'))
GROUP BY 1 ORDER BY 1;

-- name: count_uneven_orders
-- How many orders do not agree.
-- Parameters: none.
-- Rows: one.
-- Index: none.
SELECT count(*) FROM uneven_order WHERE orders > 0;

-- name: sum_order_periods
-- Orders by when they were placed and payments by when they moved, hour by hour or day by day.
-- Parameters: by: hour or day.
-- Rows: one a period and currency, oldest first.
-- Index: none.
SELECT began_at, CAST(currency AS VARCHAR), sum(orders), sum(payments), sum(owed), sum(moved),
  sum(differs)
FROM (
  SELECT date_trunc($by, placed_at) AS began_at, currency, 1 AS orders, 0 AS payments,
    total - refunded AS owed, CAST(0 AS DECIMAL(18, 4)) AS moved,
    CAST(ref IN (SELECT ref FROM uneven_order WHERE orders > 0) AS INTEGER) AS differs
  FROM orders
  UNION ALL
  SELECT date_trunc($by, processed_at), currency, 0, 1, 0,
    if(kind IN ('sale', 'capture'), amount, -amount), 0
  FROM owed_payment
  WHERE state = 'succeeded' AND kind IN ('sale', 'capture', 'refund', 'change')
)
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: sum_tolerated
-- What a tolerance let pass in a check.
-- Parameters: check: name.
-- Rows: one a currency: currency, count, sum, absolute sum.
-- Index: none.
SELECT currency, count(*), sum(amount), sum(absolute) FROM tolerated WHERE check_name = $check
GROUP BY 1 ORDER BY 1;
