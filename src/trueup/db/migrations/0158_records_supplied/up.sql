-- What suppliers ask for a SKU is looked up by it: their price lists are few among all versions.
CREATE INDEX version_supplied ON records.version ((body ->> 'sku')) WHERE body ? 'supplier_ref';
