-- Serials: what records say of single units, and the units beside which it is held.

-- name: replace_serials
-- Sets what some records say of serials: those given, and none of theirs beside.
-- Parameters: replaced: record_ids of all of them; and arrays of equal length, one element a line.
-- Rows: none.
-- Index: serial_line primary key.
WITH gone AS (
  DELETE FROM ledger.serial_line l WHERE l.record_id = ANY(%(replaced)s::bigint[])
    AND NOT EXISTS (SELECT FROM unnest(%(record_ids)s::bigint[], %(ordinals)s::int[])
      AS n (record_id, ordinal) WHERE n.record_id = l.record_id AND n.ordinal = l.ordinal)
)
INSERT INTO ledger.serial_line (record_id, ordinal, sku_id, serial, moved_at, kind, ref, from_place,
  from_site, to_place, to_site, connection_id, source, source_ref)
SELECT * FROM unnest(%(record_ids)s::bigint[], %(ordinals)s::int[], %(sku_ids)s::int[],
  %(serials)s::text[], %(moved_ats)s::timestamptz[], %(kinds)s::text[], %(refs)s::text[],
  %(from_places)s::text[], %(from_sites)s::text[], %(to_places)s::text[], %(to_sites)s::text[],
  %(connection_ids)s::int[], %(sources)s::text[], %(source_refs)s::text[])
ON CONFLICT (record_id, ordinal) DO UPDATE
SET sku_id = excluded.sku_id, serial = excluded.serial, moved_at = excluded.moved_at,
  kind = excluded.kind, ref = excluded.ref, from_place = excluded.from_place,
  from_site = excluded.from_site, to_place = excluded.to_place, to_site = excluded.to_site,
  connection_id = excluded.connection_id, source = excluded.source,
  source_ref = excluded.source_ref;

-- name: set_serial_rules
-- Sets which SKUs must have serials, and forgets what was said where that was taken back.
-- Parameters: gone: record_ids; record_ids, sku_ids, requireds: arrays of equal length.
-- Rows: none.
-- Index: serial_rule primary key.
WITH gone AS (
  DELETE FROM ledger.serial_rule WHERE record_id = ANY(%(gone)s::bigint[])
)
INSERT INTO ledger.serial_rule (record_id, sku_id, required)
SELECT * FROM unnest(%(record_ids)s::bigint[], %(sku_ids)s::int[], %(requireds)s::bool[])
ON CONFLICT (record_id) DO UPDATE SET required = excluded.required;

-- name: serial_lines
-- What records say of the serials of some SKUs; of some of their serials where those are given.
-- Parameters: codes: text[]; serials: text[] or null.
-- Rows: many: record_id, sku, serial, at, kind, ref, start, from_site, target, to_site, connection_id,
-- source, source_ref.
-- Index: sku_code_key, serial_line_sku.
SELECT l.record_id, s.code AS sku, l.serial, l.moved_at AS at, l.kind, l.ref,
  l.from_place AS start, l.from_site, l.to_place AS target, l.to_site, l.connection_id, l.source,
  l.source_ref
FROM ledger.serial_line l JOIN ledger.sku s USING (sku_id)
WHERE s.code = ANY(%(codes)s::text[])
  AND (%(serials)s::text[] IS NULL OR l.serial = ANY(%(serials)s::text[]));

-- name: serials_called
-- The serials that are written so, in whatever case.
-- Parameters: serial, count.
-- Rows: many: sku, serial.
-- Index: serial_line_serial.
SELECT DISTINCT s.code AS sku, l.serial
FROM ledger.serial_line l JOIN ledger.sku s USING (sku_id)
WHERE lower(l.serial) = lower(%(serial)s) ORDER BY 1, 2 LIMIT %(count)s;

-- name: serials_of_source
-- The serials that went with an order, a purchase order or a transfer.
-- Parameters: connection_id, source, source_ref.
-- Rows: many: sku, serial.
-- Index: serial_line_source.
SELECT DISTINCT s.code AS sku, l.serial
FROM ledger.serial_line l JOIN ledger.sku s USING (sku_id)
WHERE l.source_ref = %(source_ref)s AND l.source = %(source)s
  AND l.connection_id = %(connection_id)s ORDER BY 1, 2;

