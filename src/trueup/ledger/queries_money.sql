-- name: money_of_records
-- What has been posted for some records.
-- Parameters: record_ids.
-- Rows: many: record_id, account, connection_id, item, currency, amount.
-- Index: money_posting_record.
SELECT record_id, account, connection_id, item, currency, sum(amount) AS amount
FROM ledger.money_posting
WHERE record_id = ANY(%(record_ids)s::bigint[])
GROUP BY record_id, account, connection_id, item, currency
HAVING sum(amount) <> 0;

-- name: insert_money
-- Appends postings. What happened in a locked period is booked in the first open day after it, or
-- on the day it was learned where that is later; it keeps the day on which it happened.
-- Parameters: arrays of equal length: event_ids, ordinals, record_ids, accounts, connection_ids,
-- items, currencies, amounts, occurred_ons, learned_ons.
-- Rows: none.
-- Index: money_posting primary key, money_posting_record, money_posting_item, money_lock primary key.
INSERT INTO ledger.money_posting (event_id, ordinal, record_id, account, connection_id, item,
  currency, amount, occurred_on, booked_on)
SELECT p.event_id, p.ordinal, p.record_id, p.account, p.connection_id, p.item, p.currency, p.amount,
  p.occurred_on,
  CASE WHEN p.occurred_on <= l.locked_through THEN greatest(l.locked_through + 1, p.learned_on)
    ELSE p.occurred_on END
FROM unnest(%(event_ids)s::bigint[], %(ordinals)s::int[], %(record_ids)s::bigint[],
  %(accounts)s::text[], %(connection_ids)s::int[], %(items)s::text[], %(currencies)s::text[],
  %(amounts)s::numeric[], %(occurred_ons)s::date[], %(learned_ons)s::date[])
  AS p (event_id, ordinal, record_id, account, connection_id, item, currency, amount, occurred_on,
    learned_on)
LEFT JOIN LATERAL (
  SELECT locked_through FROM ledger.money_lock ORDER BY lock_id DESC LIMIT 1) l ON true;

-- name: money_balances
-- What every account holds, by connection and currency; above zero is a debit.
-- Parameters: until: the last day that counts, by the day of booking; null: all.
-- Rows: many: account, connection_id, currency, amount, postings.
-- Index: none; reads everything.
SELECT account, connection_id, currency, sum(amount) AS amount, count(*) AS postings
FROM ledger.money_posting
WHERE %(until)s::date IS NULL OR booked_on <= %(until)s::date
GROUP BY account, connection_id, currency
ORDER BY account, connection_id, currency;

-- name: money_items
-- What is open of some accounts, item by item.
-- Parameters: accounts; connection_id: number or null for all.
-- Rows: many: account, connection_id, item, currency, amount, debits, credits, postings, first_on,
-- last_on.
-- Index: money_posting_item.
SELECT account, connection_id, item, currency, sum(amount) AS amount,
  coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS debits,
  coalesce(-sum(amount) FILTER (WHERE amount < 0), 0) AS credits,
  count(*) AS postings, min(occurred_on) AS first_on, max(occurred_on) AS last_on
FROM ledger.money_posting
WHERE account = ANY(%(accounts)s::text[])
  AND (%(connection_id)s::int IS NULL OR connection_id = %(connection_id)s::int)
GROUP BY account, connection_id, item, currency
ORDER BY account, connection_id, item, currency;

-- name: prove_money
-- Counts the money ledger and finds transactions that do not sum to zero.
-- Parameters: none.
-- Rows: one: postings, unbalanced, total (of all currencies; zero where each is).
-- Index: none; reads everything.
SELECT (SELECT count(*) FROM ledger.money_posting) AS postings,
  (SELECT count(*) FROM (SELECT FROM ledger.money_posting
    GROUP BY event_id, currency HAVING sum(amount) <> 0) u) AS unbalanced,
  (SELECT coalesce(sum(abs(s.amount)), 0) FROM (SELECT sum(amount) AS amount
    FROM ledger.money_posting GROUP BY currency) s) AS total;

