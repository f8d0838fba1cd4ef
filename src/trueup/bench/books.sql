-- Books of a made-up year for `trueup bench reconcile`, in DuckDB: what agrees, and planted
-- differences of every cause with what is to be found of each.

-- name: plan_orders
-- One row an order. Of a thousand, 38 carry one planted difference each, told by `slot`.
-- Parameters: orders: how many.
-- Rows: none.
CREATE TABLE plan AS
SELECT i, if(mod(i, 1000) < 38, mod(i, 1000), NULL) AS slot,
  'ord_' || substr(md5('o' || i), 1, 20) AS ref, 'pay_' || substr(md5('p' || i), 1, 20) AS payment_ref,
  'ch_' || substr(md5('c' || i), 1, 24) AS charge_ref, 'txn_' || substr(md5('t' || i), 1, 24) AS entry_ref,
  if(mod(i, 2) = 0, 'north', 'south') AS vendor,
  CASE WHEN mod(i, 1000) < 38 OR mod(i, 10) < 7 THEN 'EUR' WHEN mod(i, 10) < 9 THEN 'USD' ELSE 'JPY'
    END AS currency,
  CAST((2000 + mod(hash(i), 20000)) AS DECIMAL(18, 2))
    * if(mod(i, 1000) >= 38 AND mod(i, 10) = 9, CAST(1 AS DECIMAL(3, 2)), CAST(0.01 AS DECIMAL(3, 2)))
    AS total,
  TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(CAST(mod(i * 7919, 25000000) AS BIGINT)) AS at_,
  mod(i, 1000) >= 38 AND (mod(i, 10) = 5 OR mod(i, 1000) BETWEEN 101 AND 104) AS split,
  mod(i, 1000) >= 38 AND mod(i, 10) = 6 AS given_back
FROM range($orders) AS r (i);

-- name: write_orders
-- The orders' book; every customer comes some three times a year.
-- Parameters: none.
-- Rows: none.
CREATE TABLE orders AS
SELECT ref, currency, CASE slot WHEN 22 THEN 0 WHEN 35 THEN total - 5 ELSE total END AS total,
  total AS ordered, if(slot = 36, 7.77, 0.50) AS tax,
  CASE WHEN given_back THEN 10 WHEN slot = 10 THEN 10 WHEN slot = 13 THEN 7 ELSE 0 END
    * CAST(1 AS DECIMAL(18, 2)) AS refunded,
  if(slot IN (19, 20), TIMESTAMPTZ '2026-12-30 12:00:00+00', at_) AS placed_at,
  coalesce(slot IN (21, 32), false) AS test, false AS cancelled,
  CASE slot WHEN 22 THEN 0 WHEN 9 THEN 4 ELSE 1 END AS lines,
  'b' || i // 3 AS customer, md5('g' || i) AS goods
FROM plan
UNION ALL
SELECT 'copy_' || substr(ref, 5), currency, total, total, 0.50, 0, at_ + INTERVAL 30 SECOND, false,
  false, 1, 'b' || i // 3, md5('g' || i)
FROM plan WHERE slot = 37;

-- name: write_parked
-- Orders of which an event is parked.
-- Parameters: none.
-- Rows: none.
CREATE TABLE parked AS
SELECT ref, CAST(i AS VARCHAR) AS event, 'mapping.failed' AS cause FROM plan WHERE slot = 34;

-- name: write_payments
-- The payments' book: sales, second halves, refunds, and what was planted beside them.
-- Parameters: none.
-- Rows: none.
CREATE TABLE payments AS
SELECT payment_ref AS ref, ref AS order_ref, 'sale' AS kind,
  if(slot = 24, 'failed', 'succeeded') AS state,
  CASE slot WHEN 5 THEN total + 5 WHEN 6 THEN total - 3 WHEN 7 THEN total + 0.01
    WHEN 9 THEN total - 0.03 WHEN 14 THEN total - 1 WHEN 23 THEN total + round(total * 0.08, 2)
    WHEN 26 THEN total + 5 WHEN 27 THEN total - 6 WHEN 36 THEN total + 7.77
    ELSE if(split, total - 10, total) END AS amount,
  if(slot = 14, 'GBP', currency) AS currency, vendor, charge_ref AS vendor_ref,
  if(slot = 20, TIMESTAMPTZ '2026-12-30 12:00:00+00', at_) AS processed_at,
  if(slot = 23, 6, 1) AS instalments
FROM plan WHERE slot IS NULL OR slot NOT IN (2, 3, 19, 21, 34)
UNION ALL
SELECT 'pay_v' || substr(payment_ref, 5), ref, 'sale', 'succeeded', 10, currency, vendor,
  'ch_v' || substr(charge_ref, 4), at_ + INTERVAL 1 SECOND, 1
