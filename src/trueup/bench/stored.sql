-- A log and records of a year, for `trueup bench console`: what went through the pipeline, copied
-- under other names and earlier days. Copied bodies do not open, as each is sealed for its event.

-- name: copy_events
-- Copies events, and those that change nothing beside each.
-- Parameters: copy: 1 for the first; beside: how many more an event; block: numbers of a copy.
-- Rows: none.
INSERT INTO intake.event (event_id, connection_id, external_id, topic, entity, origin, raised_at,
  received_at, body_bytes, sha256, headers, body)
SELECT e.event_id + %(copy)s::bigint * %(block)s::bigint + n * 1000000, e.connection_id,
  e.external_id || '-' || %(copy)s || '-' || n, e.topic, e.entity || '-' || %(copy)s, e.origin,
  e.raised_at, e.received_at - make_interval(days => %(copy)s), e.body_bytes, e.sha256, e.headers,
  CASE WHEN n = 0 THEN e.body ELSE ''::bytea END
FROM intake.event e CROSS JOIN generate_series(0, %(beside)s) n
WHERE e.event_id < %(block)s::bigint AND starts_with(e.entity, 'order/');

-- name: name_orders
-- Makes the table of base records that are copied.
-- Parameters: none.
-- Rows: none.
CREATE TABLE base AS SELECT r.*, v.stale AS was_stale, v.body, v.personal
FROM records.record r JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE starts_with(r.entity, 'order/');

-- name: copy_records
-- Copies the records of orders.
-- Parameters: copy, block.
-- Rows: none.
INSERT INTO records.record (record_id, connection_id, kind, ref, entity, number, person, updated_at,
  raised_at, digest, occurred_at, event_id, versions, stale, deleted)
SELECT record_id + %(copy)s::bigint * %(block)s::bigint, connection_id, kind,
  ref || '-' || %(copy)s, entity || '-' || %(copy)s, number || '-' || %(copy)s,
  substr(sha256(person || %(copy)s::text::bytea), 1, length(person)), updated_at, raised_at, digest,
  occurred_at - make_interval(days => %(copy)s, secs => record_id %% 86400),
  event_id + %(copy)s::bigint * %(block)s::bigint, versions, stale, deleted
FROM base;

-- name: copy_versions
-- Copies what stands in the records of orders.
-- Parameters: copy, block.
-- Rows: none.
INSERT INTO records.version (record_id, event_id, stale, body, personal)
SELECT record_id + %(copy)s::bigint * %(block)s::bigint,
  event_id + %(copy)s::bigint * %(block)s::bigint, was_stale,
  CASE kind WHEN 'order' THEN body || jsonb_build_object('ref', ref || '-' || %(copy)s,
    'number', number || '-' || %(copy)s,
    'placed_at', occurred_at - make_interval(days => %(copy)s, secs => record_id %% 86400))
  ELSE body || jsonb_build_object('ref', ref || '-' || %(copy)s) END, personal
FROM base;

-- name: copy_links
-- Copies the names of the records of orders.
-- Parameters: copy, block.
-- Rows: none.
INSERT INTO records.link (namespace, digest, record_id)
SELECT l.namespace, substr(sha256(l.digest || %(copy)s::text::bytea), 1, 16),
  b.record_id + %(copy)s::bigint * %(block)s::bigint
FROM base b JOIN records.link l USING (record_id);

-- name: copy_postings
-- Copies what the orders moved, so that SKUs have a history; balances stay as they are.
-- Parameters: copy, block.
-- Rows: none.
WITH moved AS (
  INSERT INTO ledger.transaction (event_id, record_id, reason, occurred_at, posted_at)
  SELECT t.event_id + %(copy)s::bigint * %(block)s::bigint,
    t.record_id + %(copy)s::bigint * %(block)s::bigint, t.reason,
    t.occurred_at - make_interval(days => %(copy)s), t.posted_at - make_interval(days => %(copy)s)
  FROM ledger.transaction t WHERE t.event_id IN (SELECT event_id FROM base)
)
INSERT INTO ledger.posting (event_id, ordinal, record_id, sku_id, place, site, units, occurred_at)
SELECT p.event_id + %(copy)s::bigint * %(block)s::bigint, p.ordinal,
  p.record_id + %(copy)s::bigint * %(block)s::bigint, p.sku_id, p.place, p.site, p.units,
  p.occurred_at - make_interval(days => %(copy)s)
FROM ledger.posting p WHERE p.event_id IN (SELECT event_id FROM base);

-- name: pick_orders
-- Orders from all over what is stored.
-- Parameters: count.
-- Rows: many: ref, number, person (hexadecimal digits), event_id.
SELECT ref, number, encode(person, 'hex') AS person, event_id FROM records.record
WHERE kind = 'order' AND record_id %% 997 = 3 LIMIT %(count)s;
