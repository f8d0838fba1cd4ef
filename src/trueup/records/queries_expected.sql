-- name: replace_expected
-- Sets the lines of some purchase orders and transfers: those given, and none of theirs beside.
-- Parameters: replaced: record_ids of all of them; and arrays of equal length, one element a line.
-- Rows: none.
-- Index: expected_line primary key.
WITH gone AS (
  DELETE FROM records.expected_line e WHERE e.record_id = ANY(%(replaced)s::bigint[])
    AND NOT EXISTS (SELECT FROM unnest(%(record_ids)s::bigint[], %(ordinals)s::int[])
      AS n (record_id, ordinal) WHERE n.record_id = e.record_id AND n.ordinal = e.ordinal)
)
INSERT INTO records.expected_line (record_id, ordinal, connection_id, source, ref, number, line_ref,
  sku, site, quantity, told_arrived, expected_on, is_open)
SELECT * FROM unnest(%(record_ids)s::bigint[], %(ordinals)s::int[], %(connection_ids)s::int[],
  %(sources)s::text[], %(refs)s::text[], %(numbers)s::text[], %(line_refs)s::text[],
  %(skus)s::text[], %(sites)s::text[], %(quantities)s::int[], %(told_arriveds)s::int[],
  %(expected_ons)s::date[], %(is_opens)s::bool[])
ON CONFLICT (record_id, ordinal) DO UPDATE
SET number = excluded.number, line_ref = excluded.line_ref, sku = excluded.sku,
  site = excluded.site, quantity = excluded.quantity, told_arrived = excluded.told_arrived,
  expected_on = excluded.expected_on, is_open = excluded.is_open, looked = false;

-- name: replace_arrived
-- Sets the lines of some arrivals. A line that is gone stays with no units, so that what it was
-- held beside is looked at again.
-- Parameters: replaced: record_ids of all of them; and arrays of equal length, one element a line.
-- Rows: none.
-- Index: arrived_line primary key.
WITH gone AS (
  UPDATE records.arrived_line a SET quantity = 0, damaged = 0, looked = false
  WHERE a.record_id = ANY(%(replaced)s::bigint[])
    AND NOT EXISTS (SELECT FROM unnest(%(record_ids)s::bigint[], %(ordinals)s::int[])
      AS n (record_id, ordinal) WHERE n.record_id = a.record_id AND n.ordinal = a.ordinal)
)
INSERT INTO records.arrived_line (record_id, ordinal, ref, source, source_ref, source_connection,
  line_ref, sku, quantity, damaged)
SELECT * FROM unnest(%(record_ids)s::bigint[], %(ordinals)s::int[], %(refs)s::text[],
  %(sources)s::text[], %(source_refs)s::text[], %(source_connections)s::text[],
  %(line_refs)s::text[], %(skus)s::text[], %(quantities)s::int[], %(damageds)s::int[])
ON CONFLICT (record_id, ordinal) DO UPDATE
SET source = excluded.source, source_ref = excluded.source_ref,
  source_connection = excluded.source_connection, line_ref = excluded.line_ref,
  sku = excluded.sku, quantity = excluded.quantity, damaged = excluded.damaged, looked = false;

-- name: skus_of_lines
-- The SKUs of the lines of some purchase orders, transfers and arrivals.
-- Parameters: record_ids.
-- Rows: many: sku.
-- Index: expected_line primary key, arrived_line primary key.
SELECT sku FROM records.expected_line
WHERE record_id = ANY(%(record_ids)s::bigint[]) AND sku IS NOT NULL
UNION SELECT sku FROM records.arrived_line WHERE record_id = ANY(%(record_ids)s::bigint[]);

-- name: expected_named
-- The lines of purchase orders or transfers that go by some names.
-- Parameters: source, names: refs or numbers.
-- Rows: many.
-- Index: expected_line_ref, expected_line_number.
SELECT record_id, connection_id, source, ref, number, line_ref, sku, site, quantity, told_arrived,
  expected_on, is_open
FROM records.expected_line
WHERE source = %(source)s AND (ref = ANY(%(names)s::text[]) OR number = ANY(%(names)s::text[]))
ORDER BY connection_id, ref, ordinal;