FROM plan WHERE split
UNION ALL
SELECT 'pay_r' || substr(payment_ref, 5), ref, 'refund', 'succeeded',
  CASE slot WHEN 10 THEN 4 WHEN 11 THEN 5 ELSE 10 END, currency, vendor,
  're_' || substr(charge_ref, 4), at_ + INTERVAL 9 DAY, 1
FROM plan WHERE given_back OR slot IN (10, 11)
UNION ALL
SELECT 'pay_x' || substr(payment_ref, 5),
  CASE slot WHEN 4 THEN 'gone_' || substr(ref, 5) WHEN 30 THEN NULL ELSE ref END,
  CASE slot WHEN 28 THEN 'unknown' WHEN 30 THEN 'refund' ELSE 'sale' END,
  if(slot = 27, 'pending', 'succeeded'), if(slot = 27, 6, if(slot = 30, 5, total)), currency, vendor,
  if(slot = 0, charge_ref, 'ch_x' || substr(charge_ref, 4)), at_ + INTERVAL 90 SECOND, 1
FROM plan WHERE slot IN (0, 1, 4, 27, 28, 29, 30);

-- name: write_entries
-- The vendors' accounts: one line for each payment with its fee, and their own fees, taxes, payouts.
-- Parameters: none.
-- Rows: none.
CREATE TABLE entries AS
WITH moved AS (
  SELECT entry_ref AS ref, charge_ref AS payment_ref, ref AS order_ref, 'charge' AS kind,
    CASE slot WHEN 5 THEN total + 5 WHEN 6 THEN total - 3 WHEN 7 THEN total + 0.01
      WHEN 8 THEN total + 0.01 WHEN 9 THEN total - 0.03 WHEN 14 THEN total - 1
      WHEN 15 THEN total - 1 WHEN 23 THEN total + round(total * 0.08, 2) WHEN 26 THEN total + 9
      WHEN 27 THEN total - 6 WHEN 36 THEN total + 7.77 ELSE if(split, total - 10, total) END AS gross,
    if(slot IN (14, 15), 'GBP', currency) AS currency, vendor, at_, slot
  FROM plan WHERE slot IS NULL OR slot NOT IN (2, 19, 20, 21, 24, 25, 32)
  UNION ALL
  SELECT 'txn_v' || substr(entry_ref, 5), 'ch_v' || substr(charge_ref, 4), ref, 'charge', 10, currency,
    vendor, at_ + INTERVAL 1 SECOND, NULL
  FROM plan WHERE split
  UNION ALL
  SELECT 'txn_x' || substr(entry_ref, 5), 'ch_x' || substr(charge_ref, 4), ref, 'charge', total,
    currency, vendor, at_ + INTERVAL 90 SECOND, NULL
  FROM plan WHERE slot IN (1, 4)
), charged AS (
  SELECT ref, payment_ref, order_ref, kind, gross, vendor, currency, at_, slot,
    CASE WHEN currency = 'JPY' THEN round(gross * 0.036, 0)
      WHEN vendor = 'north' THEN round(gross * 0.029 + 0.30, 2)
      ELSE round(gross * 0.019 + 0.10, 2) END + if(slot = 16, 0.50, 0) AS fee
  FROM moved
)
SELECT ref, payment_ref, order_ref, kind, gross, fee, gross - fee - if(slot = 31, 1, 0) AS net,
  currency, vendor, at_ AS occurred_at, 'po_' || vendor || '_' || strftime(at_, '%%j') AS payout_ref
FROM charged
UNION ALL
SELECT 'txn_r' || substr(entry_ref, 5),
  CASE slot WHEN 12 THEN charge_ref WHEN 30 THEN 'ch_x' || substr(charge_ref, 4)
    ELSE 're_' || substr(charge_ref, 4) END, NULL, 'refund',
  -(CASE slot WHEN 10 THEN 4 WHEN 11 THEN 5 WHEN 12 THEN 5 WHEN 30 THEN 5 ELSE 10 END), 0,
  -(CASE slot WHEN 10 THEN 4 WHEN 11 THEN 5 WHEN 12 THEN 5 WHEN 30 THEN 5 ELSE 10 END), currency,
  vendor, at_ + INTERVAL 9 DAY, NULL
FROM plan WHERE given_back OR slot IN (10, 11, 12, 30)
UNION ALL
SELECT 'txn_h' || substr(entry_ref, 5), if(slot = 18, charge_ref, NULL), NULL,
  if(slot = 18, 'dispute', 'reserve_held'), if(slot = 18, -total, -20), 0, if(slot = 18, -total, -20),
  currency, vendor, at_ + INTERVAL 20 DAY, NULL
