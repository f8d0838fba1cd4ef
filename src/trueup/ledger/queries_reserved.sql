-- name: reserved_between
-- What records of a stretch of numbers hold for orders.
-- Parameters: after, upto: numbers of records.
-- Rows: many: record_id.
-- Index: posting_record.
SELECT record_id FROM ledger.posting
WHERE record_id > %(after)s AND record_id <= %(upto)s AND place = 'reserved'
GROUP BY record_id HAVING sum(units) <> 0;

-- name: end_of_stretch
-- Where a stretch of so many postings ends, in the order of their records.
-- Parameters: after: number of a record; count: postings.
-- Rows: one: record_id, null where nothing is behind; postings.
-- Index: posting_record.
SELECT max(record_id) AS record_id, count(*) AS postings FROM (
  SELECT record_id FROM ledger.posting
  WHERE record_id > %(after)s ORDER BY record_id LIMIT %(count)s
) s;
