-- name: replace_barcodes
-- Sets the barcodes of the variants of some products: those given, and none of theirs beside.
-- Parameters: arrays: product_connections, products of equal length; and of equal length one
-- element a variant.
-- Rows: none.
-- Index: barcode_product, barcode primary key.
WITH gone AS (
  DELETE FROM records.barcode b
  USING unnest(%(product_connections)s::int[], %(products)s::text[]) AS p (connection_id, ref)
  WHERE b.connection_id = p.connection_id AND b.product_ref = p.ref AND NOT EXISTS (
    SELECT FROM unnest(%(connection_ids)s::int[], %(variant_refs)s::text[])
      AS n (connection_id, variant_ref)
    WHERE n.connection_id = b.connection_id AND n.variant_ref = b.variant_ref)
)
INSERT INTO records.barcode (connection_id, variant_ref, product_ref, code, sku)
SELECT * FROM unnest(%(connection_ids)s::int[], %(variant_refs)s::text[], %(product_refs)s::text[],
  %(codes)s::text[], %(skus)s::text[])
ON CONFLICT (connection_id, variant_ref) DO UPDATE
SET product_ref = excluded.product_ref, code = excluded.code, sku = excluded.sku;

-- name: skus_of_barcode
-- The SKUs that go by a barcode.
-- Parameters: code.
-- Rows: many: sku.
-- Index: barcode_code.
SELECT DISTINCT sku FROM records.barcode WHERE code = %(code)s ORDER BY sku LIMIT 20;

-- name: is_sku
-- Whether some connection lists a SKU.
-- Parameters: sku.
-- Rows: none or one.
-- Index: listing_sku.
SELECT sku FROM records.listing WHERE sku = %(sku)s AND active LIMIT 1;
