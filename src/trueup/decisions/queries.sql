-- name: note_decisions
-- Keeps proposals; of one episode of a subject there is one decision. A shadow becomes a proposal
-- once its rule may ask, and what was withdrawn is proposed again where its facts ask for it again,
-- but not before it has rested.
-- Parameters: arrays of equal length: rules, versions, modes, subjects, episodes, facts, digests,
-- evidences (JSON lists), reasons, actions, effects (null: none), alternatives, states, lapses_ats,
-- due_ats (null: at once), urgencies; now: instant.
-- Rows: many: decision_id, rule, state, of those that are new or proposed again.
-- Index: decision (rule, subject, episode).
INSERT INTO decisions.decision AS d (rule, version, mode, subject, episode, facts, digest, evidence,
  reason, actions, effect, alternatives, state, proposed_at, lapses_at, due_at, urgency)
SELECT p.rule, p.version, p.mode, p.subject, p.episode, p.facts, p.digest,
  ARRAY(SELECT jsonb_array_elements_text(p.evidence)), p.reason, p.actions, p.effect,
  p.alternatives, p.state, %(now)s, p.lapses_at, p.due_at, p.urgency
FROM unnest(%(rules)s::text[], %(versions)s::int[], %(modes)s::text[], %(subjects)s::text[],
  %(episodes)s::text[], %(facts)s::jsonb[], %(digests)s::bytea[], %(evidences)s::jsonb[],
  %(reasons)s::text[], %(actions)s::jsonb[], %(effects)s::jsonb[], %(alternatives)s::jsonb[],
  %(states)s::text[], %(lapses_ats)s::timestamptz[], %(due_ats)s::timestamptz[],
  %(urgencies)s::smallint[])
  AS p (rule, version, mode, subject, episode, facts, digest, evidence, reason, actions, effect,
    alternatives, state, lapses_at, due_at, urgency)
ON CONFLICT (rule, subject, episode) DO UPDATE
SET version = excluded.version, mode = excluded.mode, facts = excluded.facts,
  digest = excluded.digest, evidence = excluded.evidence, reason = excluded.reason,
  actions = excluded.actions, effect = excluded.effect, alternatives = excluded.alternatives,
  state = excluded.state, proposed_at = excluded.proposed_at, lapses_at = excluded.lapses_at,
  due_at = excluded.due_at, urgency = excluded.urgency, waits = NULL, ordered_at = NULL,
  decided_at = NULL, decided_by = NULL, ended_at = NULL, outcome = NULL, measured_at = NULL,
  rests_until = NULL
WHERE d.state IN ('shadow', 'withdrawn') AND excluded.state = 'proposed'
  AND (d.rests_until IS NULL OR d.rests_until <= %(now)s)
RETURNING decision_id, rule, state;

-- name: note_steps
-- Keeps what happened to decisions.
-- Parameters: arrays of equal length: decision_ids, dids, bys, whys; now: instant.
-- Rows: none.
-- Index: step primary key.
INSERT INTO decisions.step (decision_id, at, did, done_by, why)
SELECT decision_id, %(now)s, did, done_by, why
FROM unnest(%(decision_ids)s::bigint[], %(dids)s::text[], %(bys)s::text[], %(whys)s::text[])
  AS s (decision_id, did, done_by, why);

-- name: move_decision
-- Moves a decision from one of some states to another.
-- Parameters: decision_id; from_states; state; by: who decided, or null; rests_until: before which
-- it is not proposed again, or null; now: instant.
-- Rows: one: state; none where it is in no such state any more.
-- Index: decision primary key.
UPDATE decisions.decision d
SET state = %(state)s,
  decided_at = CASE WHEN %(by)s::text IS NULL THEN d.decided_at ELSE %(now)s END,
  decided_by = coalesce(%(by)s::text, d.decided_by),
  ordered_at = CASE WHEN %(state)s = 'ordered' THEN %(now)s ELSE d.ordered_at END,
  ended_at = CASE WHEN %(state)s IN ('done', 'failed', 'discarded', 'refused', 'withdrawn', 'lapsed')
    THEN %(now)s END,
  waits = NULL, rests_until = %(rests_until)s::timestamptz
