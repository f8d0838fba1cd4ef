-- name: payment_names
-- By which names payments and entries are joined: names of payments that they carry, the number of
-- a payment's own order where no other order has it, and both of every payment that shares one with
-- them, such as a provider's charge that carries its own id and the order's number.
-- Parameters: record_ids.
-- Rows: many: record_id, digest.
-- Index: record primary key, record_entity, link_record, link primary key.
WITH asked AS (
  SELECT record_id, connection_id, entity, kind FROM records.record
  WHERE record_id = ANY(%(record_ids)s::bigint[])),
named AS (
  SELECT a.record_id, l.namespace, l.digest FROM asked a JOIN records.link l USING (record_id)
  WHERE l.namespace = 'payment'
  UNION
  SELECT a.record_id, l.namespace, l.digest
  FROM asked a
  JOIN records.record o ON o.connection_id = a.connection_id AND o.entity = a.entity
  JOIN records.link l ON l.record_id = o.record_id AND l.namespace = 'order'
  WHERE a.kind = 'payment' AND o.kind = 'order' AND NOT EXISTS (
    SELECT FROM records.link x JOIN records.record other USING (record_id)
    WHERE x.namespace = 'order' AND x.digest = l.digest AND other.kind = 'order'
      AND other.record_id <> o.record_id)),
beside AS (
  SELECT DISTINCT r.record_id
  FROM named n JOIN records.link l USING (namespace, digest)
  JOIN records.record r ON r.record_id = l.record_id AND r.kind = 'payment')
SELECT record_id, digest FROM named
UNION
SELECT l.record_id, l.digest FROM beside JOIN records.link l USING (record_id)
WHERE l.namespace = 'payment'
  OR (l.namespace = 'order' AND l.digest IN (SELECT digest FROM named WHERE namespace = 'order'));
