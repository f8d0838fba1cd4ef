-- name: sum_entries
-- What some entries of a provider's account come to, by kind and currency.
-- Parameters: record_ids.
-- Rows: many: entry, currency, entries, gross, fee, net.
-- Index: record primary key, version primary key.
SELECT v.body->>'entry' AS entry, v.body->'net'->>'currency' AS currency, count(*) AS entries,
  sum((v.body->'gross'->>'amount')::numeric) AS gross,
  sum((v.body->'fee'->>'amount')::numeric) AS fee,
  sum((v.body->'net'->>'amount')::numeric) AS net
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.record_id = ANY(%(record_ids)s::bigint[])
GROUP BY 1, 2 ORDER BY 6 DESC, 1, 2;

-- name: list_entries
-- Entries of a provider's account, the newest first.
-- Parameters: record_ids, count.
-- Rows: many: record_id, event_id, body.
-- Index: record primary key, version primary key.
SELECT r.record_id, r.event_id, v.body::text AS body
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.record_id = ANY(%(record_ids)s::bigint[])
ORDER BY r.occurred_at DESC, r.record_id DESC LIMIT %(count)s;