WHERE d.decision_id = %(decision_id)s AND d.state = ANY(%(from_states)s::text[])
RETURNING d.state;

-- name: open_decisions
-- Decisions in some states, the oldest first, locked; those that another works on are left out.
-- Parameters: states; rule: or null; count.
-- Rows: many.
-- Index: decision_open.
SELECT * FROM decisions.decision
WHERE state = ANY(%(states)s::text[]) AND (%(rule)s::text IS NULL OR rule = %(rule)s)
ORDER BY decision_id LIMIT %(count)s
FOR UPDATE SKIP LOCKED;

-- name: standing_decisions
-- What a rule has open, the oldest first, locked; those that another works on are left out.
-- Parameters: rule; count.
-- Rows: many: decision_id, rule, subject, episode, state, lapses_at, ordered_at, actions.
-- Index: decision_open.
SELECT decision_id, rule, subject, episode, state, lapses_at, ordered_at, actions
FROM decisions.decision
WHERE state IN ('proposed', 'approved', 'ordered') AND rule = %(rule)s
ORDER BY decision_id LIMIT %(count)s
FOR UPDATE SKIP LOCKED;

-- name: due_decisions
-- What was agreed to and waits for nothing, the most urgent first.
-- Parameters: now: instant; count.
-- Rows: many.
-- Index: decision_due.
SELECT * FROM decisions.decision
WHERE state = 'approved' AND (due_at IS NULL OR due_at <= %(now)s)
ORDER BY urgency DESC, decision_id LIMIT %(count)s;

-- name: lock_decision
-- Holds a decision that was agreed to, until the transaction ends.
-- Parameters: decision_id.
-- Rows: one; none where it is in another state by now, or another works on it.
-- Index: decision primary key.
SELECT decision_id FROM decisions.decision
WHERE decision_id = %(decision_id)s AND state = 'approved'
FOR UPDATE SKIP LOCKED;

-- name: let_wait
-- Says until when a decision waits, and why; what of it was ordered meanwhile counts from then.
-- Parameters: decision_id, due_at, waits; ordered_at: instant, or null where nothing was.
-- Rows: one: decision_id.
-- Index: decision primary key.
UPDATE decisions.decision
SET due_at = %(due_at)s, waits = %(waits)s,
  ordered_at = coalesce(ordered_at, %(ordered_at)s::timestamptz)
WHERE decision_id = %(decision_id)s AND state = 'approved'
RETURNING decision_id;

-- name: return_decision
-- Lets a decision be looked at again that came back from the outbox.
-- Parameters: decision_id; began: something else of it was ordered.
-- Rows: one: decision_id; none where it is not ordered any more.
-- Index: decision primary key.
UPDATE decisions.decision
SET state = 'approved', due_at = NULL, waits = NULL,
  ordered_at = CASE WHEN %(began)s THEN ordered_at END
WHERE decision_id = %(decision_id)s AND state = 'ordered'
RETURNING decision_id;

-- name: ordered_decisions
-- A page of what was ordered, locked; those that another works on are left out.
-- Parameters: after: the last number of the page before, or 0; count.
-- Rows: many, the oldest first: decision_id, rule, actions, ordered_at.
-- Index: decision_open.
SELECT decision_id, rule, actions, ordered_at FROM decisions.decision
WHERE state = 'ordered' AND decision_id > %(after)s
ORDER BY decision_id LIMIT %(count)s
FOR UPDATE SKIP LOCKED;

-- name: waiting_decisions
-- What was agreed to and waits for its time, the next first.
-- Parameters: now: instant; count.
-- Rows: many: decision_id, rule, subject, reason, actions, due_at, waits.
-- Index: decision_due.
SELECT decision_id, rule, subject, reason, actions, due_at, waits FROM decisions.decision
WHERE state = 'approved' AND due_at > %(now)s
ORDER BY due_at, decision_id LIMIT %(count)s;

