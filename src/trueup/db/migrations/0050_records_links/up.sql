-- Links are names of people's things, so they are kept as keyed digests. The plain ones can not be
-- turned into digests here, because the master key does not lie in the database: they go, and come
-- back with each record when its vendor tells it again.
SET LOCAL statement_timeout = 0;

DROP TABLE records.link;
CREATE TABLE records.link (
  namespace text NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 16),
  record_id bigint NOT NULL,
  PRIMARY KEY (namespace, digest, record_id)
);
CREATE INDEX link_record ON records.link (record_id);
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON records.link');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON records.link');

-- What is personal from now on may not stay behind in plain versions.
ALTER TABLE records.version DISABLE TRIGGER append_only;
UPDATE records.version v
SET body = v.body - ARRAY['tracking_numbers', 'tracking_urls', 'tags']
FROM records.record r
WHERE r.record_id = v.record_id AND r.kind IN ('shipment', 'order', 'customer')
  AND v.body ?| ARRAY['tracking_numbers', 'tracking_urls', 'tags'];
ALTER TABLE records.version ENABLE TRIGGER append_only;

-- So that whatever tells one of these again counts, also where nothing else of it has changed: a
-- version of the same second is greater than this stamp.
UPDATE records.record SET raised_at = '1970-01-01T00:00:00Z', digest = ''
WHERE kind IN ('shipment', 'order', 'customer', 'payment');