-- name: arrived_of
-- What came of purchase orders or transfers that go by some names.
-- Parameters: source, names: refs or numbers.
-- Rows: many.
-- Index: arrived_line_source.
SELECT record_id, ref, source, source_ref, source_connection, line_ref, sku, quantity, damaged
FROM records.arrived_line
WHERE source = %(source)s AND source_ref = ANY(%(names)s::text[])
ORDER BY ref, ordinal;

-- name: open_expected
-- The names of purchase orders and transfers of which units of some SKUs may still come.
-- Parameters: skus: null: all; count.
-- Rows: many: source, ref, number.
-- Index: expected_line_sku.
SELECT DISTINCT source, ref, number FROM records.expected_line
WHERE is_open AND (%(skus)s::text[] IS NULL OR sku = ANY(%(skus)s::text[]))
ORDER BY source, ref LIMIT %(count)s;

-- name: unlooked
-- The names of what changed since what was ordered and what came were compared.
-- Parameters: count.
-- Rows: many: source, name.
-- Index: expected_line_unlooked, arrived_line_unlooked.
SELECT source, name FROM (
  (SELECT source, ref AS name FROM records.expected_line WHERE NOT looked LIMIT %(count)s)
  UNION
  (SELECT source, source_ref FROM records.arrived_line WHERE NOT looked LIMIT %(count)s)) AS n
ORDER BY source, name;

-- name: note_looked
-- Notes that lines were compared, if nobody changed them meanwhile: the caller read them in this
-- transaction and holds them.
-- Parameters: source, names: refs or numbers.
-- Rows: none.
-- Index: expected_line_ref, expected_line_number, arrived_line_source.
WITH seen AS (
  UPDATE records.expected_line SET looked = true
  WHERE NOT looked AND source = %(source)s
    AND (ref = ANY(%(names)s::text[]) OR number = ANY(%(names)s::text[]))
)
UPDATE records.arrived_line SET looked = true
WHERE NOT looked AND source = %(source)s AND source_ref = ANY(%(names)s::text[]);

-- name: overdue_expected
-- Open transfers that should have come before a day.
-- Parameters: source, today: date, count.
-- Rows: many: ref, site, expected_on.
-- Index: expected_line_sku (its condition).
SELECT ref, min(site) AS site, min(expected_on) AS expected_on FROM records.expected_line
WHERE is_open AND source = %(source)s AND expected_on < %(today)s
GROUP BY ref ORDER BY min(expected_on), ref LIMIT %(count)s;

-- name: lock_name
-- Makes whoever else works on a name wait until the end of the transaction.
-- Parameters: name.
-- Rows: one.
-- Index: none.
SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0));

-- name: lead_days_of
-- How long more of some SKUs takes to come, as suppliers' price lists say: the shortest of them.
-- Parameters: skus.
-- Rows: many: sku, lead_days.
-- Index: version_supplied, record primary key.
SELECT v.body ->> 'sku' AS sku, min((v.body ->> 'lead_days')::int) AS lead_days
FROM records.version v
JOIN records.record r ON r.record_id = v.record_id AND r.event_id = v.event_id
WHERE v.body ? 'supplier_ref' AND v.body ->> 'sku' = ANY(%(skus)s::text[])
  AND v.body ->> 'lead_days' IS NOT NULL AND r.kind = 'supplier_item' AND NOT r.deleted
GROUP BY v.body ->> 'sku';

-- name: supplier_items_of
-- What suppliers ask for some SKUs, as their price lists say.
-- Parameters: skus.
-- Rows: many: connection_id, body.
-- Index: version_supplied, record primary key.
SELECT r.connection_id, v.body::text AS body
FROM records.version v
JOIN records.record r ON r.record_id = v.record_id AND r.event_id = v.event_id
WHERE v.body ? 'supplier_ref' AND v.body ->> 'sku' = ANY(%(skus)s::text[])
  AND r.kind = 'supplier_item' AND NOT r.deleted
ORDER BY r.connection_id, r.ref;

-- name: all_supplier_items
-- What suppliers ask for every SKU, as their price lists say.
-- Parameters: none.
-- Rows: many: connection_id, body.
-- Index: record_recent, version primary key.
SELECT r.connection_id, v.body::text AS body
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = 'supplier_item' AND NOT r.deleted AND v.body ->> 'sku' IS NOT NULL
ORDER BY r.connection_id, r.ref;
