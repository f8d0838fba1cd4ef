-- Orders of shops held beside what an ERP or an accounting system tells of them: invoices, receipts,
-- credit notes and orders that carry the order's number. A pair is a shop and such a system.

-- name: make_carried
-- Documents with the one order whose number they carry, signed as they count.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE carried AS
WITH named AS (
  SELECT d.ref, count(DISTINCT o.ref) AS orders,
    if(count(DISTINCT o.ref) = 1, min(o.ref), NULL) AS order_ref
  FROM document AS d JOIN name AS a ON a.ref = d.ref AND a.namespace = 'order'
  LEFT JOIN name AS o ON o.digest = a.digest AND o.namespace = 'order' AND o.kind = 'order'
    AND o.teller IN (SELECT ref FROM seller)
  GROUP BY d.ref
)
SELECT d.*, n.orders, n.order_ref, o.seller, d.kind IN ('credit_note', 'refund_receipt') AS back,
  if(d.kind IN ('credit_note', 'refund_receipt'), -d.total, d.total) AS signed,
  d.state NOT IN ('draft', 'unknown') AND (d.state <> 'voided' OR suffix(coalesce(d.code, ''), '/reversed'))
    AND d.kind IN ('invoice', 'sales_receipt', 'credit_note', 'refund_receipt', 'order') AS live
FROM document AS d JOIN named AS n USING (ref)
LEFT JOIN orders AS o ON o.ref = n.order_ref
WHERE d.kind <> 'bill' AND (n.order_ref IS NULL OR n.order_ref NOT IN (SELECT ref FROM aside));

-- name: make_pairs
-- Which shop's orders which system has, since when, how many of them, and whether it tells credit
-- notes; where it has at least half of the paid orders since the first, it is to have each.
-- Parameters: carry_from: instant; what was placed before it must be there.
-- Rows: none.
-- Index: none.
CREATE TABLE pair AS
WITH first AS (
  SELECT c.seller, c.teller, min(o.placed_at) AS since_at, bool_or(c.back AND c.live) AS credits,
    count(DISTINCT c.order_ref) FILTER (NOT c.back AND c.live AND o.paid) AS settled,
    count(DISTINCT c.order_ref) FILTER (NOT c.back AND c.live AND o.paid
      AND c.state IN ('paid', 'partly_paid')) AS paid_there
  FROM carried AS c JOIN orders AS o ON o.ref = c.order_ref WHERE c.seller IS NOT NULL
  GROUP BY c.seller, c.teller
)
SELECT f.*, f.paid_there * 2 >= f.settled AND f.settled > 0 AS pays, count(o.ref) AS wanted,
  count(o.ref) FILTER (o.ref IN (SELECT c.order_ref FROM carried AS c WHERE c.teller = f.teller
    AND c.order_ref IS NOT NULL)) AS there
FROM first AS f LEFT JOIN orders AS o ON o.seller = f.seller AND o.paid AND NOT o.cancelled
  AND o.total > 0 AND o.placed_at >= f.since_at AND o.placed_at <= $carry_from
GROUP BY ALL;

-- name: make_held
-- Each order with each system that has it or is to have it, and what it should come to there.
-- Parameters: carry_from: instant.
-- Rows: none.
-- Index: none.
CREATE TABLE held AS
SELECT o.ref, o.seller, p.teller, o.currency, o.placed_at, o.cancelled, p.credits, p.pays,
  CASE WHEN o.cancelled THEN 0 WHEN p.credits THEN o.total - o.refunded ELSE o.total END AS due
FROM orders AS o JOIN pair AS p ON p.seller = o.seller
WHERE EXISTS (SELECT 1 FROM carried AS c WHERE c.order_ref = o.ref AND c.teller = p.teller AND c.live)
  OR (p.there * 2 >= p.wanted AND o.paid AND NOT o.cancelled AND o.total > 0
    AND o.placed_at >= p.since_at AND o.placed_at <= $carry_from);

-- name: find_uneven_carried
-- Orders and documents under one order, system and currency, summed in one pass; those that do not
-- agree.
-- Parameters: none.
-- Rows: none.
-- Index: none; one aggregation over both.
CREATE TABLE uneven_carried AS
SELECT ref, teller, currency, sum(orders) AS orders, sum(due) AS due, sum(parts) AS parts,
  sum(signed) AS signed
FROM (
  SELECT ref, teller, currency, 1 AS orders, due, 0 AS parts, CAST(0 AS DECIMAL(18, 4)) AS signed
  FROM held
  UNION ALL
  SELECT order_ref, teller, currency, 0, 0, 1, signed FROM carried
  WHERE live AND seller IS NOT NULL
)
GROUP BY ref, teller, currency HAVING sum(due) <> sum(signed);

