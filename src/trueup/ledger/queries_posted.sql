-- name: money_posted
-- Which of some records stand in the money ledger with an amount, and since when.
-- Parameters: record_ids.
-- Rows: many: record_id, posted_at.
-- Index: money_posting_record.
SELECT record_id, min(posted_at) AS posted_at FROM (
  SELECT record_id, min(posted_at) AS posted_at FROM ledger.money_posting
  WHERE record_id = ANY(%(record_ids)s::bigint[])
  GROUP BY record_id, account, connection_id, item, currency HAVING sum(amount) <> 0) p
GROUP BY record_id;