-- name: tracked_skus
-- Of some SKUs, or of all, those that have serials or of which a person said something.
-- Parameters: codes: text[] or null.
-- Rows: many: code, required: whether each unit must have one.
-- Index: serial_line_sku, serial_rule primary key.
SELECT s.code, COALESCE((SELECT bool_or(r.required) FROM ledger.serial_rule r
    WHERE r.sku_id = s.sku_id), false) AS required
FROM ledger.sku s
WHERE (%(codes)s::text[] IS NULL OR s.code = ANY(%(codes)s::text[]))
  AND (EXISTS (SELECT FROM ledger.serial_line l WHERE l.sku_id = s.sku_id)
    OR EXISTS (SELECT FROM ledger.serial_rule r WHERE r.sku_id = s.sku_id AND r.required))
ORDER BY s.code;

-- name: places_of_serials
-- How many serials of some SKUs are where, as far as the last line says it by itself; and, each in
-- a row of its own, those of which several lines have one instant or a transfer was closed.
-- Parameters: codes.
-- Rows: many: code, place, site, serial: null for those that are counted; serials: how many.
-- Index: sku_code_key, serial_line_sku.
WITH told AS (
  SELECT l.sku_id, l.serial, max(l.moved_at) AS moved_at,
    count(*) = count(DISTINCT l.moved_at)
      AND NOT bool_or(l.kind = 'transfer' AND l.to_place = 'loss') AS certain
  FROM ledger.serial_line l JOIN ledger.sku s USING (sku_id)
  WHERE s.code = ANY(%(codes)s::text[]) GROUP BY l.sku_id, l.serial
)
SELECT s.code, l.to_place AS place, l.to_site AS site, NULL AS serial, count(*)::int AS serials
FROM told t JOIN ledger.serial_line l USING (sku_id, serial, moved_at)
JOIN ledger.sku s USING (sku_id)
WHERE t.certain GROUP BY s.code, l.to_place, l.to_site
UNION ALL
SELECT s.code, NULL, NULL, t.serial, 1 FROM told t JOIN ledger.sku s USING (sku_id)
WHERE NOT t.certain;

-- name: serial_names
-- The serials of a SKU after one of them, by their text; where wanted those whose newest line says
-- that they lie at a site or are on their way.
-- Parameters: code, after, count, here: whether only those.
-- Rows: many: serial.
-- Index: sku_code_key, serial_line_sku.
SELECT DISTINCT l.serial FROM ledger.serial_line l JOIN ledger.sku s USING (sku_id)
WHERE s.code = %(code)s AND l.serial > %(after)s
  AND (NOT %(here)s OR (l.to_place IN ('on_hand', 'quarantine', 'in_transit')
    AND NOT EXISTS (SELECT FROM ledger.serial_line n WHERE n.sku_id = l.sku_id
      AND n.serial = l.serial AND n.moved_at > l.moved_at)))
ORDER BY l.serial LIMIT %(count)s;

-- name: units_on_shelves
-- What of some SKUs lies where, what of it orders took since an instant, and how many serials of it
-- were packed since then.
-- Parameters: codes, since.
-- Rows: many: code, site, on_hand, quarantine, taken, packed.
-- Index: sku_code_key, site_balance primary key, posting_on_hand, serial_line_sku.
SELECT s.code, b.site, b.on_hand, b.quarantine, COALESCE((
  SELECT -sum(p.units) FROM ledger.posting p JOIN ledger.transaction t USING (event_id)
  WHERE p.sku_id = b.sku_id AND p.site = b.site AND p.place = 'on_hand'
    AND p.occurred_at >= %(since)s AND t.reason IN ('order', 'reservation', 'release')), 0)::int
  AS taken, (
  SELECT count(*) FROM ledger.serial_line l WHERE l.sku_id = b.sku_id AND l.kind = 'pack'
    AND l.from_site = b.site AND l.moved_at >= %(since)s)::int AS packed
FROM ledger.site_balance b JOIN ledger.sku s USING (sku_id)
WHERE s.code = ANY(%(codes)s::text[]) ORDER BY s.code, b.site;