-- name: next_due
-- When the next decision has waited long enough.
-- Parameters: now: instant.
-- Rows: one: due_at (null: nothing waits).
-- Index: decision_due.
SELECT min(due_at) AS due_at FROM decisions.decision
WHERE state = 'approved' AND due_at > %(now)s;

-- name: carried_out
-- What rules took without a person since an instant.
-- Parameters: since: instant.
-- Rows: many: rule, actions.
-- Index: decision_of_day.
SELECT rule, actions FROM decisions.decision
WHERE decided_by = 'policy'
  AND (ordered_at >= %(since)s OR state = 'approved' AND decided_at >= %(since)s);

-- name: find_decision
-- One decision.
-- Parameters: decision_id.
-- Rows: one; none where there is no such decision.
-- Index: decision primary key.
SELECT * FROM decisions.decision WHERE decision_id = %(decision_id)s;

-- name: steps_of
-- What happened to a decision, in order.
-- Parameters: decision_id.
-- Rows: many: at, did, done_by, why.
-- Index: step_of.
SELECT at, did, done_by, why FROM decisions.step
WHERE decision_id = %(decision_id)s ORDER BY step_id;

-- name: list_decisions
-- Decisions, the newest first.
-- Parameters: state, rule: or null; before: of the last number of the page before, or null; count.
-- Rows: many.
-- Index: decision primary key.
SELECT decision_id, rule, version, mode, subject, episode, state, reason, actions, effect,
  proposed_at, lapses_at, decided_at, decided_by, due_at, waits, ordered_at, ended_at, outcome,
  rests_until
FROM decisions.decision
WHERE (%(state)s::text IS NULL OR state = %(state)s)
  AND (%(rule)s::text IS NULL OR rule = %(rule)s)
  AND (%(before)s::bigint IS NULL OR decision_id < %(before)s)
ORDER BY decision_id DESC LIMIT %(count)s;

-- name: give_leave
-- Says how far a rule may go.
-- Parameters: rule, mode, by, why; now: instant.
-- Rows: none.
-- Index: none.
INSERT INTO decisions.leave (rule, mode, given_at, given_by, why)
VALUES (%(rule)s, %(mode)s, %(now)s, %(by)s, %(why)s);

-- name: newest_leaves
-- How far each rule may go by the newest word.
-- Parameters: none.
-- Rows: many: rule, mode, given_at, given_by, why.
-- Index: leave_newest.
SELECT DISTINCT ON (rule) rule, mode, given_at, given_by, why
FROM decisions.leave ORDER BY rule, leave_id DESC;

-- name: keep_replay
-- Keeps what a rule would have done.
-- Parameters: rule, version, settings, since, until, figures; now: instant.
-- Rows: none.
-- Index: none.
INSERT INTO decisions.replay (rule, version, settings, since, until, figures, played_at)
VALUES (%(rule)s, %(version)s, %(settings)s::jsonb, %(since)s, %(until)s, %(figures)s::jsonb,
  %(now)s);

-- name: newest_replays
-- The newest replay of each rule.
-- Parameters: none.
-- Rows: many: rule, version, settings, since, until, figures, played_at.
-- Index: replay_newest.
SELECT DISTINCT ON (rule) rule, version, settings, since, until, figures, played_at
FROM decisions.replay ORDER BY rule, replay_id DESC;

-- name: due_outcomes
-- Decisions of a rule of which it can be known by now what came.
-- Parameters: rule, now: instant, count.
-- Rows: many, the oldest first: decision_id, subject, proposed_at, until, actions.
-- Index: decision_unmeasured.
SELECT decision_id, subject, proposed_at, actions, (effect ->> 'measured_at')::timestamptz AS until
FROM decisions.decision
WHERE rule = %(rule)s AND measured_at IS NULL AND effect IS NOT NULL
  AND (effect ->> 'measured_at')::timestamptz <= %(now)s
ORDER BY decision_id LIMIT %(count)s;

-- name: note_outcomes
-- Keeps what came of decisions; null: it can not be known.
-- Parameters: arrays of equal length: decision_ids, outcomes; now: instant.
-- Rows: none.
-- Index: decision primary key.
UPDATE decisions.decision d SET outcome = o.outcome, measured_at = %(now)s
FROM unnest(%(decision_ids)s::bigint[], %(outcomes)s::numeric[]) AS o (decision_id, outcome)
WHERE d.decision_id = o.decision_id;