-- name: lock_money
-- Locks everything up to a day, or nothing any more.
-- Parameters: locked_through: date or null; locked_by, reason.
-- Rows: none.
-- Index: none.
INSERT INTO ledger.money_lock (locked_through, locked_by, reason)
VALUES (%(locked_through)s, %(locked_by)s, %(reason)s);

-- name: list_locks
-- Every lock that was ever set, newest first.
-- Parameters: none.
-- Rows: many: locked_through, locked_by, reason, locked_at.
-- Index: money_lock primary key.
SELECT locked_through, locked_by, reason, locked_at FROM ledger.money_lock ORDER BY lock_id DESC;

-- name: free_matches
-- Frees what some matches held; what they hold now is written after it.
-- Parameters: record_ids.
-- Rows: none.
-- Index: money_match_record.
DELETE FROM ledger.money_match WHERE record_id = ANY(%(record_ids)s::bigint[]);

-- name: hold_matches
-- Notes which payouts and lines of a bank are matched; one that is already is an error.
-- Parameters: arrays of equal length: accounts, connection_ids, items, record_ids.
-- Rows: none.
-- Index: money_match primary key.
INSERT INTO ledger.money_match (account, connection_id, item, record_id)
SELECT * FROM unnest(%(accounts)s::text[], %(connection_ids)s::int[], %(items)s::text[],
  %(record_ids)s::bigint[]);

-- name: matched_items
-- Which payouts and lines of a bank are matched.
-- Parameters: none.
-- Rows: many: account, connection_id, item, record_id.
-- Index: none; reads everything.
SELECT account, connection_id, item, record_id FROM ledger.money_match;

-- name: money_cleared
-- Payout by payout: what its entries say, and what it says itself. Only payouts post on clearing
-- and on transit; what a match did on transit later changes nothing here.
-- Parameters: connection_id: number or null for all.
-- Rows: many: connection_id, item, currency, entries, entered, payouts, paid, first_on, last_on.
-- Index: money_posting_item.
WITH payout AS (SELECT DISTINCT record_id FROM ledger.money_posting WHERE account = 'transit'),
posted AS (
  SELECT c.*, p.record_id IS NOT NULL AS by_payout
  FROM ledger.money_posting c LEFT JOIN payout p USING (record_id)
  WHERE c.account = 'clearing' AND c.item <> ''
    AND (%(connection_id)s::int IS NULL OR c.connection_id = %(connection_id)s::int))
SELECT connection_id, item, currency,
  count(*) FILTER (WHERE NOT by_payout) AS entries,
  coalesce(sum(amount) FILTER (WHERE NOT by_payout), 0) AS entered,
  count(*) FILTER (WHERE by_payout) AS payouts,
  coalesce(-sum(amount) FILTER (WHERE by_payout), 0) AS paid,
  min(occurred_on) AS first_on, max(occurred_on) AS last_on
FROM posted GROUP BY connection_id, item, currency ORDER BY connection_id, item, currency;

-- name: entries_of_payout
-- The entries that went out with a payout; those that moved to another one are not among them.
-- Parameters: connection_id, item: the payout's ref.
-- Rows: many: record_id.
-- Index: money_posting_item, money_posting_record.
SELECT c.record_id FROM ledger.money_posting c
WHERE c.account = 'clearing' AND c.connection_id = %(connection_id)s AND c.item = %(item)s
  AND NOT EXISTS (SELECT FROM ledger.money_posting t
    WHERE t.record_id = c.record_id AND t.account = 'transit')
GROUP BY c.record_id HAVING sum(c.amount) <> 0;

-- name: money_of_events
-- What some events posted in money.
-- Parameters: event_ids.
-- Rows: many: event_id, account, connection_id, currency, amount.
-- Index: money_posting primary key.
SELECT event_id, account, connection_id, currency, amount FROM ledger.money_posting
WHERE event_id = ANY(%(event_ids)s) ORDER BY event_id, ordinal;
