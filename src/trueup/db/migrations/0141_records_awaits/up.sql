-- Activities by which somebody asks to be told once something is back: few among all that CRMs tell.
CREATE INDEX version_awaits ON records.version (record_id)
  WHERE body ? 'awaits_variant' OR body ? 'awaits_sku';
