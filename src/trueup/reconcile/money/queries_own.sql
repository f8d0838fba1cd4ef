-- The hub's own books, as they were copied out: which entry of an account is of which payment.
-- What joins them are names that both carry. Rows under one name are one payment at both ends.

-- name: read_told_payments
-- Payments as they were copied out.
-- Parameters: payments: file.
-- Rows: none.
-- Index: none.
CREATE TABLE IF NOT EXISTS told_payment AS
SELECT *, coalesce(vendor_ref, ref) AS key, if(kind = 'refund', 'refund', 'charge') AS entry_kind
FROM read_csv($payments, header = true, all_varchar = true, sep = ',', quote = '"', escape = '"');

-- name: read_told_entries
-- Entries as they were copied out.
-- Parameters: entries: file.
-- Rows: none.
-- Index: none.
CREATE TABLE IF NOT EXISTS told_entry AS
SELECT * FROM read_csv($entries, header = true, all_varchar = true, sep = ',', quote = '"',
  escape = '"');

-- name: read_told_names
-- Names of payments and orders, as digests.
-- Parameters: names: file.
-- Rows: none.
-- Index: none.
CREATE TABLE IF NOT EXISTS told_name AS
SELECT * REPLACE (CAST(paying AS BOOLEAN) AS paying) FROM read_csv($names, header = true,
  all_varchar = true, sep = ',', quote = '"', escape = '"');

-- name: unite_names
-- Each name of a payment with the one key of all payments that share names: with it, with another
-- of theirs, or over a charge of the provider that carries both.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE IF NOT EXISTS united AS
WITH own AS (
  SELECT DISTINCT n.digest, p.key FROM told_name AS n JOIN told_payment AS p USING (ref)
  WHERE n.namespace = 'payment'
), beside AS (
  SELECT ref, digest FROM told_name WHERE namespace = 'payment' AND kind = 'payment' AND paying
), first AS (
  SELECT digest, min(key) AS key FROM own GROUP BY digest
), charge AS (
  SELECT b.ref, min(f.key) AS key FROM beside AS b JOIN first AS f USING (digest) GROUP BY b.ref
), second AS (
  SELECT digest, min(key) AS key FROM (
    SELECT digest, key FROM first
    UNION ALL SELECT b.digest, c.key FROM beside AS b JOIN charge AS c USING (ref)
  ) GROUP BY digest
), payment AS (
  SELECT own.key, min(s.key) AS root FROM own JOIN second AS s USING (digest) GROUP BY own.key
)
SELECT s.digest, min(coalesce(p.root, s.key)) AS root FROM second AS s
LEFT JOIN payment AS p ON p.key = s.key GROUP BY s.digest;

-- name: name_entries
-- Of each entry of a provider's account the key of the payments with which it shares a name.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE IF NOT EXISTS named_entry AS
SELECT n.ref, min(u.root) AS key FROM told_name AS n JOIN united AS u USING (digest)
WHERE n.kind = 'balance_entry' AND n.namespace = 'payment' AND n.paying GROUP BY n.ref;

-- name: key_payments
-- Payments with the key under which accounts have them: that of the names, where an entry has one.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE IF NOT EXISTS keyed_payment AS
SELECT p.* REPLACE (coalesce(r.key, p.key) AS key) FROM told_payment AS p
LEFT JOIN (SELECT n.ref, min(u.root) AS key FROM told_name AS n JOIN united AS u USING (digest)
  WHERE n.namespace = 'payment' AND u.root IN (SELECT key FROM named_entry) GROUP BY n.ref) AS r
  ON r.ref = p.key;

-- name: place_entries
-- Of each entry the order by the number that it or the provider's payment names, where one order
-- alone has it.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE IF NOT EXISTS placed_entry AS
WITH numbered AS (
  SELECT n.ref, n.teller, n.paying, n.digest FROM told_name AS n
  WHERE n.kind = 'balance_entry' AND n.namespace = 'order'
  UNION
  SELECT e.ref, n.teller, n.paying, n.digest FROM told_entry AS e
  JOIN told_name AS n ON n.ref = e.payment_ref
  WHERE n.kind = 'payment' AND n.namespace = 'order' AND n.paying
)
SELECT n.ref, min(o.ref) AS order_ref FROM numbered AS n
JOIN told_name AS o ON o.digest = n.digest AND o.namespace = 'order' AND o.kind = 'order'
  AND NOT o.paying AND (n.paying OR o.teller = n.teller)
