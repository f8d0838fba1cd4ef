-- name: load_entities
-- Loads all records of some entities with their current versions; and without a body those of the
-- claimed records that are stored under another entity.
-- Parameters: connection_ids, entities: arrays of equal length; claimed_connections, claimed_kinds,
-- claimed_refs, claimed_entities: arrays of equal length; uniting: kinds of which what is personal
-- is wanted too.
-- Rows: many.
-- Index: record_entity, version primary key, record (connection_id, kind, ref).
SELECT r.record_id, r.connection_id, r.kind, r.ref, r.entity, r.updated_at, r.raised_at, r.digest,
  r.person, r.event_id, r.versions, r.stale, v.body::text AS body,
  CASE WHEN r.kind = ANY(%(uniting)s::text[]) THEN v.personal END AS personal
FROM unnest(%(connection_ids)s::int[], %(entities)s::text[]) AS w (connection_id, entity)
JOIN records.record r USING (connection_id, entity)
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
UNION ALL
SELECT r.record_id, r.connection_id, r.kind, r.ref, r.entity, r.updated_at, r.raised_at, r.digest,
  r.person, r.event_id, r.versions, r.stale, NULL, NULL
FROM unnest(%(claimed_connections)s::int[], %(claimed_kinds)s::text[], %(claimed_refs)s::text[],
  %(claimed_entities)s::text[]) AS c (connection_id, kind, ref, entity)
JOIN records.record r ON r.connection_id = c.connection_id AND r.kind = c.kind AND r.ref = c.ref
  AND r.entity <> c.entity;

-- name: take_record_block
-- Takes a block of record numbers: 1,000 from `block` * 1,000 on.
-- Parameters: none.
-- Rows: one: block.
-- Index: none.
SELECT nextval('records.record_block_seq');

-- name: insert_records
-- Inserts records seen for the first time.
-- Parameters: arrays of equal length.
-- Rows: none.
-- Index: record primary key and (connection_id, kind, ref).
INSERT INTO records.record (record_id, connection_id, kind, ref, entity, number, person,
  updated_at, raised_at, digest, occurred_at, event_id, versions, stale, deleted)
SELECT * FROM unnest(%(record_ids)b::bigint[], %(connection_ids)b::int[], %(kinds)b::text[],
  %(refs)b::text[], %(entities)b::text[], %(numbers)b::text[], %(persons)b::bytea[],
  %(updated_ats)b::timestamptz[], %(raised_ats)b::timestamptz[], %(digests)b::bytea[],
  %(occurred_ats)b::timestamptz[], %(event_ids)b::bigint[], %(versions)b::int[],
  %(stale)b::int[], %(deleted)b::bool[]);

-- name: update_records
-- Moves records to their new current versions and counts stale ones.
-- Parameters: arrays of equal length.
-- Rows: none.
-- Index: record primary key.
UPDATE records.record r
SET number = u.number, person = u.person, updated_at = u.updated_at, raised_at = u.raised_at,
  digest = u.digest, occurred_at = u.occurred_at, event_id = u.event_id, versions = u.versions,
  stale = u.stale, deleted = u.deleted
FROM unnest(%(record_ids)b::bigint[], %(numbers)b::text[], %(persons)b::bytea[],
  %(updated_ats)b::timestamptz[], %(raised_ats)b::timestamptz[], %(digests)b::bytea[],
  %(occurred_ats)b::timestamptz[], %(event_ids)b::bigint[], %(versions)b::int[],
  %(stale)b::int[], %(deleted)b::bool[])
  AS u (record_id, number, person, updated_at, raised_at, digest, occurred_at, event_id,
    versions, stale, deleted)
WHERE r.record_id = u.record_id;

-- name: insert_versions
-- Appends versions.
-- Parameters: arrays of equal length; bodies as JSON text.
-- Rows: none.
-- Index: version primary key.
INSERT INTO records.version (record_id, event_id, stale, body, personal)
SELECT record_id, event_id, stale, body::jsonb, personal
FROM unnest(%(record_ids)b::bigint[], %(event_ids)b::bigint[], %(stale)b::bool[],
  %(bodies)b::text[], %(personal)b::bytea[]) AS u (record_id, event_id, stale, body, personal)
