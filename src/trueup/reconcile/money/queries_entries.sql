-- Payments held beside the balance entries of their vendors, and fees beside the usual formula.

-- name: find_uneven_payments
-- Payments and entries under one ref of the vendor and currency, summed in one pass, where they do
-- not agree. Disputes, reserves, payouts and fees are no words about a payment's amount.
-- Parameters: none.
-- Rows: none.
-- Index: none; one aggregation over both.
CREATE TABLE uneven_payment AS
SELECT key, currency, sum(payment) AS payments, sum(entry) AS entries, sum(moved) AS moved,
  sum(gross) AS gross
FROM (
  SELECT coalesce(account_key, vendor_ref, ref) AS key, currency, 1 AS payment, 0 AS entry,
    if(kind IN ('sale', 'capture'), amount, -amount) AS moved,
    CAST(0 AS DECIMAL(18, 4)) AS gross
  FROM payments
  WHERE settled AND state = 'succeeded' AND kind IN ('sale', 'capture', 'refund', 'change')
  UNION ALL
  SELECT payment_ref, currency, 0, 1, 0, gross FROM entries
  WHERE payment_ref IS NOT NULL AND kind IN ('charge', 'refund', 'refund_failed', 'adjustment')
)
GROUP BY key, currency
HAVING sum(moved) <> sum(gross);

-- name: tolerate_payments
-- Notes what lies within a tolerance.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO tolerated
SELECT 'payments', u.key, CAST(u.currency AS VARCHAR), u.gross - u.moved, abs(u.gross - u.moved)
FROM uneven_payment AS u
JOIN tolerance AS t ON t.check_name = 'payments' AND t.currency = CAST(u.currency AS VARCHAR)
WHERE u.payments > 0 AND u.entries > 0 AND abs(u.gross - u.moved) <= t.amount;

-- name: drop_tolerated_payments
-- Lets it pass.
-- Parameters: none.
-- Rows: none.
-- Index: none.
DELETE FROM uneven_payment AS u USING tolerated AS t
WHERE t.check_name = 'payments' AND t.ref = u.key AND t.currency = CAST(u.currency AS VARCHAR);

-- name: confirm_payments
-- The keys of payments of uneven orders whose vendor has the same amount.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE even_payment AS
SELECT DISTINCT e.payment_ref AS key FROM entries AS e
WHERE e.kind = 'charge'
  AND e.payment_ref IN (SELECT coalesce(account_key, vendor_ref, ref) FROM touched WHERE counts AND is_sale)
  AND e.payment_ref NOT IN (SELECT key FROM uneven_payment WHERE key IS NOT NULL);

-- name: describe_uneven_payments
-- What payments and entries say of each key that does not agree.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE described_payment AS
WITH own AS (
  SELECT coalesce(account_key, vendor_ref, ref) AS key, currency, min(ref) AS ref, min(order_ref) AS order_ref,
    max(processed_at) AS moved_at, min(amount) AS least, max(amount) AS greatest,
    sum(if(kind IN ('sale', 'capture'), amount, 0)) AS sale,
    sum(if(kind IN ('sale', 'capture'), 0, amount)) AS refund
  FROM payments
  WHERE settled AND coalesce(account_key, vendor_ref, ref) IN (SELECT key FROM uneven_payment)
    AND state = 'succeeded' AND kind IN ('sale', 'capture', 'refund', 'change')
  GROUP BY 1, 2
), theirs AS (
  SELECT payment_ref AS key, currency, min(ref) AS ref, max(occurred_at) AS moved_at,
    min(order_ref) AS order_ref,
    sum(if(kind = 'charge', gross, 0)) AS charged,
    -sum(if(kind IN ('refund', 'refund_failed'), gross, 0)) AS refunded,
    sum(if(kind = 'adjustment', gross, 0)) AS adjusted
  FROM entries
  WHERE payment_ref IN (SELECT key FROM uneven_payment)
    AND kind IN ('charge', 'refund', 'refund_failed', 'adjustment')
  GROUP BY 1, 2
), other AS (
  SELECT key FROM uneven_payment GROUP BY key
  HAVING count(*) = 2 AND count_if(payments > 0) = 1 AND count_if(entries > 0) = 1
)
SELECT u.key, u.currency, u.payments, u.entries, u.moved, u.gross, u.gross - u.moved AS amount,
  m.unit, o.ref AS payment_ref, o.order_ref, o.moved_at AS payment_at, o.least, o.greatest,
  coalesce(o.sale, 0) AS sale, coalesce(o.refund, 0) AS refund, t.ref AS entry_ref,
  t.moved_at AS entry_at, coalesce(t.charged, 0) AS charged, coalesce(t.refunded, 0) AS refunded,
  coalesce(t.adjusted, 0) AS adjusted, x.key IS NOT NULL AS converted,
  coalesce(b.test, false) AS test, k.event, k.cause AS parked