-- name: tolerate_carried
-- Notes what lies within a tolerance.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO tolerated
SELECT 'storefront', u.ref || ' ' || u.teller, CAST(u.currency AS VARCHAR), u.signed - u.due,
  abs(u.signed - u.due)
FROM uneven_carried AS u
JOIN tolerance AS t ON t.check_name = 'storefront' AND t.currency = CAST(u.currency AS VARCHAR)
WHERE u.orders > 0 AND u.parts > 0 AND abs(u.signed - u.due) <= t.amount;

-- name: drop_tolerated_carried
-- Lets it pass.
-- Parameters: none.
-- Rows: none.
-- Index: none.
DELETE FROM uneven_carried AS u USING tolerated AS t
WHERE t.check_name = 'storefront' AND t.ref = u.ref || ' ' || u.teller
  AND t.currency = CAST(u.currency AS VARCHAR);

-- name: find_unlike_lines
-- Orders of whose SKUs a system has another number of units; where its lines name SKUs at all, and
-- none of the order's is a kit, of which it may name the parts.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE unlike AS
WITH ours AS (
  SELECT l.order_ref, h.teller, l.sku,
    sum(l.quantity - if(l.current IS NULL, 0, greatest(l.quantity - l.current - l.refunded, 0))) AS units
  FROM ordered AS l JOIN held AS h ON h.ref = l.order_ref WHERE l.sku IS NOT NULL GROUP BY ALL
), theirs AS (
  SELECT c.order_ref, c.teller, l.sku, sum(l.units) AS units
  FROM document_line AS l JOIN carried AS c ON c.ref = l.document_ref AND c.live AND NOT c.back
  WHERE l.sku IS NOT NULL AND l.units IS NOT NULL AND c.seller IS NOT NULL GROUP BY ALL
), differing AS (
  SELECT coalesce(o.order_ref, t.order_ref) AS ref, coalesce(o.teller, t.teller) AS teller,
    coalesce(o.sku, t.sku) AS sku, coalesce(o.units, 0) AS ours, coalesce(t.units, 0) AS theirs
  FROM ours AS o FULL JOIN theirs AS t
    ON t.order_ref = o.order_ref AND t.teller = o.teller AND t.sku = o.sku
)
SELECT ref, teller, sum(theirs - ours) AS more,
  list(sku || ': ' || rtrim(rtrim(CAST(CAST(ours AS DECIMAL(18, 4)) AS VARCHAR), '0'), '.') || ' ordered, '
    || rtrim(rtrim(CAST(CAST(theirs AS DECIMAL(18, 4)) AS VARCHAR), '0'), '.') || ' there' ORDER BY sku)[:5] AS said
FROM differing
WHERE ours <> theirs AND (ref, teller) IN (SELECT order_ref, teller FROM theirs)
  AND ref NOT IN (SELECT l.order_ref FROM ordered AS l JOIN kit AS k ON k.ref = l.sku)
GROUP BY ref, teller;

-- name: describe_uneven_carried
-- What orders and documents say where they do not agree.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE described_carried AS
WITH told AS (
  SELECT order_ref, teller, count(*) FILTER (live AND NOT back) AS sales,
    count(*) FILTER (live AND back) AS backs, min(ref) FILTER (NOT back) AS document_ref,
    sum(signed) FILTER (live AND NOT back) AS sold, -sum(signed) FILTER (live AND back) AS given,
    max(signed) FILTER (live AND NOT back) AS greatest, sum(first_total) FILTER (live AND NOT back) AS first,
    sum(tax) FILTER (live AND NOT back) AS tax, count(*) FILTER (state = 'draft') AS drafts,
    count(*) FILTER (state = 'voided' AND NOT live) AS voided,
    count(DISTINCT currency) FILTER (live) AS currencies, min(currency) FILTER (live) AS currency
  FROM carried WHERE seller IS NOT NULL GROUP BY order_ref, teller
)
SELECT u.ref, u.teller, u.currency, u.signed - u.due AS amount, u.orders, m.unit, o.total, o.refunded,
  o.ordered, o.tax AS our_tax, o.shipping, o.discount, o.cancelled, o.lines, t.* EXCLUDE (order_ref,
  teller, currency), t.currency AS their_currency, h.currency AS our_currency, h.credits, x.more, x.said,
  k.event, k.cause AS parked
FROM uneven_carried AS u JOIN orders AS o ON o.ref = u.ref JOIN minor AS m ON m.currency = u.currency
LEFT JOIN held AS h ON h.ref = u.ref AND h.teller = u.teller
LEFT JOIN told AS t ON t.order_ref = u.ref AND t.teller = u.teller
LEFT JOIN unlike AS x ON x.ref = u.ref AND x.teller = u.teller
LEFT JOIN parked AS k ON k.ref = u.ref;

