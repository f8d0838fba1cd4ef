SELECT 'nothing personal stands in plain versions' AS name, count(*) = 0 AS ok,
  count(*)::text || ' versions still hold it' AS detail
FROM records.version v JOIN records.record r USING (record_id)
WHERE r.kind IN ('shipment', 'order', 'customer')
  AND v.body ?| ARRAY['tracking_numbers', 'tracking_urls', 'tags'];
