-- What carriers say of parcels, whole, for models.

-- name: parcels_scanned
-- Parcels with their scans and what is personal of them, as it is at rest: their destination.
-- Parameters: since: instant; after: record_id of the last of the page before; count.
-- Rows: many, by record_id: record_id, connection_id, ref, person, personal, body (text).
-- Index: record primary key, version primary key.
SELECT r.record_id, r.connection_id, r.ref, r.person, v.personal, v.body::text AS body
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = 'parcel' AND r.record_id > %(after)s AND r.occurred_at >= %(since)s
  AND NOT r.deleted
ORDER BY r.record_id LIMIT %(count)s;

-- name: parcels_sealed
-- What is personal of some parcels, as it is at rest: their destination.
-- Parameters: record_ids.
-- Rows: many: record_id, connection_id, ref, person, personal.
-- Index: record primary key, version primary key.
SELECT r.record_id, r.connection_id, r.ref, r.person, v.personal
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.record_id = ANY(%(record_ids)s::bigint[]) AND r.kind = 'parcel';
