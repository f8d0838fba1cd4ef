-- name: patrons_worked_out
-- Tells whether customers were worked out on a day.
-- Parameters: day.
-- Rows: none or one: day.
-- Index: patrons_day primary key.
SELECT day FROM decisions.patrons_day WHERE day = %(day)s;

-- name: take_patrons_day
-- Takes the work of a day; whoever comes second waits for the first, and gets nothing.
-- Parameters: day; now: instant.
-- Rows: none or one: day.
-- Index: patrons_day primary key.
INSERT INTO decisions.patrons_day (day, customers, worked_at) VALUES (%(day)s, 0, %(now)s)
ON CONFLICT DO NOTHING RETURNING day;

-- name: note_patrons_day
-- Keeps how many customers were worked out on a day, and forgets those that were not, and old days.
-- Parameters: day; customers.
-- Rows: none.
-- Index: patrons_day primary key; reads every patron.
WITH gone AS (DELETE FROM decisions.patron WHERE worked_on <> %(day)s),
  lost AS (DELETE FROM decisions.habit WHERE worked_on <> %(day)s),
  old AS (DELETE FROM decisions.patrons_day WHERE day < %(day)s - 31)
UPDATE decisions.patrons_day SET customers = %(customers)s WHERE day = %(day)s;

-- name: note_patrons
-- Keeps what was worked out of customers.
-- Parameters: arrays of equal length: people, persons (JSON lists of hexadecimal digests),
-- connection_ids, order_refs, currencies, purchases, last_ons, intervals, next_ons, late_ons,
-- alives, worths, spends, tiers, told_bys; day.
-- Rows: none.
-- Index: patron primary key.
INSERT INTO decisions.patron (person, persons, connection_id, order_ref, currency, purchases,
  last_on, interval_days, next_on, late_on, alive, worth, spend, tier, told_by,
  worked_on)
SELECT b.person, ARRAY(SELECT decode(jsonb_array_elements_text(b.persons), 'hex')),
  b.connection_id, b.order_ref, b.currency, b.purchases, b.last_on, b.interval_days, b.next_on,
  b.late_on, b.alive, b.worth, b.spend, b.tier, b.told_by, %(day)s
FROM unnest(%(people)s::bytea[], %(persons)s::jsonb[], %(connection_ids)s::int[],
  %(order_refs)s::text[], %(currencies)s::text[], %(purchases)s::int[], %(last_ons)s::date[],
  %(intervals)s::int[], %(next_ons)s::date[], %(late_ons)s::date[], %(alives)s::numeric[],
  %(worths)s::numeric[], %(spends)s::numeric[], %(tiers)s::text[], %(told_bys)s::text[])
  AS b (person, persons, connection_id, order_ref, currency, purchases, last_on, interval_days,
    next_on, late_on, alive, worth, spend, tier, told_by)
ON CONFLICT (person) DO UPDATE SET persons = excluded.persons,
  connection_id = excluded.connection_id, order_ref = excluded.order_ref,
  currency = excluded.currency, purchases = excluded.purchases, last_on = excluded.last_on,
  interval_days = excluded.interval_days, next_on = excluded.next_on, late_on = excluded.late_on,
  alive = excluded.alive, worth = excluded.worth, spend = excluded.spend, tier = excluded.tier,
  told_by = excluded.told_by, worked_on = excluded.worked_on;

-- name: note_habits
-- Keeps how often customers buy a SKU, or anything.
-- Parameters: arrays of equal length: people, skus, purchases, last_ons, intervals, spreads,
-- next_ons, connection_ids, order_refs, numbers, lines (JSON lists); day.
-- Rows: none.
-- Index: habit primary key.
INSERT INTO decisions.habit (person, sku, purchases, last_on, interval_days, spread, next_on,
  connection_id, order_ref, number, lines, worked_on)
SELECT h.*, %(day)s
FROM unnest(%(people)s::bytea[], %(skus)s::text[], %(purchases)s::int[], %(last_ons)s::date[],
  %(intervals)s::int[], %(spreads)s::numeric[], %(next_ons)s::date[], %(connection_ids)s::int[],
  %(order_refs)s::text[], %(numbers)s::text[], %(lines)s::jsonb[]) AS h