ON CONFLICT (record_id, event_id) DO NOTHING;

-- name: insert_links
-- Notes the names of records seen for the first time.
-- Parameters: namespaces, digests, record_ids: arrays of equal length.
-- Rows: none.
-- Index: link primary key.
INSERT INTO records.link (namespace, digest, record_id)
SELECT * FROM unnest(%(namespaces)b::text[], %(digests)b::bytea[], %(record_ids)b::bigint[]);

-- name: replace_links
-- Replaces the names of records that moved on.
-- Parameters: moved: record_ids; namespaces, digests, record_ids: what they are called now.
-- Rows: none.
-- Index: link_record, link primary key.
WITH new AS (
  SELECT * FROM unnest(%(namespaces)b::text[], %(digests)b::bytea[], %(record_ids)b::bigint[])
    AS n (namespace, digest, record_id)
), gone AS (
  DELETE FROM records.link l
  WHERE l.record_id = ANY(%(moved)b::bigint[]) AND NOT EXISTS (SELECT FROM new n
    WHERE n.namespace = l.namespace AND n.digest = l.digest AND n.record_id = l.record_id)
)
INSERT INTO records.link (namespace, digest, record_id)
SELECT namespace, digest, record_id FROM new
ON CONFLICT DO NOTHING;

-- name: forget_links
-- Deletes the names of some records and of all records of some persons.
-- Parameters: persons, record_ids.
-- Rows: none.
-- Index: record_person, link_record.
DELETE FROM records.link WHERE record_id IN (
  SELECT record_id FROM records.record WHERE person = ANY(%(persons)s::bytea[])
  UNION ALL SELECT unnest(%(record_ids)s::bigint[]));

-- name: replace_listings
-- Notes the variants of products; those a product no longer has become inactive. A variant that is
-- another SKU now is returned twice: as it is, and inactive under the SKU that it was.
-- Parameters: connection_ids, variant_refs, item_refs, skus, product_refs, titles, stocked: arrays
-- of equal length; product_connections, products: the products that are replaced.
-- Rows: many: connection_id, variant_ref, item_ref, sku, active, stocked, product_ref.
-- Index: listing primary key.
WITH new AS (
  SELECT * FROM unnest(%(connection_ids)s::int[], %(variant_refs)s::text[], %(item_refs)s::text[],
    %(skus)s::text[], %(product_refs)s::text[], %(titles)s::text[], %(stocked)s::bool[])
    AS n (connection_id, variant_ref, item_ref, sku, product_ref, title, stocked)
), gone AS (
  UPDATE records.listing l SET active = false
  FROM unnest(%(product_connections)s::int[], %(products)s::text[]) AS p (connection_id, ref)
  WHERE l.connection_id = p.connection_id AND l.product_ref = p.ref AND l.active
    AND NOT EXISTS (SELECT FROM new n
      WHERE n.connection_id = l.connection_id AND n.variant_ref = l.variant_ref)
  RETURNING l.connection_id, l.variant_ref, l.item_ref, l.sku, l.active, l.stocked,
    l.product_ref
), renamed AS (
  SELECT l.connection_id, l.variant_ref, l.item_ref, l.sku, false AS active, l.stocked,
    l.product_ref
  FROM records.listing l JOIN new n USING (connection_id, variant_ref)
  WHERE l.sku <> n.sku AND l.active
), kept AS (
  INSERT INTO records.listing AS l
    (connection_id, variant_ref, item_ref, sku, product_ref, title, stocked)
  SELECT connection_id, variant_ref, item_ref, sku, product_ref, title, stocked FROM new
  ON CONFLICT (connection_id, variant_ref) DO UPDATE
  SET item_ref = excluded.item_ref, sku = excluded.sku, product_ref = excluded.product_ref,
    title = excluded.title, stocked = excluded.stocked, active = true
  RETURNING l.connection_id, l.variant_ref, l.item_ref, l.sku, l.active, l.stocked,
    l.product_ref
)
SELECT * FROM kept UNION ALL SELECT * FROM gone UNION ALL SELECT * FROM renamed;