FROM plan WHERE slot IN (17, 18)
UNION ALL
SELECT 'txn_f' || substr(entry_ref, 5), NULL, NULL, 'fee', 0, 0.05, -0.05, currency, vendor, at_, NULL
FROM plan
UNION ALL
SELECT 'txn_t' || substr(entry_ref, 5), NULL, NULL, 'tax', 0, 0.01, -0.01, currency, vendor, at_, NULL
FROM plan WHERE mod(i, 10) < 7
UNION ALL
SELECT 'txn_o' || substr(entry_ref, 5), NULL, NULL, 'payout', -100, 0, -100, currency, vendor, at_,
  'po_' || vendor || '_' || strftime(at_, '%%j')
FROM plan WHERE mod(i, 10) = 7 OR mod(i, 1000) BETWEEN 38 AND 42;

-- name: write_expected
-- What is to be found: check, cause, amount (right less left), currency, left ref.
-- Parameters: none.
-- Rows: none.
CREATE TABLE expected AS
SELECT s.check_name, s.cause, CAST(s.amount AS DECIMAL(38, 4)) AS amount, s.currency, s.left_ref
FROM plan, LATERAL (
  SELECT 'orders' AS check_name, CASE slot
      WHEN 0 THEN 'duplicate_retry' WHEN 1 THEN 'duplicate_retry' WHEN 29 THEN 'duplicate_retry'
      WHEN 2 THEN 'missing_payment' WHEN 3 THEN 'missing_webhook' WHEN 4 THEN 'payment_without_order'
      WHEN 5 THEN 'overpayment' WHEN 6 THEN 'underpayment' WHEN 7 THEN 'rounding' WHEN 9 THEN 'rounding'
      WHEN 10 THEN 'partial_refund' WHEN 11 THEN 'unlinked_refund' WHEN 30 THEN 'unlinked_refund'
      WHEN 13 THEN 'missing_refund' WHEN 14 THEN 'currency_conversion' WHEN 19 THEN 'timing'
      WHEN 27 THEN 'timing' WHEN 21 THEN 'test_order' WHEN 22 THEN 'items_missing'
      WHEN 23 THEN 'instalment_interest' WHEN 24 THEN 'payment_failed' WHEN 26 THEN 'unexplained'
      WHEN 28 THEN 'unknown_code' WHEN 34 THEN 'parked_event' WHEN 35 THEN 'manual_edit'
      WHEN 36 THEN 'tax_inclusive' WHEN 37 THEN 'duplicate_retry' END AS cause,
    CASE WHEN slot IN (0, 1, 4, 22, 29) THEN total WHEN slot IN (2, 3, 14, 19, 21, 24, 34, 37) THEN -total
      WHEN slot IN (5, 26, 35) THEN 5 WHEN slot = 36 THEN 7.77 WHEN slot = 6 THEN -3 WHEN slot = 7 THEN 0.01
      WHEN slot = 9 THEN -0.03 WHEN slot = 10 THEN 6 WHEN slot IN (11, 30) THEN -5
      WHEN slot = 13 THEN 7 WHEN slot = 23 THEN round(total * 0.08, 2) WHEN slot = 27 THEN -6
      ELSE 0 END AS amount,
    currency, CASE WHEN slot IN (4, 30) THEN NULL WHEN slot = 37 THEN 'copy_' || substr(ref, 5)
      ELSE ref END AS left_ref
  UNION ALL
  SELECT 'duplicates', 'duplicate_retry', total, currency, ref WHERE slot = 37
  UNION ALL
  SELECT 'orders', 'currency_conversion', total - 1, 'GBP', ref WHERE slot = 14
  UNION ALL
  SELECT 'payments', CASE slot
      WHEN 0 THEN 'duplicate_retry' WHEN 29 THEN 'duplicate_retry' WHEN 3 THEN 'missing_webhook'
      WHEN 8 THEN 'rounding' WHEN 12 THEN 'unlinked_refund' WHEN 15 THEN 'currency_conversion'
      WHEN 17 THEN 'reserve' WHEN 18 THEN 'dispute' WHEN 20 THEN 'timing' WHEN 25 THEN 'missing_entry'
      WHEN 26 THEN 'unexplained' WHEN 32 THEN 'test_order' WHEN 34 THEN 'parked_event' END,
    CASE WHEN slot IN (0, 15, 18, 20, 25, 29, 32) THEN -total WHEN slot IN (3, 34) THEN total
      WHEN slot = 8 THEN 0.01 WHEN slot = 12 THEN -5 WHEN slot = 17 THEN -20 ELSE 4 END,
    currency, CASE WHEN slot IN (3, 17, 18, 34) THEN NULL WHEN slot = 29
      THEN 'pay_x' || substr(payment_ref, 5) ELSE payment_ref END
  UNION ALL
  SELECT 'payments', 'currency_conversion', total - 1, 'GBP', NULL WHERE slot = 15
  UNION ALL
  SELECT 'fees', if(slot = 16, 'fee_change', 'unexplained'), if(slot = 16, 0.50, 1), currency,
    charge_ref WHERE slot IN (16, 31)
) AS s
WHERE slot IS NOT NULL AND s.cause IS NOT NULL;
