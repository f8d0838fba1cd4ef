-- Brakes: counts that are held for a person.

-- name: known_places
-- What the books say of some places, for whoever would count them.
-- Parameters: codes, sites: arrays of equal length.
-- Rows: many: code, site, on_hand, counted_at; none for a SKU whose books are not open.
-- Index: sku_code_key, balance and site_balance primary keys.
SELECT s.code, w.site, coalesce(p.on_hand, 0)::bigint AS on_hand, p.counted_at
FROM unnest(%(codes)s::text[], %(sites)s::text[]) AS w (code, site)
JOIN ledger.sku s USING (code)
JOIN ledger.balance b ON b.sku_id = s.sku_id AND b.counted
LEFT JOIN ledger.site_balance p ON p.sku_id = s.sku_id AND p.site = w.site;

-- name: counted_at_sites
-- How many SKUs with open books each site has.
-- Parameters: sites.
-- Rows: many: site, skus.
-- Index: none; looked at only when counts would empty or inflate something.
SELECT p.site, count(*) AS skus
FROM ledger.site_balance p JOIN ledger.balance b USING (sku_id)
WHERE b.counted AND p.site = ANY(%(sites)s::text[]) GROUP BY p.site;

-- name: lock_brake
-- Lets one transaction at a time look at a connection's counts.
-- Parameters: connection_id.
-- Rows: one.
-- Index: none.
SELECT pg_advisory_xact_lock(7102004, %(connection_id)s);

-- name: marked_since
-- Which places a connection's counts emptied or inflated lately.
-- Parameters: connection_id, since_at.
-- Rows: many: code, site, change.
-- Index: brake_mark primary key.
SELECT s.code, m.site, m.change
FROM ledger.brake_mark m JOIN ledger.sku s USING (sku_id)
WHERE m.connection_id = %(connection_id)s AND m.marked_at > %(since_at)s;

-- name: mark_places
-- Keeps which places a connection's counts empty or inflate, and forgets the old ones.
-- Parameters: connection_id, since_at; codes, sites, changes, marked_ats: arrays of equal length.
-- Rows: none.
-- Index: brake_mark primary key, sku_code_key.
WITH old AS (
  DELETE FROM ledger.brake_mark m
  WHERE m.connection_id = %(connection_id)s AND m.marked_at <= %(since_at)s
    AND NOT EXISTS (
      SELECT FROM unnest(%(codes)s::text[], %(sites)s::text[], %(changes)s::text[])
        AS w (code, site, change)
      JOIN ledger.sku s USING (code)
      WHERE s.sku_id = m.sku_id AND w.site = m.site AND w.change = m.change)
)
INSERT INTO ledger.brake_mark AS m (connection_id, sku_id, site, change, marked_at)
SELECT %(connection_id)s, s.sku_id, w.site, w.change, max(w.marked_at)
FROM unnest(%(codes)s::text[], %(sites)s::text[], %(changes)s::text[],
  %(marked_ats)s::timestamptz[]) AS w (code, site, change, marked_at)
JOIN ledger.sku s USING (code)
GROUP BY s.sku_id, w.site, w.change
ON CONFLICT (connection_id, site, change, sku_id) DO UPDATE
SET marked_at = greatest(m.marked_at, excluded.marked_at);

-- name: forget_marks
-- A person has decided: what happened before counts no more.
-- Parameters: connection_id.
-- Rows: none.
-- Index: brake_mark primary key.
DELETE FROM ledger.brake_mark WHERE connection_id = %(connection_id)s;

-- name: open_brake
-- Opens a group of held counts; of an account's levels the one that is open.
-- Parameters: connection_id, source, reason, held_at.
-- Rows: one: brake_id.
-- Index: brake_open.
INSERT INTO ledger.brake AS b (connection_id, source, reason, held_at)
VALUES (%(connection_id)s, %(source)s, %(reason)s, %(held_at)s)
ON CONFLICT (connection_id) WHERE state = 'held' AND source = 'levels'
DO UPDATE SET reason = excluded.reason
RETURNING b.brake_id;

-- name: hold_events
-- Puts events into a group.
-- Parameters: brake_id, event_ids.
-- Rows: none.
-- Index: braked primary key.
INSERT INTO ledger.braked (event_id, brake_id)
SELECT e, %(brake_id)s FROM unnest(%(event_ids)s::bigint[]) AS e
ON CONFLICT (event_id) DO UPDATE SET brake_id = excluded.brake_id;

-- name: brakes_of_events
-- Which of some events were held, and what became of their group.
-- Parameters: event_ids.
-- Rows: many: event_id, brake_id, state, reason.
-- Index: braked primary key.
SELECT h.event_id, b.brake_id, b.state, b.reason
FROM ledger.braked h JOIN ledger.brake b USING (brake_id)
WHERE h.event_id = ANY(%(event_ids)s::bigint[]);

-- name: list_brakes
-- Groups of held counts, those that wait for a person first, then the newest.
-- Parameters: count; state: text or null.
-- Rows: many.
-- Index: brake primary key.
SELECT b.brake_id, b.connection_id, b.source, b.state, b.reason, b.held_at, b.decided_at,
  (SELECT count(*) FROM ledger.braked h WHERE h.brake_id = b.brake_id) AS events
FROM ledger.brake b
WHERE %(state)s::text IS NULL OR b.state = %(state)s::text
ORDER BY b.state <> 'held', b.brake_id DESC LIMIT %(count)s;

-- name: decide_brake
-- Says what becomes of a held group, once.
-- Parameters: brake_id, state, decided_at.
-- Rows: none or one: connection_id, source.
-- Index: brake primary key.
UPDATE ledger.brake SET state = %(state)s, decided_at = %(decided_at)s
WHERE brake_id = %(brake_id)s AND state = 'held'
RETURNING connection_id, source;

-- name: events_of_brake
-- The events of a group.
-- Parameters: brake_id.
-- Rows: many: event_id, oldest first.
-- Index: braked_brake.
SELECT event_id FROM ledger.braked WHERE brake_id = %(brake_id)s ORDER BY event_id;