ON CONFLICT (person, sku) DO UPDATE SET purchases = excluded.purchases,
  last_on = excluded.last_on, interval_days = excluded.interval_days, spread = excluded.spread,
  next_on = excluded.next_on, connection_id = excluded.connection_id,
  order_ref = excluded.order_ref, number = excluded.number, lines = excluded.lines,
  worked_on = excluded.worked_on;

-- name: habits_due
-- Habits whose next purchase lies within some days, without those that were spoken of already; a
-- customer's habit of anything only where they have none of a single SKU.
-- Parameters: since, until: days; rule; ended: states; spread_max; count.
-- Rows: many: of habit, persons; those that were due first come first.
-- Index: habit_next, habit primary key, decision (rule, subject, episode).
SELECT h.*, b.persons FROM decisions.habit h JOIN decisions.patron b USING (person)
WHERE h.next_on BETWEEN %(since)s AND %(until)s AND h.spread <= %(spread_max)s
  AND (h.sku <> '' OR NOT EXISTS (SELECT FROM decisions.habit o
    WHERE o.person = h.person AND o.sku <> '' AND o.spread <= %(spread_max)s))
  AND NOT EXISTS (SELECT FROM decisions.decision d WHERE d.rule = %(rule)s
    AND d.subject = 'patron/' || encode(h.person, 'hex') || '/' || h.sku
    AND d.episode = h.last_on::text AND d.state = ANY(%(ended)s::text[]))
ORDER BY h.next_on, h.person, h.sku LIMIT %(count)s;

-- name: habit_of
-- One habit.
-- Parameters: person, sku.
-- Rows: none or one: of habit, persons.
-- Index: habit primary key, patron primary key.
SELECT h.*, b.persons FROM decisions.habit h JOIN decisions.patron b USING (person)
WHERE h.person = %(person)s AND h.sku = %(sku)s;

-- name: persons_of_patrons
-- The persons of some customers.
-- Parameters: people.
-- Rows: many: person, persons.
-- Index: patron primary key.
SELECT person, persons FROM decisions.patron WHERE person = ANY(%(people)s::bytea[]);

-- name: decided_of
-- How far the decisions of a rule about some subjects came.
-- Parameters: rule; subjects.
-- Rows: many: subject, episode, state, ended_at.
-- Index: decision (rule, subject, episode).
SELECT subject, episode, state, ended_at FROM decisions.decision
WHERE rule = %(rule)s AND subject = ANY(%(subjects)s::text[]);

-- name: patrons_late
-- Customers of whom nothing came for so long that they may be leaving, without those that were
-- spoken of already; those who were late first come first.
-- Parameters: since, until: days; rule; ended: states; count.
-- Rows: many: of patron.
-- Index: patron_late, decision (rule, subject, episode).
SELECT p.* FROM decisions.patron p
WHERE p.late_on BETWEEN %(since)s AND %(until)s
  AND NOT EXISTS (SELECT FROM decisions.decision d WHERE d.rule = %(rule)s
    AND d.subject = 'patron/' || encode(p.person, 'hex') AND d.episode = p.last_on::text
    AND d.state = ANY(%(ended)s::text[]))
ORDER BY p.late_on, p.person LIMIT %(count)s;

-- name: patron_of
-- One customer as a patron.
-- Parameters: person.
-- Rows: none or one: of patron.
-- Index: patron primary key.
SELECT * FROM decisions.patron WHERE person = %(person)s;

-- name: page_patrons
-- One page of customers, who is worth most first.
-- Parameters: tier: or null; skip; count.
-- Rows: many: of patron.
-- Index: patron_worth.
SELECT * FROM decisions.patron WHERE %(tier)s::text IS NULL OR tier = %(tier)s::text
ORDER BY worth DESC, person OFFSET %(skip)s LIMIT %(count)s;

-- name: patron_of_persons
-- A customer as a patron, by all of their persons: who was joined since has another id there.
-- Parameters: persons.
-- Rows: none or one: of patron.
-- Index: patron primary key.
SELECT * FROM decisions.patron WHERE person = ANY(%(persons)s::bytea[])
ORDER BY purchases DESC, person LIMIT 1;