-- name: find_listings_by_item
-- Which SKU an item of a connection is.
-- Parameters: connection_ids, item_refs: arrays of equal length.
-- Rows: many: connection_id, item_ref, sku.
-- Index: listing_item.
SELECT l.connection_id, l.item_ref, l.sku
FROM unnest(%(connection_ids)s::int[], %(item_refs)s::text[]) AS w (connection_id, item_ref)
JOIN records.listing l USING (connection_id, item_ref)
WHERE l.active;

-- name: list_listings
-- Where a SKU is listed; all SKUs where it is null.
-- Parameters: sku: text or null.
-- Rows: many.
-- Index: listing_sku.
SELECT connection_id, variant_ref, item_ref, sku, product_ref, title, stocked, active
FROM records.listing WHERE %(sku)s::text IS NULL OR sku = %(sku)s::text
ORDER BY sku, connection_id, variant_ref;

-- name: count_listings
-- How many variants of a connection are listed under a SKU.
-- Parameters: connection_id.
-- Rows: one: listings.
-- Index: listing primary key.
SELECT count(*) AS listings FROM records.listing
WHERE connection_id = %(connection_id)s AND active;

-- name: listings_of_skus
-- Where some SKUs are listed and sold, at some connections.
-- Parameters: skus, connection_ids.
-- Rows: many.
-- Index: listing_sku.
SELECT connection_id, variant_ref, item_ref, sku, product_ref, title, stocked, active
FROM records.listing
WHERE sku = ANY(%(skus)s::text[]) AND connection_id = ANY(%(connection_ids)s::int[]) AND active
ORDER BY connection_id, sku, variant_ref;

-- name: find_records
-- Finds records of one kind by the vendor's id or by number.
-- Parameters: kind, ref.
-- Rows: many.
-- Index: record_number, record_entity.
SELECT r.record_id, r.connection_id, r.kind, r.ref, r.entity, r.number, r.person, r.updated_at,
  r.occurred_at, r.event_id, r.versions, r.stale, r.deleted, v.body::text AS body, v.personal
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = %(kind)s AND (r.ref = %(ref)s OR r.number = %(ref)s)
ORDER BY r.connection_id, r.record_id LIMIT 50;

-- name: find_linked
-- Finds records of one kind by another name of theirs.
-- Parameters: kind; namespaces, digests: arrays of equal length.
-- Rows: many.
-- Index: link primary key.
SELECT r.record_id, r.connection_id, r.kind, r.ref, r.entity, r.number, r.person, r.updated_at,
  r.occurred_at, r.event_id, r.versions, r.stale, r.deleted, v.body::text AS body, v.personal
FROM (
  SELECT DISTINCT l.record_id
  FROM unnest(%(namespaces)s::text[], %(digests)s::bytea[]) AS w (namespace, digest)
  JOIN records.link l USING (namespace, digest)
) AS named
JOIN records.record r USING (record_id)
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = %(kind)s
ORDER BY r.connection_id, r.record_id LIMIT 50;

