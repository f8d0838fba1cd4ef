-- What an ERP or an accounting system tells of sales, as books that can be held beside orders: copied
-- out whole, as CSV. Refs are a connection's name, a kind and a ref.

-- name: copy_documents
-- Invoices and what stands in for them, and orders that such systems tell; with the total that they
-- were first told with.
-- Parameters: connection_ids, names: of the same connections.
-- Rows: many: ref, teller, kind, state, code (the system's own words), number, currency, total, tax,
-- first_total, issued_at.
-- Index: none; reads every invoice.
WITH first AS (
  SELECT DISTINCT ON (v.record_id) v.record_id, (v.body#>>'{total,amount}')::numeric AS total
  FROM records.version v JOIN records.record r USING (record_id)
  WHERE r.kind = 'invoice' AND r.versions > 1 AND r.connection_id = ANY(%(connection_ids)s::int[])
  ORDER BY v.record_id, v.event_id
)
SELECT c.name || '/' || r.kind || '/' || r.ref AS ref, c.name AS teller,
  coalesce(v.body->>'invoice', 'order') AS kind,
  CASE WHEN r.kind = 'invoice' THEN v.body->>'state'
    WHEN v.body ? 'cancelled_at' THEN 'voided' ELSE 'open' END AS state,
  v.body->>'state_code' AS code, v.body->>'number' AS number, v.body->>'currency' AS currency, t.total,
  coalesce(v.body#>>'{tax,amount}', v.body#>>'{totals,tax,booked,amount}')::numeric AS tax,
  coalesce(f.total, t.total) AS first_total,
  coalesce(v.body->>'placed_at', (v.body->>'issued_on') || 'T00:00:00Z', v.body->>'updated_at') AS issued_at
FROM records.record r JOIN records.version v USING (record_id, event_id)
JOIN unnest(%(connection_ids)s::int[], %(names)s::text[]) c (connection_id, name)
  USING (connection_id)
CROSS JOIN LATERAL (SELECT coalesce(v.body#>>'{total,amount}',
  v.body#>>'{totals,total,booked,amount}')::numeric AS total) t
LEFT JOIN first f ON f.record_id = r.record_id
WHERE r.kind IN ('invoice', 'order') AND NOT r.deleted AND NOT v.body ? 'test';

-- name: copy_document_lines
-- The lines of these documents.
-- Parameters: connection_ids, names: of the same connections.
-- Rows: many: ref, document_ref, sku, units (a decimal, or null where it is none).
-- Index: none; reads every invoice.
SELECT c.name || '/' || r.kind || '/' || r.ref || ' ' || l.place AS ref,
  c.name || '/' || r.kind || '/' || r.ref AS document_ref, l.line->>'sku' AS sku,
  CASE WHEN l.line->>'quantity' ~ '^-?[0-9]{1,9}([.][0-9]{1,4}0*)?$' THEN l.line->>'quantity' END AS units
FROM records.record r JOIN records.version v USING (record_id, event_id)
JOIN unnest(%(connection_ids)s::int[], %(names)s::text[]) c (connection_id, name)
  USING (connection_id)
CROSS JOIN LATERAL jsonb_array_elements(v.body->'lines') WITH ORDINALITY l (line, place)
WHERE r.kind IN ('invoice', 'order') AND NOT r.deleted AND NOT v.body ? 'test';
