-- name: portraits_due
-- Customers of whom the CRM was told something else, or nothing yet: those of whom it was told
-- first, then by what they are worth. Not those in whom nothing changed since they were proposed and
-- turned down, nor those who are proposed now.
-- Parameters: connection_id: of the CRM; people: only these, also where they are proposed, or null;
-- stays, leaves: from which chance in percent on the risk is low, or middle; moved_days: by so many
-- the next purchase must have moved; drawn_before: what was told later stays for now; rule;
-- ended_after: what was turned down before is asked for again; count.
-- Rows: many: person, of_connection, order_ref, tier, risk, last_on, next_on, was_tier, was_risk,
-- was_next_on (null: never told).
-- Index: portrait primary key, decision_open; reads every patron where people is null.
WITH named AS MATERIALIZED (
  SELECT c.person, c.now ->> 'tier' AS tier, c.now ->> 'risk' AS risk,
    d.state IN ('refused', 'lapsed') AS ended
  FROM decisions.decision d
  CROSS JOIN LATERAL jsonb_to_recordset(d.facts -> 'changes')
    AS c (person text, now jsonb)
  WHERE d.rule = %(rule)s AND %(people)s::bytea[] IS NULL
    AND (d.state IN ('proposed', 'approved', 'ordered')
      OR d.state IN ('refused', 'lapsed') AND d.ended_at > %(ended_after)s)
), known AS (
  SELECT p.person, p.connection_id AS of_connection, p.order_ref, p.tier, p.last_on, p.next_on,
    p.worth,
    CASE WHEN p.alive * 100 >= %(stays)s THEN 'low' WHEN p.alive * 100 >= %(leaves)s THEN 'middle'
      ELSE 'high' END AS risk
  FROM decisions.patron p
  WHERE %(people)s::bytea[] IS NULL OR p.person = ANY(%(people)s::bytea[])
)
SELECT k.person, k.of_connection, k.order_ref, k.tier, k.risk, k.last_on, k.next_on,
  d.tier AS was_tier, d.risk AS was_risk, d.next_on AS was_next_on
FROM known k
LEFT JOIN decisions.portrait d ON d.person = k.person AND d.connection_id = %(connection_id)s
WHERE (d.person IS NULL OR d.drawn_at <= %(drawn_before)s
    AND (d.tier <> k.tier OR d.risk <> k.risk OR (d.next_on IS NULL) <> (k.next_on IS NULL)
      OR abs(d.next_on - k.next_on) >= %(moved_days)s))
  AND NOT EXISTS (SELECT FROM named n WHERE n.person = encode(k.person, 'hex')
    AND (NOT n.ended OR n.tier = k.tier AND n.risk = k.risk))
ORDER BY d.person IS NULL, k.worth DESC, k.person LIMIT %(count)s;

-- name: portrait_batches
-- What a rule has open, and what it made on a day; or one of these.
-- Parameters: rule; day: as the subjects of that day begin; subject: or null.
-- Rows: many, the oldest first: subject, episode, state, facts, evidence.
-- Index: decision_open, decision (rule, subject, episode).
SELECT subject, episode, state, facts, evidence FROM decisions.decision
WHERE rule = %(rule)s AND (%(subject)s::text IS NULL OR subject = %(subject)s)
  AND (state IN ('proposed', 'approved', 'ordered') OR starts_with(subject, %(day)s))
ORDER BY decision_id;

-- name: draw_portrait
-- Keeps what is ordered for the CRM of a customer, where it is still so.
-- Parameters: person, connection_id, tier, risk, next_on, last_on; now: instant.
-- Rows: one: person; none where they are in another tier by now, bought since, or are gone.
-- Index: patron primary key, portrait primary key.
INSERT INTO decisions.portrait (person, connection_id, tier, risk, next_on, drawn_at)
SELECT p.person, %(connection_id)s, p.tier, %(risk)s, %(next_on)s::date, %(now)s
FROM decisions.patron p
WHERE p.person = %(person)s AND p.tier = %(tier)s AND p.last_on = %(last_on)s
ON CONFLICT (person) DO UPDATE SET connection_id = excluded.connection_id, tier = excluded.tier,
  risk = excluded.risk, next_on = excluded.next_on, drawn_at = excluded.drawn_at
RETURNING person;