-- name: records_linked
-- The records of all connections that share a name with some records. An order's number joins no
-- two orders: two shops may number alike.
-- Parameters: record_ids, namespaces, count.
-- Rows: many: the record, and by which namespaces.
-- Index: link_record, link primary key.
WITH shared AS (
  SELECT other.record_id, array_agg(DISTINCT other.namespace) AS namespaces
  FROM records.link mine
  JOIN records.link other USING (namespace, digest)
  JOIN records.record a ON a.record_id = mine.record_id
  JOIN records.record b ON b.record_id = other.record_id
  WHERE mine.record_id = ANY(%(record_ids)s::bigint[])
    AND mine.namespace = ANY(%(namespaces)s::text[])
    AND other.record_id <> ALL(%(record_ids)s::bigint[])
    AND NOT (mine.namespace = 'order' AND a.kind = 'order' AND b.kind = 'order')
  GROUP BY other.record_id ORDER BY other.record_id LIMIT %(count)s
)
SELECT r.record_id, r.connection_id, r.kind, r.ref, r.entity, r.number, r.person, r.updated_at,
  r.occurred_at, r.event_id, r.versions, r.stale, r.deleted, v.body::text AS body, v.personal,
  s.namespaces
FROM shared s JOIN records.record r USING (record_id)
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
ORDER BY r.occurred_at, r.record_id;

-- name: records_beside
-- The records that stand in the same entities as some records, themselves among them.
-- Parameters: record_ids, count.
-- Rows: many, oldest first.
-- Index: record primary key, record_entity, version primary key.
WITH near AS (
  SELECT DISTINCT r.record_id
  FROM records.record mine JOIN records.record r USING (connection_id, entity)
  WHERE mine.record_id = ANY(%(record_ids)s::bigint[])
  ORDER BY r.record_id LIMIT %(count)s
)
SELECT r.record_id, r.connection_id, r.kind, r.ref, r.entity, r.number, r.person, r.updated_at,
  r.occurred_at, r.event_id, r.versions, r.stale, r.deleted, v.body::text AS body, v.personal
FROM near JOIN records.record r USING (record_id)
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
ORDER BY r.occurred_at, r.record_id;

-- name: find_reservation
-- Finds a reservation by its ref.
-- Parameters: ref.
-- Rows: many, one in all likelihood: connection_id, body.
-- Index: record_reservation.
SELECT r.connection_id, v.body::text AS body
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = 'reservation' AND r.ref = %(ref)s
ORDER BY r.record_id;

-- name: records_of_entity
-- All records of one entity.
-- Parameters: connection_id, entity.
-- Rows: many, oldest first.
-- Index: record_entity.
SELECT r.record_id, r.connection_id, r.kind, r.ref, r.entity, r.number, r.person, r.updated_at,
  r.occurred_at, r.event_id, r.versions, r.stale, r.deleted, v.body::text AS body, v.personal
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.connection_id = %(connection_id)s AND r.entity = %(entity)s
ORDER BY r.occurred_at, r.record_id;

-- name: records_of_events
-- The records that some events made or changed.
-- Parameters: event_ids.
-- Rows: many.
-- Index: none; used for imports only.
SELECT r.record_id, r.connection_id, r.kind, r.ref, r.entity, r.number, r.person, r.updated_at,
  r.occurred_at, v.event_id, r.versions, r.stale, r.deleted, v.body::text AS body, v.personal
FROM records.version v JOIN records.record r USING (record_id)
WHERE v.event_id = ANY(%(event_ids)s) ORDER BY v.event_id, r.record_id;

-- name: versions_of_record
-- Every version of one record, oldest first.
-- Parameters: record_id.
-- Rows: many.
-- Index: version primary key.
SELECT event_id, stale, body::text AS body FROM records.version
WHERE record_id = %(record_id)s ORDER BY event_id;

-- name: recent_records
-- The newest records of a kind.
-- Parameters: kind, count, before: instant or null.
-- Rows: many.
-- Index: record_recent.
SELECT r.record_id, r.connection_id, r.kind, r.ref, r.entity, r.number, r.updated_at,
  r.occurred_at, r.event_id, r.versions, r.stale, r.deleted, v.body::text AS body
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = %(kind)s AND (%(before)s::timestamptz IS NULL OR r.occurred_at < %(before)s)
ORDER BY r.occurred_at DESC LIMIT %(count)s;

