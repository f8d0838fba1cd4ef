-- Taxes, in five numbers of each order: what is due by its rates, what its tax lines come to, what it
-- states, what the ledger posted, and what an ERP or accounting system has. Each step from one to the
-- next that is not even is a difference, so all of them come to the last less the first.

-- name: make_part_of
-- A part of an amount, num of den, rounded half up to a minor unit, without leaving exact numbers.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE MACRO part_of(x, num, den, unit) AS CAST(unit * sign(x) * (
  (2 * CAST(abs(x) * 10000 AS HUGEINT) * CAST(num AS HUGEINT)
    + CAST(den AS HUGEINT) * CAST(unit * 10000 AS HUGEINT))
  // (2 * CAST(den AS HUGEINT) * CAST(unit * 10000 AS HUGEINT))) AS DECIMAL(18, 4));

-- name: make_rated
-- Tax lines of lines and of ways of sending, with what their rate comes to; rates in millionths.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE rated AS
SELECT t.ref, t.order_ref, t.taxable_ref, t.seller, t.title, t.amount, t.currency, x.base, o.included,
  m.unit * if(o.presented, 2, 1) AS slack, m.unit, x.removed, r.rate,
  part_of(x.base, r.rate, 1000000 + if(o.included, r.rates, 0), m.unit) AS own,
  part_of(x.base, r.rate, 1000000 + if(o.included, 0, r.rates), m.unit) AS other, r.rates
FROM tax AS t JOIN taxable AS x ON x.ref = t.taxable_ref JOIN orders AS o ON o.ref = t.order_ref
JOIN minor AS m ON m.currency = t.currency
JOIN (SELECT ref, CAST(TRY_CAST(rate AS DECIMAL(18, 6)) * 1000000 AS HUGEINT) AS rate,
    sum(CAST(TRY_CAST(rate AS DECIMAL(18, 6)) * 1000000 AS HUGEINT)) OVER (PARTITION BY taxable_ref) AS rates
  FROM tax WHERE taxable_ref IS NOT NULL AND rate IS NOT NULL) AS r ON r.ref = t.ref
WHERE x.base > 0 AND x.removed = 0 AND r.rate > 0;

-- name: find_usual_rates
-- Of each jurisdiction of a seller, which goes by the title of its tax lines, the usual rates: those
-- of at least one in twenty of its lines, of which there are twenty; and whether its lines come to
-- what their rates say at all.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE usual_rate AS
SELECT seller, title, rate, count(*) AS lines, sum(count(*)) OVER whole AS of_title,
  max_by(rate, count(*)) OVER whole AS usual,
  sum(count(*) FILTER (abs(amount - own) <= slack)) OVER whole * 2 >= sum(count(*)) OVER whole AS fits
FROM rated GROUP BY seller, title, rate WINDOW whole AS (PARTITION BY seller, title);

-- name: judge_rates
-- Tax lines that do not come to what their rate says, or whose rate is not usual.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE off_rate AS
SELECT * FROM (
  SELECT r.ref, r.order_ref, r.currency, r.title, r.rate, r.base, u.usual, r.own, r.amount AS told, CASE
    WHEN abs(r.amount - r.own) <= r.slack AND u.of_title >= 20 AND u.lines * 20 < u.of_title THEN 'rate_change'
    WHEN abs(r.amount - r.own) <= r.slack OR NOT u.fits THEN NULL
    WHEN abs(r.amount - r.other) <= r.slack THEN 'tax_inclusive'
    ELSE 'unexplained' END AS cause,
    r.amount - if(abs(r.amount - r.own) <= r.slack, part_of(r.base, u.usual,
      1000000 + if(r.included, r.rates - r.rate + u.usual, 0), r.unit), r.own) AS amount
  FROM rated AS r JOIN usual_rate AS u ON u.seller = r.seller AND u.title = r.title AND u.rate = r.rate
) WHERE cause IS NOT NULL AND amount <> 0;

-- name: find_untaxed
-- Lines without a tax line, of a SKU that is taxed nearly always, in orders with taxes: with what its
-- usual rate comes to.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE untaxed AS
WITH usual AS (
  SELECT x.seller, x.sku, count(DISTINCT x.ref) AS lines, count(DISTINCT t.taxable_ref) AS taxed,
    mode(CAST(TRY_CAST(t.rate AS DECIMAL(18, 6)) * 1000000 AS HUGEINT)) AS rate
  FROM taxable AS x LEFT JOIN tax AS t ON t.taxable_ref = x.ref
  WHERE x.sku IS NOT NULL AND x.plain AND x.base > 0 GROUP BY x.seller, x.sku
)
SELECT x.ref, x.order_ref, x.sku, x.base, u.rate, o.currency,
  part_of(x.base, u.rate, 1000000 + if(o.included, u.rate, 0), m.unit) AS amount
FROM taxable AS x JOIN usual AS u ON u.seller = x.seller AND u.sku = x.sku
JOIN orders AS o ON o.ref = x.order_ref JOIN minor AS m ON m.currency = o.currency
WHERE x.plain AND x.base > 0 AND x.removed = 0 AND u.lines >= 20 AND u.taxed * 20 >= u.lines * 19
  AND u.rate > 0 AND o.tax > 0
  AND x.order_ref IN (SELECT order_ref FROM tax WHERE taxable_ref IS NOT NULL) AND x.ref NOT IN (SELECT taxable_ref FROM tax WHERE taxable_ref IS NOT NULL);

-- name: make_taxed
-- The numbers of each order. What an edit took off is not owed, nor what the channel itself collects
-- where the ledger leaves that out; a cancelled order of which nothing is posted owes nothing.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE taxed AS
WITH lines AS (
  SELECT t.order_ref, sum(t.amount) FILTER (t.taxable_ref IS NOT NULL) AS parts,
    sum(t.amount) FILTER (t.taxable_ref IS NULL) AS wholes,
    sum(t.amount) FILTER (t.taxable_ref IS NOT NULL AND t.by_channel) AS channel_parts,
    sum(t.amount) FILTER (t.taxable_ref IS NULL AND t.by_channel) AS channel_wholes,
    count(*) FILTER (t.taxable_ref IS NOT NULL) AS of_parts, count(*) AS told
  FROM tax AS t GROUP BY t.order_ref
), removed AS (
  SELECT x.order_ref, sum(part_of(t.amount, x.removed, x.quantity, m.unit)) AS amount
  FROM taxable AS x JOIN (SELECT taxable_ref, sum(amount) AS amount FROM tax GROUP BY 1) AS t
    ON t.taxable_ref = x.ref
  JOIN orders AS o ON o.ref = x.order_ref AND o.edits JOIN minor AS m ON m.currency = o.currency
  WHERE x.removed > 0 AND x.quantity > 0 GROUP BY x.order_ref
), sums AS (
  SELECT o.ref, o.seller, o.currency, o.placed_at, o.cancelled, o.lines, o.ordered, o.total, o.included,
    m.unit, coalesce(l.told, 0) AS told_lines, if(l.of_parts > 0, l.parts, coalesce(l.wholes, 0)) AS whole,
    coalesce(if(l.of_parts > 0, l.channel_parts, l.channel_wholes), 0) AS channel,
    o.tax AS tax, coalesce(d.amount, 0) AS removed, p.amount AS posted, p.ref IS NOT NULL AS booked
  FROM orders AS o JOIN minor AS m ON m.currency = o.currency
  LEFT JOIN lines AS l ON l.order_ref = o.ref LEFT JOIN removed AS d ON d.order_ref = o.ref
  LEFT JOIN posted AS p ON p.record = o.record AND p.currency = o.currency
  WHERE NOT o.test AND o.seller IN (SELECT seller FROM tax)
), stated AS (
  SELECT *, coalesce(tax, whole) AS stated,
    if(channel <> 0 AND whole - channel = coalesce(tax, whole), whole - channel, whole) AS told
  FROM sums
)
SELECT *, CASE WHEN cancelled AND coalesce(posted, 0) = 0 THEN -stated
  WHEN posted IN (stated - removed, stated - removed - channel, stated - removed + channel)
    THEN posted - stated
  ELSE -removed END AS aside
FROM stated WHERE told_lines > 0 OR stated <> 0 OR coalesce(posted, 0) <> 0;

-- name: find_uneven_taxes
-- Every step that is not even, with its cause: by rates, by lines, in the ledger.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE uneven_tax AS
SELECT 'rate' AS step, cause, amount, CAST(currency AS VARCHAR) AS currency, order_ref,
  CAST(NULL AS VARCHAR) AS right_ref,
  [title || ': ' || CAST(told AS VARCHAR) || ' on ' || CAST(base AS VARCHAR) || ' at '
    || rtrim(rtrim(CAST(CAST(rate AS DECIMAL(18, 4)) * 0.0001 AS VARCHAR), '0'), '.') || ' per cent', CASE cause
    WHEN 'rate_change' THEN 'usual there: ' || rtrim(rtrim(CAST(CAST(usual AS DECIMAL(18, 4)) * 0.0001 AS VARCHAR), '0'), '.') || ' per cent'
    WHEN 'tax_inclusive' THEN 'as if the price ' || if(told > own, 'had no tax in it', 'had it in it')
    ELSE 'it should come to ' || CAST(own AS VARCHAR) END] AS evidence
FROM off_rate WHERE order_ref IN (SELECT ref FROM taxed)
UNION ALL
SELECT 'rate', 'missing_tax_line', -u.amount, CAST(u.currency AS VARCHAR), u.order_ref, NULL,
  ['SKU ' || u.sku || ' is taxed elsewhere, and here ' || CAST(u.base AS VARCHAR) || ' of it is not']
FROM untaxed AS u JOIN taxed AS t ON t.ref = u.order_ref AND t.stated = t.told
UNION ALL
SELECT 'lines', CASE
    WHEN u.ref IS NOT NULL OR t.told_lines = 0 THEN 'missing_tax_line'
    WHEN abs(t.stated - t.told) <= t.unit * greatest(t.told_lines, 1) THEN 'rounding'
    WHEN t.stated = 0 OR t.told = 0 THEN 'tax_inclusive'
    WHEN t.ordered <> t.total THEN 'manual_edit'
    WHEN k.event IS NOT NULL THEN 'parked_event'
    ELSE 'unexplained' END,
  t.stated - t.told, CAST(t.currency AS VARCHAR), t.ref, NULL, list_filter([
    CAST(t.told_lines AS VARCHAR) || ' tax lines come to ' || CAST(t.told AS VARCHAR) || ', the order states '
      || CAST(t.stated AS VARCHAR), 'no tax line for ' || u.ref, 'event ' || k.event || ' of it is parked: '
      || k.cause], lambda x: x IS NOT NULL)
FROM taxed AS t LEFT JOIN parked AS k ON k.ref = t.ref
LEFT JOIN (SELECT x.order_ref, s.ref AS of_ref, min(x.ref) AS ref FROM taxable AS x
  JOIN taxed AS s ON s.ref = x.order_ref AND s.stated > s.told
  JOIN rated AS r ON r.order_ref = x.order_ref
  WHERE x.plain AND x.base > 0 AND x.ref NOT IN (SELECT taxable_ref FROM tax WHERE taxable_ref IS NOT NULL)
    AND abs(part_of(x.base, r.rate, 1000000 + if(s.included, r.rate, 0), s.unit) - (s.stated - s.told)) <= s.unit
  GROUP BY 1, 2) AS u ON u.order_ref = t.ref
WHERE t.stated <> t.told
UNION ALL
SELECT 'ledger', CASE WHEN k.event IS NOT NULL THEN 'parked_event'
    WHEN NOT t.booked AND t.stated <> 0 THEN 'not_posted' ELSE 'unexplained' END,
  coalesce(t.posted, 0) - (t.stated + t.aside), CAST(t.currency AS VARCHAR), t.ref, NULL, list_filter([
    'the order states ' || CAST(t.stated AS VARCHAR) || if(t.aside <> 0, ', of which '
      || CAST(t.stated + t.aside AS VARCHAR) || ' is owed', '') || ', the ledger posted '
      || CAST(coalesce(t.posted, 0) AS VARCHAR), 'event ' || k.event || ' of it is parked: '
      || k.cause], lambda x: x IS NOT NULL)
FROM taxed AS t LEFT JOIN parked AS k ON k.ref = t.ref
WHERE coalesce(t.posted, 0) <> t.stated + t.aside;

-- name: find_uneven_there
-- What other systems have as tax of an order, beside what it states; of cancelled orders nothing.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE taxed_there AS
SELECT t.ref, c.teller, t.currency, t.unit, t.stated, t.lines, sum(c.tax) AS there, count(*) AS parts,
  min(c.ref) AS document_ref, sum(c.signed) AS sold, t.total, min(c.tax) AS least, max(c.tax) AS greatest,
  sum(c.first_total) AS first
FROM taxed AS t JOIN carried AS c ON c.order_ref = t.ref AND c.live AND NOT c.back
WHERE NOT t.cancelled GROUP BY ALL
HAVING count(c.tax) = count(*) AND bool_and(c.currency = t.currency);

-- name: write_uneven_there
-- The same as differences.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO uneven_tax
SELECT 'there', CASE
    WHEN parts > 1 AND least = greatest AND least = stated THEN 'carried_twice'
    WHEN abs(there - stated) <= unit * greatest(coalesce(lines, 1), 1) THEN 'rounding'
    WHEN there = 0 AND sold = total THEN 'tax_inclusive'
    WHEN first = total AND first <> sold THEN 'manual_edit'
    ELSE 'unexplained' END,
  there - stated, CAST(currency AS VARCHAR), ref, document_ref, ['the order states ' || CAST(stated AS VARCHAR)
    || ', ' || teller || ' has ' || CAST(there AS VARCHAR) || ' of ' || CAST(sold AS VARCHAR)]
FROM taxed_there WHERE there <> stated;

-- name: write_uneven_days
-- Days whose journals do not hold what the ledger booked.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO uneven_tax
SELECT 'journals', 'not_journaled', j.amount - coalesce(d.amount, 0), CAST(j.currency AS VARCHAR), NULL,
  'journal/' || j.number, ['the ledger booked ' || CAST(coalesce(d.amount, 0) AS VARCHAR) || ' on '
    || j.ref || ', its journals hold ' || CAST(j.amount AS VARCHAR)]
FROM journal AS j LEFT JOIN tax_day AS d ON d.ref = j.ref
WHERE j.amount <> coalesce(d.amount, 0);

-- name: tolerate_taxes
-- Notes what lies within a tolerance; what is not there at all is not let pass.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO tolerated
SELECT 'taxes', coalesce(u.order_ref, u.right_ref) || ' ' || u.step, u.currency, u.amount, abs(u.amount)
FROM uneven_tax AS u JOIN tolerance AS t ON t.check_name = 'taxes' AND t.currency = u.currency
WHERE abs(u.amount) <= t.amount AND u.cause NOT IN ('not_posted', 'not_journaled');

-- name: write_taxes
-- What no tolerance lets pass.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'taxes', u.cause, u.amount, u.currency, u.order_ref, u.right_ref, u.evidence FROM uneven_tax AS u
LEFT JOIN tolerance AS t ON t.check_name = 'taxes' AND t.currency = u.currency
WHERE t.amount IS NULL OR abs(u.amount) > t.amount OR u.cause IN ('not_posted', 'not_journaled');

-- name: sum_due_taxes
-- What is due by rates, less what is owed no more, per currency.
-- Parameters: none.
-- Rows: one a currency: currency, sum.
-- Index: none.
SELECT currency, sum(amount) FROM (
  SELECT CAST(currency AS VARCHAR) AS currency, told + aside AS amount FROM taxed
  UNION ALL SELECT currency, -amount FROM uneven_tax WHERE step = 'rate'
) GROUP BY 1 ORDER BY 1;

-- name: sum_held_taxes
-- What the ledger holds of orders, as other systems and journals have it where they tell, per currency.
-- Parameters: none.
-- Rows: one a currency: currency, sum.
-- Index: none.
SELECT currency, sum(amount) FROM (
  SELECT CAST(currency AS VARCHAR) AS currency, coalesce(posted, 0) AS amount FROM taxed
  UNION ALL SELECT currency, amount FROM uneven_tax WHERE step IN ('there', 'journals')
) GROUP BY 1 ORDER BY 1;

-- name: count_taxed
-- How many orders have taxes, of how many the ledger posted something, and how many are even.
-- Parameters: none.
-- Rows: one.
-- Index: none.
SELECT count(*), count(*) FILTER (booked), count(*) FILTER (ref NOT IN (
  SELECT order_ref FROM uneven_tax WHERE order_ref IS NOT NULL))
FROM taxed;

-- name: sum_jurisdictions
-- What tax lines come to, jurisdiction by jurisdiction, and what their rates say.
-- Parameters: none.
-- Rows: many: seller, title, rate, currency, lines, sum by rate (of those that name what is taxed), sum.
-- Index: none.
SELECT t.seller, t.title, coalesce(rtrim(rtrim(CAST(TRY_CAST(t.rate AS DECIMAL(18, 6)) * 100 AS VARCHAR), '0'), '.'), ''),
  CAST(t.currency AS VARCHAR), count(*), sum(coalesce(r.own, t.amount)), sum(t.amount)
FROM tax AS t LEFT JOIN rated AS r ON r.ref = t.ref
WHERE t.order_ref IN (SELECT ref FROM taxed) AND (t.taxable_ref IS NOT NULL OR t.order_ref NOT IN (
  SELECT order_ref FROM tax WHERE taxable_ref IS NOT NULL))
GROUP BY 1, 2, 3, 4 ORDER BY 4, 7 DESC, 1, 2, 3;

-- name: sum_tax_periods
-- What is due and what is held, by when orders were placed.
-- Parameters: by: hour or day.
-- Rows: one a period and currency, oldest first.
-- Index: none.
SELECT date_trunc($by, t.placed_at), CAST(t.currency AS VARCHAR), count(*), count(*) FILTER (t.booked),
  sum(t.told + t.aside - coalesce(r.amount, 0)), sum(coalesce(t.posted, 0) + coalesce(a.amount, 0)),
  count(*) FILTER (t.ref IN (SELECT order_ref FROM uneven_tax WHERE order_ref IS NOT NULL))
FROM taxed AS t
LEFT JOIN (SELECT order_ref, sum(amount) AS amount FROM uneven_tax WHERE step = 'rate' GROUP BY 1) AS r
  ON r.order_ref = t.ref
LEFT JOIN (SELECT order_ref, sum(amount) AS amount FROM uneven_tax WHERE step = 'there' GROUP BY 1) AS a
  ON a.order_ref = t.ref
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: list_untold_taxes
-- Sellers whose orders state taxes and tell no tax line at all; and jurisdictions whose lines do not
-- come to what their rates say.
-- Parameters: none.
-- Rows: many: seller, orders, title (null: of the seller).
-- Index: none.
SELECT seller, count(*), NULL FROM orders
WHERE tax > 0 AND NOT test AND seller NOT IN (SELECT seller FROM tax) GROUP BY seller
UNION ALL
SELECT DISTINCT seller, of_title, title FROM usual_rate WHERE NOT fits
ORDER BY 1, 3 NULLS FIRST;