-- name: judge_carried
-- What a system has otherwise than the shop, with its cause.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'storefront', cause, amount, currency, ref, document_ref, CASE cause
  WHEN 'missing_there' THEN [teller || ' has most orders since its first, and not this one']
  WHEN 'draft_there' THEN ['it is a draft at ' || teller || ': ' || document_ref]
  WHEN 'voided_there' THEN ['it was voided at ' || teller || ': ' || document_ref]
  WHEN 'cancelled_here' THEN ['the shop cancelled it, and it counts ' || CAST(sold AS VARCHAR)
    || ' at ' || teller]
  WHEN 'currency_conversion' THEN ['the order is in ' || CAST(our_currency AS VARCHAR) || ', at '
    || teller || ' in ' || CAST(their_currency AS VARCHAR)]
  WHEN 'carried_twice' THEN [CAST(sales AS VARCHAR) || ' documents at ' || teller || ' come to '
    || CAST(sold AS VARCHAR) || ', the order to ' || CAST(total AS VARCHAR)]
  WHEN 'missing_refund' THEN ['the shop gave back ' || CAST(refunded AS VARCHAR) || ', ' || teller
    || ' has no credit note of it']
  WHEN 'unlinked_refund' THEN [teller || ' credits ' || CAST(given AS VARCHAR)
    || ', the shop gave nothing back']
  WHEN 'tax_inclusive' THEN ['the tax of ' || CAST(our_tax AS VARCHAR)
    || if(amount > 0, ' is added once more', ' is left out')]
  WHEN 'shipping_differs' THEN ['shipping of ' || CAST(shipping AS VARCHAR)
    || if(amount > 0, ' is added once more', ' is left out')]
  WHEN 'discount_differs' THEN ['the discount of ' || CAST(discount AS VARCHAR)
    || if(amount > 0, ' is not taken off', ' is taken off twice')]
  WHEN 'parked_event' THEN ['event ' || event || ' of it is parked: ' || parked]
  WHEN 'lines_differ' THEN said
  WHEN 'rounding' THEN ['within one minor unit for each of ' || CAST(greatest(coalesce(lines, 1), 1)
    AS VARCHAR) || ' lines']
  WHEN 'manual_edit' THEN if(first = total AND first <> sold, ['it came to ' || CAST(first AS VARCHAR) || ' at '
    || teller || ' at first, and was edited there'], ['ordered ' || CAST(ordered AS VARCHAR) || ', edited to '
    || CAST(total AS VARCHAR) || ' at the shop, and not at ' || teller])
  ELSE ['the order comes to ' || CAST(total AS VARCHAR) || ' and gave back ' || CAST(refunded AS VARCHAR),
    teller || ' has ' || CAST(coalesce(sold, 0) AS VARCHAR) || ' and credits '
      || CAST(coalesce(given, 0) AS VARCHAR)] END
FROM (
  SELECT *, CASE
    WHEN coalesce(sales, 0) = 0 AND coalesce(backs, 0) = 0 THEN CASE
      WHEN drafts > 0 THEN 'draft_there' WHEN voided > 0 THEN 'voided_there'
      WHEN event IS NOT NULL THEN 'parked_event' ELSE 'missing_there' END
    WHEN their_currency <> our_currency AND currencies = 1 THEN 'currency_conversion'
    WHEN cancelled THEN 'cancelled_here'
    WHEN sales > 1 AND greatest = total AND sold > total THEN 'carried_twice'
    WHEN credits AND sold = total AND refunded > 0 AND coalesce(given, 0) = 0 THEN 'missing_refund'
    WHEN credits AND sold = total AND refunded = 0 AND given > 0 THEN 'unlinked_refund'
    WHEN credits AND sold = total THEN 'partial_refund'
    WHEN abs(amount) <= unit * greatest(coalesce(lines, 1), 1) THEN 'rounding'
    WHEN our_tax > 0 AND abs(amount) = our_tax THEN 'tax_inclusive'
    WHEN shipping > 0 AND abs(amount) = shipping THEN 'shipping_differs'
    WHEN discount > 0 AND abs(amount) = discount THEN 'discount_differs'
    WHEN ordered <> total AND sold = ordered THEN 'manual_edit'
    WHEN first = total AND first <> sold THEN 'manual_edit'
    WHEN more * amount > 0 THEN 'lines_differ'
    WHEN event IS NOT NULL THEN 'parked_event'
    ELSE 'unexplained' END AS cause
  FROM described_carried
);