-- name: count_records
-- How many records there are of each kind.
-- Parameters: none.
-- Rows: many: kind, records, versions, stale.
-- Index: record_recent.
SELECT kind, count(*) AS records, sum(versions)::bigint AS versions, sum(stale)::bigint AS stale
FROM records.record GROUP BY kind ORDER BY kind;

-- name: traces_of_entities
-- Where the people of some entities were seen: each record with the events of its versions.
-- Parameters: connection_id, entities: array or null for all orders and people of the connection.
-- Rows: many: record_id, connection_id, entity, kind, ref, person, event_id.
-- Index: record_entity, version primary key.
SELECT r.record_id, r.connection_id, r.entity, r.kind, r.ref, r.person, v.event_id
FROM records.record r JOIN records.version v USING (record_id)
WHERE r.connection_id = %(connection_id)s
  AND CASE WHEN %(entities)s::text[] IS NULL
    THEN r.person IS NOT NULL OR r.entity ~ '^(order|customer|privacy_request)/'
    ELSE r.entity = ANY(%(entities)s::text[]) END;

-- name: traces_of_persons
-- What stands in the same entities as the records of some persons.
-- Parameters: persons.
-- Rows: many: record_id, connection_id, entity, kind, ref, person.
-- Index: record_person, record_entity.
SELECT r.record_id, r.connection_id, r.entity, r.kind, r.ref, r.person
FROM (
  SELECT DISTINCT connection_id, entity FROM records.record
  WHERE person = ANY(%(persons)s::bytea[])
) AS w
JOIN records.record r USING (connection_id, entity);

-- name: page_records
-- One page of the newest records of a kind; pages go on behind (before_at, before_id).
-- Parameters: kind, count; connection_id: number or null; before_at: instant or null; before_id.
-- Rows: many.
-- Index: record_recent, version primary key.
SELECT r.record_id, r.connection_id, r.kind, r.ref, r.entity, r.number, r.updated_at,
  r.occurred_at, r.event_id, r.versions, r.stale, r.deleted, v.body::text AS body
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = %(kind)s
  AND (%(connection_id)s::int IS NULL OR r.connection_id = %(connection_id)s::int)
  AND (%(before_at)s::timestamptz IS NULL
    OR (r.occurred_at <= %(before_at)s::timestamptz
      AND (r.occurred_at, r.record_id) < (%(before_at)s::timestamptz, %(before_id)s::bigint)))
ORDER BY r.occurred_at DESC, r.record_id DESC LIMIT %(count)s;

-- name: records_named
-- Records of one kind by who told them and their refs.
-- Parameters: kind; connection_ids, refs: arrays of equal length.
-- Rows: many, as `page_records`.
-- Index: record (connection_id, kind, ref), version primary key.
SELECT r.record_id, r.connection_id, r.kind, r.ref, r.entity, r.number, r.updated_at,
  r.occurred_at, r.event_id, r.versions, r.stale, r.deleted, v.body::text AS body
FROM unnest(%(connection_ids)s::int[], %(refs)s::text[]) AS n (connection_id, ref)
JOIN records.record r ON r.connection_id = n.connection_id AND r.kind = %(kind)s AND r.ref = n.ref
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id;

-- name: version_events
-- Which events made versions of some records.
-- Parameters: record_ids, count.
-- Rows: many: record_id, event_id, stale; newest first.
-- Index: version primary key.
SELECT record_id, event_id, stale FROM records.version
WHERE record_id = ANY(%(record_ids)s) ORDER BY event_id DESC LIMIT %(count)s;

-- name: tellings_of_skus
-- What each connection says of some SKUs now, through its listed variants.
-- Parameters: skus.
-- Rows: many: connection_id, sku, variant_ref, body of the product.
-- Index: listing_sku, record (connection_id, kind, ref), version primary key.
SELECT l.connection_id, l.sku, l.variant_ref, v.body::text AS body
FROM records.listing l
JOIN records.record r
  ON r.connection_id = l.connection_id AND r.kind = 'product' AND r.ref = l.product_ref
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE l.sku = ANY(%(skus)s::text[]) AND l.active
ORDER BY l.sku, l.connection_id, l.variant_ref;