GROUP BY n.ref HAVING count(DISTINCT o.ref) = 1;

-- name: liken_entries
-- Entries that share no name with a payment, by their order: with its one payment of the amount.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE IF NOT EXISTS alike_entry AS
SELECT e.ref, min(p.key) AS key FROM told_entry AS e JOIN placed_entry AS o USING (ref)
JOIN keyed_payment AS p ON p.order_ref = o.order_ref AND p.state = 'succeeded'
  AND p.entry_kind = e.kind AND p.currency = e.currency
  AND abs(exact_amount(p.amount)) = abs(exact_amount(e.gross))
WHERE e.paying AND e.ref NOT IN (SELECT ref FROM named_entry)
GROUP BY e.ref HAVING count(*) = 1;

-- name: gather_entries
-- What is left of an order on both sides is held beside each other as one, where both have some.
-- Parameters: none.
-- Rows: none.
-- Index: none.
CREATE TABLE IF NOT EXISTS gathered AS
WITH taken AS (
  SELECT ref, key FROM named_entry UNION ALL SELECT ref, key FROM alike_entry
), ways AS (
  SELECT DISTINCT seller, vendor FROM keyed_payment
  WHERE key IN (SELECT key FROM taken) OR ref IN (SELECT payment_ref FROM told_entry)
), payment AS (
  SELECT p.ref, p.order_ref, p.entry_kind FROM keyed_payment AS p
  JOIN ways AS w ON w.seller = p.seller AND w.vendor IS NOT DISTINCT FROM p.vendor
  WHERE p.state = 'succeeded' AND p.kind IN ('sale', 'capture', 'refund')
    AND p.key NOT IN (SELECT key FROM taken)
    AND p.ref NOT IN (SELECT payment_ref FROM told_entry WHERE payment_ref IS NOT NULL)
), entry AS (
  SELECT e.ref, o.order_ref, e.kind AS entry_kind FROM told_entry AS e JOIN placed_entry AS o USING (ref)
  WHERE e.paying AND e.kind IN ('charge', 'refund') AND e.ref NOT IN (SELECT ref FROM taken)
), both_have AS (
  SELECT order_ref, entry_kind FROM payment INTERSECT SELECT order_ref, entry_kind FROM entry
)
SELECT each.ref, each.order_ref || ' ' || each.entry_kind AS key
FROM (SELECT * FROM payment UNION ALL SELECT * FROM entry) AS each
JOIN both_have USING (order_ref, entry_kind);

-- name: list_settled_entries
-- Entries with the key of the payment that they are of, and their order.
-- Parameters: none.
-- Rows: many.
-- Index: none.
SELECT e.* REPLACE (coalesce(n.key, a.key, g.key, e.payment_ref) AS payment_ref), o.order_ref
FROM told_entry AS e LEFT JOIN named_entry AS n USING (ref) LEFT JOIN alike_entry AS a USING (ref)
LEFT JOIN gathered AS g USING (ref) LEFT JOIN placed_entry AS o USING (ref);

-- name: list_settled_payments
-- Payments with the key under which accounts have them, and of each whether some account must have
-- it: of the ways to pay of one seller those count of which an entry names a payment.
-- Parameters: none.
-- Rows: many.
-- Index: none.
WITH held AS (
  SELECT p.*, coalesce(g.key, p.key) AS account_key FROM keyed_payment AS p
  LEFT JOIN gathered AS g USING (ref)
), keys AS (
  SELECT key FROM named_entry UNION SELECT key FROM alike_entry UNION SELECT key FROM gathered
  UNION SELECT payment_ref FROM told_entry WHERE payment_ref IS NOT NULL
), ways AS (
  SELECT DISTINCT seller, vendor FROM held WHERE account_key IN (SELECT key FROM keys)
)
SELECT h.* EXCLUDE (key, entry_kind), w.seller IS NOT NULL AS settled FROM held AS h
LEFT JOIN ways AS w ON w.seller = h.seller AND w.vendor IS NOT DISTINCT FROM h.vendor;
