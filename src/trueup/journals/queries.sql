-- name: take_turn
-- Lets one transaction at a time make journals; the others wait.
-- Parameters: key.
-- Rows: one.
-- Index: none.
SELECT pg_advisory_xact_lock(%(key)s);

-- name: journaled
-- What journals that stand came to, group by group; those that were taken back are gone from it.
-- Parameters: since: day or null for all; until: day.
-- Rows: many: day, currency, told_by, order_ref, grain, account, connection_id, amount.
-- Index: journal_day_ordinal_key, line primary key.
SELECT j.day, j.currency, j.told_by, j.order_ref, j.grain, l.account, l.connection_id,
  sum(l.amount) AS amount
FROM journals.journal j
JOIN journals.line l USING (journal_id)
WHERE j.day BETWEEN coalesce(%(since)s::date, '-infinity') AND %(until)s::date
  AND NOT EXISTS (SELECT FROM journals.withdrawal w WHERE w.journal_id = j.journal_id)
GROUP BY j.day, j.currency, j.told_by, j.order_ref, j.grain, l.account, l.connection_id
HAVING sum(l.amount) <> 0;

-- name: day_ordinals
-- How many journals there were of some days.
-- Parameters: days.
-- Rows: many: day, ordinal (the greatest).
-- Index: journal_day_ordinal_key.
SELECT day, max(ordinal) AS ordinal FROM journals.journal
WHERE day = ANY(%(days)s::date[]) GROUP BY day;

-- name: insert_journals
-- Keeps journals as they are posted.
-- Parameters: made_by, made_at; arrays of equal length: numbers, days, ordinals, posted_ons,
-- currencies, grains, told_bys, order_refs, target_ids, reverses (numbers of journals, or null).
-- Rows: none.
-- Index: the unique number of journal.
INSERT INTO journals.journal (number, day, ordinal, posted_on, currency, grain, told_by, order_ref,
  target_id, reverses, made_by, made_at)
SELECT n.number, n.day, n.ordinal, n.posted_on, n.currency, n.grain, n.told_by, n.order_ref,
  n.target_id, (SELECT o.journal_id FROM journals.journal o WHERE o.number = n.reverses),
  %(made_by)s, %(made_at)s
FROM unnest(%(numbers)s::text[], %(days)s::date[], %(ordinals)s::int[], %(posted_ons)s::date[],
  %(currencies)s::text[], %(grains)s::text[], %(told_bys)s::int[], %(order_refs)s::text[],
  %(target_ids)s::int[], %(reverses)s::text[])
  AS n (number, day, ordinal, posted_on, currency, grain, told_by, order_ref, target_id, reverses);

-- name: insert_lines
-- Keeps the lines of journals that were just kept.
-- Parameters: arrays of equal length: numbers, ordinals, accounts, connection_ids, account_refs,
-- names, tax_codes, tax_ons, amounts.
-- Rows: none.
-- Index: the unique number of journal.
INSERT INTO journals.line (journal_id, ordinal, account, connection_id, account_ref, name, tax_code,
  tax_on, amount)
SELECT j.journal_id, n.ordinal, n.account, n.connection_id, n.account_ref, n.name, n.tax_code,
  n.tax_on, n.amount
FROM unnest(%(numbers)s::text[], %(ordinals)s::int[], %(accounts)s::text[],
  %(connection_ids)s::int[], %(account_refs)s::text[], %(names)s::text[], %(tax_codes)s::text[],
  %(tax_ons)s::text[], %(amounts)s::numeric[])
  AS n (number, ordinal, account, connection_id, account_ref, name, tax_code, tax_on, amount)
JOIN journals.journal j USING (number);

-- name: withdraw
-- Notes that a journal surely does not stand in the accounting system.
-- Parameters: number, withdrawn_by, reason, withdrawn_at.
-- Rows: none.
-- Index: the unique number of journal.
INSERT INTO journals.withdrawal (journal_id, withdrawn_by, reason, withdrawn_at)
SELECT journal_id, %(withdrawn_by)s, %(reason)s, %(withdrawn_at)s
FROM journals.journal WHERE number = %(number)s;

-- name: list_journals
-- Journals, newest first, with what they came to.
-- Parameters: numbers: array or null for all; since, until: days or null; before: journal_id or
-- null; count.
-- Rows: many: journal_id, number, day, posted_on, currency, told_by, order_ref, target_id, total (of
-- the debits), reverses and reversed_by (numbers or null), withdrawn, made_by, made_at.
-- Index: journal primary key, the unique number of journal, journal_reverses.
SELECT j.journal_id, j.number, j.day, j.posted_on, j.currency, j.told_by, j.order_ref, j.target_id,
  (SELECT coalesce(sum(l.amount), 0) FROM journals.line l
    WHERE l.journal_id = j.journal_id AND l.amount > 0) AS total,
  (SELECT o.number FROM journals.journal o WHERE o.journal_id = j.reverses) AS reverses,
  (SELECT c.number FROM journals.journal c
    WHERE c.reverses = j.journal_id
      AND NOT EXISTS (SELECT FROM journals.withdrawal w WHERE w.journal_id = c.journal_id))
    AS reversed_by,
  EXISTS (SELECT FROM journals.withdrawal w WHERE w.journal_id = j.journal_id) AS withdrawn,
  j.made_by, j.made_at
FROM journals.journal j
WHERE (%(numbers)s::text[] IS NULL OR j.number = ANY(%(numbers)s::text[]))
  AND (%(since)s::date IS NULL OR j.day >= %(since)s::date)
  AND (%(until)s::date IS NULL OR j.day <= %(until)s::date)
  AND (%(before)s::bigint IS NULL OR j.journal_id < %(before)s::bigint)
ORDER BY j.journal_id DESC LIMIT %(count)s;

-- name: lines_of
-- The lines of one journal, with its grain.
-- Parameters: number.
-- Rows: many: account, connection_id, account_ref, name, amount, tax_code, tax_on, grain.
-- Index: the unique number of journal, line primary key.
SELECT l.account, l.connection_id, l.account_ref, l.name, l.amount, l.tax_code, l.tax_on, j.grain
FROM journals.journal j JOIN journals.line l USING (journal_id)
WHERE j.number = %(number)s ORDER BY l.ordinal;

-- name: sums_of_journals
-- What each journal came to, by the accounting system's account.
-- Parameters: none.
-- Rows: many: number, account_ref, amount.
-- Index: none; reads everything.
SELECT j.number, l.account_ref, sum(l.amount) AS amount
FROM journals.journal j JOIN journals.line l USING (journal_id)
GROUP BY j.number, l.account_ref
HAVING sum(l.amount) <> 0;

-- name: copy_tax_journals
-- What journals that stand hold as taxes, day by day, of days of which there are any; above zero is
-- owed.
-- Parameters: none.
-- Rows: many: ref (day and currency), currency, amount, number (of the first journal).
-- Index: none; reads everything.
SELECT j.day || ' ' || j.currency AS ref, j.currency,
  coalesce(-sum(l.amount) FILTER (WHERE l.account = 'taxes'), 0) AS amount, min(j.number) AS number
FROM journals.journal j JOIN journals.line l USING (journal_id)
WHERE NOT EXISTS (SELECT FROM journals.withdrawal w WHERE w.journal_id = j.journal_id)
GROUP BY j.day, j.currency;
