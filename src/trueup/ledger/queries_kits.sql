-- name: kits_since
-- Definitions of kits that the caller does not know; none is written until its transaction ends.
-- Parameters: known: edition; alone: whether the caller will write some.
-- Rows: many: code, since, parts, edition.
-- Index: kit_edition_key.
SELECT code, since, parts, edition FROM ledger.kits_since(%(known)s, %(alone)s);

-- name: define_kits
-- Keeps definitions; of two for one code and instant the same one stays for every order of arrival.
-- Parameters: sku_ids, sinces, parts: arrays of equal length.
-- Rows: none.
-- Index: kit primary key.
INSERT INTO ledger.kit AS k (sku_id, since, parts)
SELECT DISTINCT ON (sku_id, since) * FROM unnest(%(sku_ids)s::int[], %(sinces)s::timestamptz[],
  %(parts)s::jsonb[]) AS d (sku_id, since, parts)
ORDER BY sku_id, since, parts DESC
ON CONFLICT (sku_id, since) DO UPDATE
SET parts = excluded.parts, edition = excluded.edition
WHERE excluded.parts > k.parts;

-- name: records_of_skus
-- The records that have posted on some SKUs.
-- Parameters: codes.
-- Rows: many: record_id.
-- Index: sku_code_key, posting_sku.
SELECT DISTINCT p.record_id FROM ledger.posting p JOIN ledger.sku s USING (sku_id)
WHERE s.code = ANY(%(codes)s::text[]) AND p.record_id IS NOT NULL ORDER BY p.record_id;

-- name: raise_sequences
-- Raises the sequence of some SKUs, making empty balances for those that never moved, and locks them
-- until the commit in the order of their numbers.
-- Parameters: sku_ids (sorted).
-- Rows: many: sku_id, sequence, available, counted.
-- Index: balance primary key.
INSERT INTO ledger.balance AS b (sku_id, sequence, moved_at)
SELECT sku_id, 1, now() FROM unnest(%(sku_ids)s::int[]) AS s (sku_id)
ON CONFLICT (sku_id) DO UPDATE SET sequence = b.sequence + 1
RETURNING b.sku_id, b.sequence, b.on_hand - b.reserved AS available, b.counted;

-- name: available_now
-- What is available of some SKUs.
-- Parameters: codes.
-- Rows: many: code, available, counted.
-- Index: sku_code_key, balance primary key.
SELECT s.code, b.on_hand - b.reserved AS available, b.counted
FROM ledger.balance b JOIN ledger.sku s USING (sku_id)
WHERE s.code = ANY(%(codes)s::text[]);

-- name: available_at_sites
-- What is available of some SKUs at some sites together; what is reserved without a site counts
-- against them.
-- Parameters: codes; sites.
-- Rows: many: code, available.
-- Index: sku_code_key, balance and site_balance primary keys.
SELECT s.code, (coalesce(sum(p.on_hand - p.reserved) FILTER (WHERE p.site = ANY(%(sites)s::text[])), 0)
  - (b.reserved - coalesce(sum(p.reserved), 0)))::bigint AS available
FROM ledger.sku s
JOIN ledger.balance b USING (sku_id)
LEFT JOIN ledger.site_balance p USING (sku_id)
WHERE s.code = ANY(%(codes)s::text[])
GROUP BY s.code, b.sku_id, b.reserved;