-- name: shipments_to_follow
-- Shipments with tracking numbers that no parcel of a connection says the end of.
-- Parameters: connection_id; carriers: as they are compared; since_at; final: statuses; count.
-- Rows: many, newest first: connection_id, kind, ref, person, occurred_at, personal, and `open`: the
-- digests of the numbers that count.
-- Index: record_recent, version primary key, link_record, link primary key.
SELECT r.connection_id, r.kind, r.ref, r.person, r.occurred_at, v.personal, o.open
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
CROSS JOIN LATERAL (
  SELECT array_agg(l.digest) AS open FROM records.link l
  WHERE l.record_id = r.record_id AND l.namespace = 'tracking' AND NOT EXISTS (
    SELECT FROM records.link other
    JOIN records.record p ON p.record_id = other.record_id
    JOIN records.version pv ON pv.record_id = p.record_id AND pv.event_id = p.event_id
    WHERE other.namespace = 'tracking' AND other.digest = l.digest AND p.kind = 'parcel'
      AND p.connection_id = %(connection_id)s AND pv.body->>'status' = ANY(%(final)s::text[]))
) AS o
WHERE r.kind = 'shipment' AND r.occurred_at >= %(since_at)s AND NOT r.deleted
  AND v.personal IS NOT NULL AND o.open IS NOT NULL
  AND v.body->>'state' NOT IN ('cancelled', 'failed')
  AND regexp_replace(lower(v.body->>'carrier'), '[^[:alnum:]]', '', 'g')
    = ANY(%(carriers)s::text[])
ORDER BY r.occurred_at DESC LIMIT %(count)s;

-- name: parcels_to_follow
-- Parcels of a connection of which their carrier has not told the end.
-- Parameters: connection_id, since_at; final: statuses; count.
-- Rows: many, newest first: connection_id, kind, ref, person, occurred_at, personal, status.
-- Index: record_recent, version primary key.
SELECT r.connection_id, r.kind, r.ref, r.person, r.occurred_at, v.personal,
  v.body->>'status' AS status
FROM records.record r
JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
WHERE r.kind = 'parcel' AND r.connection_id = %(connection_id)s
  AND r.occurred_at >= %(since_at)s AND NOT r.deleted
  AND v.body->>'status' <> ALL(%(final)s::text[])
ORDER BY r.occurred_at DESC LIMIT %(count)s;

-- name: parcels_named_alike
-- Parcels that have a tracking number, or the number of a return, of some records, or of records of
-- some persons.
-- Parameters: persons, record_ids.
-- Rows: many: record_id, person.
-- Index: record_person, link_record, link primary key.
SELECT DISTINCT p.record_id, p.person
FROM records.link mine
JOIN records.link other USING (namespace, digest)
JOIN records.record p ON p.record_id = other.record_id
WHERE mine.namespace IN ('tracking', 'return') AND p.kind = 'parcel' AND p.person IS NOT NULL
  AND mine.record_id IN (
    SELECT record_id FROM records.record WHERE person = ANY(%(persons)s::bytea[])
    UNION ALL SELECT unnest(%(record_ids)s::bigint[]));

-- name: entities_of_records
-- To which entities some records belong.
-- Parameters: record_ids.
-- Rows: many: connection_id, entity; each once.
-- Index: record primary key.
SELECT DISTINCT connection_id, entity FROM records.record
WHERE record_id = ANY(%(record_ids)s::bigint[]) ORDER BY connection_id, entity;

-- name: records_after
-- The records of some kinds by number, to be walked in pages.
-- Parameters: after: the last number of the page before; kinds; count: of records in a page.
-- Rows: many: record_id, connection_id, entity; by number.
-- Index: record primary key.
SELECT record_id, connection_id, entity FROM records.record
WHERE record_id > %(after)s AND kind = ANY(%(kinds)s::text[])
ORDER BY record_id LIMIT %(count)s;