-- name: calibration
-- What rules expected beside what came, apart for what was done and what was not.
-- Parameters: none.
-- Rows: many: rule, done, decisions, expected, came (means).
-- Index: none; one row a measured decision.
SELECT rule, state = 'done' AS done, count(*) AS decisions,
  round(avg((effect ->> CASE WHEN state = 'done' THEN 'within' ELSE 'without' END)::numeric), 4)
    AS expected,
  round(avg(outcome), 4) AS came
FROM decisions.decision
WHERE outcome IS NOT NULL
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: ordered_episodes
-- For which episodes of some subjects a rule's decision was ordered.
-- Parameters: rule, subjects.
-- Rows: many: subject, episode.
-- Index: decision (rule, subject, episode).
SELECT subject, episode FROM decisions.decision
WHERE rule = %(rule)s AND subject = ANY(%(subjects)s::text[])
  AND state IN ('ordered', 'done', 'failed', 'discarded');

-- name: decided_about
-- What a rule did about some subjects.
-- Parameters: rule, subjects.
-- Rows: many: subject, episodes (in order).
-- Index: decision (rule, subject, episode).
SELECT subject, array_agg(episode ORDER BY decision_id) AS episodes
FROM decisions.decision
WHERE rule = %(rule)s AND subject = ANY(%(subjects)s::text[]) AND state = 'done'
GROUP BY subject;

-- name: ordered_actions
-- The actions of some kinds that a rule ordered about some subjects, in order.
-- Parameters: rule, subjects, kinds; states: of their decisions now.
-- Rows: many: decision_id, subject, position (of the action), kind, content, ordered_at.
-- Index: decision (rule, subject, episode).
SELECT d.decision_id, d.subject, (a.place - 1)::int AS position, a.action->>'kind' AS kind,
  a.action->'content' AS content, d.ordered_at
FROM decisions.decision d, jsonb_array_elements(d.actions) WITH ORDINALITY AS a (action, place)
WHERE d.rule = %(rule)s AND d.subject = ANY(%(subjects)s::text[])
  AND d.state = ANY(%(states)s::text[]) AND a.action->>'kind' = ANY(%(kinds)s::text[])
ORDER BY d.decision_id, a.place;

-- name: subjects_ordered
-- About which subjects a rule ordered something since an instant.
-- Parameters: rule; since; states: of its decisions now.
-- Rows: many: subject; each once.
-- Index: decision_of_day.
SELECT DISTINCT subject FROM decisions.decision
WHERE rule = %(rule)s AND ordered_at >= %(since)s AND state = ANY(%(states)s::text[]);

-- name: lines_said
-- What a rule said about some subjects since an instant, but for what was withdrawn; with the SKUs
-- of its facts and which time of each it was.
-- Parameters: rule, subjects; since: instant.
-- Rows: many, in order: decision_id, subject, episode, state, actions, skus, sinces (JSON lists).
-- Index: decision (rule, subject, episode).
SELECT decision_id, subject, episode, state, actions,
  jsonb_path_query_array(facts, '$.items[*].sku') AS skus,
  jsonb_path_query_array(facts, '$.items[*].since') AS sinces
FROM decisions.decision
WHERE rule = %(rule)s AND subject = ANY(%(subjects)s::text[]) AND state <> 'withdrawn'
  AND proposed_at >= %(since)s
ORDER BY decision_id;

-- name: lines_committed
-- What a rule proposed since an instant and somebody may still agree to, or did.
-- Parameters: rule; since: instant.
-- Rows: many, in order: decision_id, subject, episode, state, proposed_at, actions.
-- Index: decision_newest.
SELECT decision_id, subject, episode, state, proposed_at, actions FROM decisions.decision
WHERE rule = %(rule)s AND proposed_at >= %(since)s
  AND state IN ('proposed', 'approved', 'ordered', 'done')
ORDER BY decision_id;
