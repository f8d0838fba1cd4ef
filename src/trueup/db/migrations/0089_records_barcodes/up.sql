-- Which SKU a barcode is, by the variants of every connection; numbers of GTINs in 14 digits, so
-- that a UPC and the EAN of the same goods are one. Written beside the products, which tell the same.
CREATE TABLE records.barcode (
  connection_id integer NOT NULL,
  variant_ref text NOT NULL,
  product_ref text NOT NULL,
  code text NOT NULL,
  sku text NOT NULL,
  PRIMARY KEY (connection_id, variant_ref)
);
CREATE INDEX barcode_code ON records.barcode (code);
CREATE INDEX barcode_product ON records.barcode (connection_id, product_ref);

INSERT INTO records.barcode (connection_id, variant_ref, product_ref, code, sku)
SELECT r.connection_id, v->>'ref', r.ref,
  CASE WHEN btrim(v->>'barcode') ~ '^(\d{8}|\d{12,14})$' THEN lpad(btrim(v->>'barcode'), 14, '0')
    ELSE btrim(v->>'barcode') END, v->>'sku'
FROM records.record r
JOIN records.version n ON n.record_id = r.record_id AND n.event_id = r.event_id
CROSS JOIN LATERAL jsonb_array_elements(n.body->'variants') AS v
WHERE r.kind = 'product' AND NOT r.deleted AND coalesce(btrim(v->>'barcode'), '') <> ''
  AND coalesce(v->>'sku', '') <> ''
ON CONFLICT DO NOTHING;

SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE, DELETE ON records.barcode');
SELECT trueup_meta.grant_to('trueup_reader', 'SELECT ON records.barcode');