FROM uneven_payment AS u
JOIN minor AS m ON m.currency = u.currency
LEFT JOIN own AS o ON o.key = u.key AND o.currency = u.currency
LEFT JOIN theirs AS t ON t.key = u.key AND t.currency = u.currency
LEFT JOIN other AS x ON x.key = u.key
LEFT JOIN orders AS b ON b.ref = o.order_ref
LEFT JOIN parked AS k ON k.ref = t.order_ref;

-- name: find_twins
-- Payments that their vendor does not have, beside an equal one of the same order that it has.
-- Parameters: retry_us: microseconds.
-- Rows: none.
-- Index: none.
CREATE TABLE twin AS
SELECT d.payment_ref AS ref, min(p.ref) AS twin_ref
FROM described_payment AS d
JOIN payments AS own ON own.ref = d.payment_ref
JOIN payments AS p ON p.order_ref = own.order_ref AND p.ref <> own.ref
WHERE d.entries = 0 AND d.payments = 1 AND own.order_ref IS NOT NULL AND p.amount = own.amount
  AND p.currency = own.currency AND p.kind = own.kind AND p.state = 'succeeded'
  AND abs(epoch_us(p.processed_at) - epoch_us(own.processed_at)) <= $retry_us
  AND coalesce(p.account_key, p.vendor_ref, p.ref) NOT IN (SELECT key FROM uneven_payment WHERE key IS NOT NULL)
GROUP BY d.payment_ref;

-- name: judge_payments
-- Where a vendor's account and our payments differ, with the cause.
-- Parameters: lag_from: instant.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'payments', cause, amount, currency, payment_ref, entry_ref, CASE cause
  WHEN 'currency_conversion' THEN ['paid and settled in two currencies under ' || key]
  WHEN 'missing_webhook' THEN ['the vendor charged ' || key, 'no payment of it was read']
  WHEN 'parked_event' THEN ['event ' || event || ' of its order is parked: ' || parked]
  WHEN 'unlinked_refund' THEN ['the vendor gave back ' || CAST(refunded AS VARCHAR)
    || ', no payment says so']
  WHEN 'test_order' THEN ['its order ' || order_ref || ' is a test']
  WHEN 'duplicate_retry' THEN if(entries = 0, ['the vendor has it once: as payment ' || twin_ref],
    [CAST(payments AS VARCHAR) || ' payments for ' || CAST(entries AS VARCHAR)
      || ' entries under ' || key])
  WHEN 'timing' THEN ['moved within the settlement lag']
  WHEN 'missing_entry' THEN ['the vendor''s account has nothing under ' || key]
  WHEN 'rounding' THEN ['one minor unit']
  WHEN 'partial_refund' THEN ['payments gave back ' || CAST(refund AS VARCHAR) || ', the vendor '
    || CAST(refunded AS VARCHAR)]
  ELSE ['payments ' || CAST(moved AS VARCHAR) || ', the vendor ' || CAST(gross AS VARCHAR)] END
FROM (
  SELECT d.*, w.twin_ref, CASE
    WHEN d.converted THEN 'currency_conversion'
    WHEN d.payments = 0 AND d.event IS NOT NULL THEN 'parked_event'
    WHEN d.payments = 0 AND d.charged > 0 AND d.adjusted = 0 THEN 'missing_webhook'
    WHEN d.payments = 0 AND d.refunded > 0 AND d.adjusted = 0 THEN 'unlinked_refund'
    WHEN d.payments = 0 THEN 'unexplained'
    WHEN d.entries = 0 AND d.test THEN 'test_order'
    WHEN w.twin_ref IS NOT NULL THEN 'duplicate_retry'
    WHEN d.entries = 0 AND d.payment_at > $lag_from THEN 'timing'
    WHEN d.entries = 0 THEN 'missing_entry'
    WHEN d.refund = 0 AND d.refunded = 0 AND d.adjusted = 0 AND d.least = d.greatest
      AND d.payments > d.entries AND d.moved = d.least * d.payments
      AND d.gross = d.least * d.entries THEN 'duplicate_retry'
    WHEN abs(d.amount) <= d.unit THEN 'rounding'
    WHEN d.charged = d.sale AND d.adjusted = 0 AND d.refund = 0 THEN 'unlinked_refund'
    WHEN d.charged = d.sale AND d.adjusted = 0 AND d.refunded = 0
      THEN if(d.payment_at > $lag_from, 'timing', 'missing_entry')
    WHEN d.charged = d.sale AND d.adjusted = 0 THEN 'partial_refund'
    ELSE 'unexplained' END AS cause
  FROM described_payment AS d LEFT JOIN twin AS w ON w.ref = d.payment_ref
);