-- name: judge_unlike
-- Orders that come to the same in both, by other units.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'storefront', 'lines_differ', 0, CAST(h.currency AS VARCHAR), x.ref, (SELECT min(c.ref)
  FROM carried AS c WHERE c.order_ref = x.ref AND c.teller = x.teller AND c.live AND NOT c.back), x.said
FROM unlike AS x JOIN held AS h ON h.ref = x.ref AND h.teller = x.teller
WHERE NOT h.cancelled AND (x.ref, x.teller) NOT IN (SELECT ref, teller FROM uneven_carried);

-- name: judge_unpaid_there
-- Orders that the shop says are paid, and a system that knows of payments does not.
-- Parameters: carry_from: instant.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'storefront', 'unpaid_there', 0, CAST(h.currency AS VARCHAR), h.ref, min(c.ref),
  ['paid at the shop, open at ' || h.teller]
FROM held AS h JOIN orders AS o ON o.ref = h.ref AND o.paid AND NOT o.cancelled
JOIN carried AS c ON c.order_ref = h.ref AND c.teller = h.teller AND c.live AND NOT c.back
  AND c.state = 'open' AND c.kind = 'invoice' AND NOT suffix(coalesce(c.code, ''), '/reversed')
WHERE h.pays AND h.placed_at <= $carry_from
GROUP BY h.ref, h.teller, h.currency;

-- name: judge_lone_documents
-- Documents that carry the number of no order, of systems of which at least half do.
-- Parameters: none.
-- Rows: none.
-- Index: none.
INSERT INTO discrepancy
SELECT 'storefront', 'without_order', signed, CAST(currency AS VARCHAR), NULL, ref,
  [kind || if(number IS NULL, '', ' ' || number) || ' names an order that no shop has told of']
FROM carried WHERE live AND orders = 0 AND teller IN (SELECT teller FROM carried
  WHERE live GROUP BY teller HAVING count_if(orders > 0) * 2 >= count(*));

-- name: sum_held
-- What orders should come to in other systems, per currency.
-- Parameters: none.
-- Rows: one a currency: currency, sum.
-- Index: none.
SELECT CAST(currency AS VARCHAR), sum(due) FROM held GROUP BY 1 ORDER BY 1;

-- name: sum_carried
-- What documents come to: of orders, and those of none that are told of.
-- Parameters: none.
-- Rows: one a currency: currency, sum.
-- Index: none.
SELECT CAST(currency AS VARCHAR), sum(signed) FROM carried
WHERE live AND (seller IS NOT NULL OR ref IN (
  SELECT right_ref FROM discrepancy WHERE check_name = 'storefront' AND cause = 'without_order'))
GROUP BY 1 ORDER BY 1;

-- name: count_held
-- How many orders are held beside a system, how many documents count, and how many orders agree.
-- Parameters: none.
-- Rows: one: held, documents, agreeing.
-- Index: none.
SELECT (SELECT count(*) FROM held),
  (SELECT count(*) FROM carried WHERE live AND seller IS NOT NULL),
  (SELECT count(*) FROM held WHERE ref NOT IN (
    SELECT left_ref FROM discrepancy WHERE check_name = 'storefront' AND left_ref IS NOT NULL));

-- name: sum_carried_periods
-- Orders by when they were placed and documents by their day, hour by hour or day by day.
-- Parameters: by: hour or day.
-- Rows: one a period and currency, oldest first.
-- Index: none.
SELECT began_at, CAST(currency AS VARCHAR), sum(orders), sum(parts), sum(due), sum(signed), sum(differs)
FROM (
  SELECT date_trunc($by, placed_at) AS began_at, currency, 1 AS orders, 0 AS parts,
    CAST(due AS DECIMAL(18, 4)) AS due, CAST(0 AS DECIMAL(18, 4)) AS signed,
    CAST(ref IN (SELECT ref FROM uneven_carried) AS INTEGER) AS differs
  FROM held
  UNION ALL
  SELECT date_trunc($by, issued_at), currency, 0, 1, 0, signed, 0 FROM carried
  WHERE live AND seller IS NOT NULL
)
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: list_uncarried
-- What is not judged: pairs of which most orders are missing, systems of which most documents are of
-- no shop, and documents whose number several orders have.
-- Parameters: none.
-- Rows: many: what it is, whose, whose orders, how many are there, of how many.
-- Index: none.
SELECT 'pair', teller, seller, there, wanted FROM pair WHERE there * 2 < wanted
UNION ALL
SELECT 'own', teller, '', count_if(orders = 0), count(*) FROM carried WHERE live GROUP BY teller
HAVING count_if(orders > 0) * 2 < count(*)
UNION ALL
SELECT 'several', teller, '', count_if(orders > 1), count(*) FROM carried WHERE live GROUP BY teller
HAVING count_if(orders > 1) > 0
ORDER BY 1, 2, 3;
