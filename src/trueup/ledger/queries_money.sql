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