-- name: judge_lone_entries
-- Entries that speak of no payment's amount: disputes, reserves, and what names no payment.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'payments', CASE
    WHEN kind IN ('dispute', 'dispute_won') THEN 'dispute'
    WHEN kind IN ('reserve_held', 'reserve_released') THEN 'reserve'
    WHEN kind = 'charge' THEN 'missing_webhook'
    WHEN kind = 'refund' THEN 'unlinked_refund'
    WHEN kind = 'unknown' THEN 'unknown_code'
    ELSE 'unexplained' END,
  gross, currency, NULL, ref, list_filter([CAST(kind AS VARCHAR) || ' in the vendor''s account',
    'of ' || payment_ref, 'paid out with ' || payout_ref], lambda x: x IS NOT NULL)
FROM entries
WHERE gross <> 0 AND (kind IN ('dispute', 'dispute_won', 'reserve_held', 'reserve_released', 'unknown')
  OR (payment_ref IS NULL AND kind IN ('charge', 'refund', 'refund_failed', 'adjustment')));

-- name: sum_payments
-- What payments moved, per currency.
-- Parameters: settled: only those that an account must have; else those whose orders are held
-- beside them.
-- Rows: one a currency: currency, sum, count.
-- Index: none.
SELECT CAST(currency AS VARCHAR),
  sum(if(kind IN ('sale', 'capture'), amount, -amount)), count(*)
FROM payments
WHERE state = 'succeeded' AND kind IN ('sale', 'capture', 'refund', 'change')
  AND if($settled, settled, owed)
GROUP BY 1 ORDER BY 1;

-- name: sum_entries
-- What the vendors' accounts say that payments moved, per currency; unknown kinds count nothing.
-- Parameters: none.
-- Rows: one a currency: currency, sum, count.
-- Index: none.
SELECT CAST(currency AS VARCHAR), sum(gross), count(*) FROM entries
WHERE kind IN ('charge', 'refund', 'refund_failed', 'adjustment', 'dispute', 'dispute_won',
  'reserve_held', 'reserve_released', 'unknown')
GROUP BY 1 ORDER BY 1;

-- name: count_uneven_payments
-- How many payments lie under a key that does not agree.
-- Parameters: none.
-- Rows: one.
-- Index: none.
SELECT coalesce(sum(payments), 0) FROM uneven_payment;

-- name: sum_payment_periods
-- Payments by when they moved and entries by when they happened, hour by hour or day by day.
-- Parameters: by: hour or day.
-- Rows: one a period and currency, oldest first.
-- Index: none.
SELECT began_at, CAST(currency AS VARCHAR), sum(payments), sum(entries), sum(moved), sum(gross),
  sum(differs)
FROM (
  SELECT date_trunc($by, processed_at) AS began_at, currency, 1 AS payments, 0 AS entries,
    if(kind IN ('sale', 'capture'), amount, -amount) AS moved, CAST(0 AS DECIMAL(18, 4)) AS gross,
    CAST(coalesce(account_key, vendor_ref, ref) IN (SELECT key FROM uneven_payment WHERE key IS NOT NULL)
      AS INTEGER) AS differs
  FROM payments
  WHERE settled AND state = 'succeeded' AND kind IN ('sale', 'capture', 'refund', 'change')
  UNION ALL
  SELECT date_trunc($by, occurred_at), currency, 0, 1, 0, gross, 0 FROM entries
  WHERE kind IN ('charge', 'refund', 'refund_failed', 'adjustment', 'dispute', 'dispute_won',
    'reserve_held', 'reserve_released', 'unknown')
)
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: find_usual_fees
-- The usual formula of each vendor and currency, a share of the gross and a fixed part: the median
-- slope between neighbours, then the median of what it leaves (Theil and Sen). Neighbours are those
-- next to each other by a hash, up to some 50,000 a group; fewer than 20 are no formula.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE usual_fee AS
WITH sized AS (
  SELECT vendor, currency, count(*) // 50000 + 1 AS step FROM entries
  WHERE kind = 'charge' AND gross > 0 GROUP BY vendor, currency
), sample AS (
  SELECT e.vendor, e.currency, e.gross, e.fee, hash(e.ref) AS place FROM entries AS e
  JOIN sized AS s ON s.vendor IS NOT DISTINCT FROM e.vendor AND s.currency = e.currency
  WHERE e.kind = 'charge' AND e.gross > 0 AND mod(hash(e.ref), s.step) = 0
), pair AS (
  SELECT vendor, currency, gross, fee,
    gross - lag(gross) OVER beside AS gross_step, fee - lag(fee) OVER beside AS fee_step
  FROM sample WINDOW beside AS (PARTITION BY vendor, currency ORDER BY place, gross)
), slope AS (
  SELECT p.vendor, p.currency, count(*) AS pairs,
    CAST(median(p.fee_step / p.gross_step) AS DECIMAL(9, 4)) AS rate
  FROM pair AS p JOIN minor AS m ON m.currency = p.currency
  WHERE abs(p.gross_step) >= m.unit * 100 GROUP BY p.vendor, p.currency HAVING count(*) >= 19
)
SELECT s.vendor, s.currency, l.rate, m.unit,
  to_minor(median(s.fee - s.gross * l.rate), m.unit) AS fixed
FROM sample AS s
JOIN slope AS l ON l.vendor IS NOT DISTINCT FROM s.vendor AND l.currency = s.currency
JOIN minor AS m ON m.currency = s.currency
GROUP BY s.vendor, s.currency, l.rate, m.unit;

-- name: find_uneven_fees
-- Fees that lie off the usual formula by more than a minor unit and the slack.
-- Parameters: fee_slack: of the gross.
-- Rows: none.
-- Index: none.
CREATE TABLE uneven_fee AS
SELECT n.ref, n.payment_ref, CAST(n.currency AS VARCHAR) AS currency, n.gross, n.fee, u.rate,
  u.fixed, n.fee - to_minor(n.gross * u.rate + u.fixed, u.unit) AS amount
FROM entries AS n
JOIN usual_fee AS u ON u.vendor IS NOT DISTINCT FROM n.vendor AND u.currency = n.currency
WHERE n.kind = 'charge' AND n.gross > 0
  AND abs(n.fee - n.gross * u.rate - u.fixed)
    > u.unit + n.gross * CAST($fee_slack AS DECIMAL(9, 6));

-- name: tolerate_fees
-- Notes what lies within a tolerance.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO tolerated
SELECT 'fees', e.ref, e.currency, e.amount, abs(e.amount) FROM uneven_fee AS e
JOIN tolerance AS t ON t.check_name = 'fees' AND t.currency = e.currency
WHERE abs(e.amount) <= t.amount AND e.amount <> 0;

-- name: judge_fees
-- Fees off the usual formula that no tolerance lets pass.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'fees', 'fee_change', amount, currency, payment_ref, ref,
  ['fee ' || CAST(fee AS VARCHAR) || ' on ' || CAST(gross AS VARCHAR), 'usual: '
    || CAST(rate * 100 AS VARCHAR) || ' per cent and ' || CAST(fixed AS VARCHAR)]
FROM uneven_fee
WHERE amount <> 0 AND ref NOT IN (SELECT ref FROM tolerated WHERE check_name = 'fees');

-- name: judge_nets
-- Entries whose net is not their gross less their fee.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'fees', 'unexplained', gross - net - fee, currency, payment_ref, ref,
  ['gross ' || CAST(gross AS VARCHAR) || ', fee ' || CAST(fee AS VARCHAR) || ', net '
    || CAST(net AS VARCHAR)]
FROM entries WHERE gross - fee <> net;

-- name: count_fees
-- How many charges the vendors' accounts have, and of how many the fee or the net is off.
-- Parameters: none.
-- Rows: one: charges, off.
-- Index: none.
SELECT count(*), count(*) FILTER (ref IN (
  SELECT right_ref FROM discrepancy WHERE check_name = 'fees'))
FROM entries WHERE kind = 'charge' AND gross > 0;

-- name: sum_causes
-- All differences of a check by cause and currency, the unexplained first.
-- Parameters: check: name.
-- Rows: many: cause, currency, count, sum, absolute sum.
-- Index: none.
SELECT cause, coalesce(currency, ''), count(*), sum(amount), sum(abs(amount)) FROM discrepancy
WHERE check_name = $check GROUP BY 1, 2 ORDER BY cause <> 'unexplained', 5 DESC, 1, 2;

-- name: list_discrepancies
-- The differences of a check, the unexplained first, then the greatest.
-- Parameters: check: name; count.
-- Rows: many.
-- Index: none.
SELECT cause, amount, CAST(currency AS VARCHAR), left_ref, right_ref, evidence FROM discrepancy
WHERE check_name = $check
ORDER BY cause <> 'unexplained', abs(amount) DESC, cause, left_ref, right_ref LIMIT $count;
