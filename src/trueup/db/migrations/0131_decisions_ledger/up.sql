-- What the hub proposed to do, by which rule and on what facts, who agreed, and what came of it.
CREATE SCHEMA decisions;

CREATE TABLE decisions.decision (
  decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rule text NOT NULL,
  version integer NOT NULL CHECK (version > 0),
  mode text NOT NULL CHECK (mode IN ('shadow', 'ask', 'auto')),
  -- What it is about, and which time of that: of one episode there is one decision.
  subject text NOT NULL,
  episode text NOT NULL,
  facts jsonb NOT NULL,
  digest bytea NOT NULL,
  evidence text[] NOT NULL,
  reason text NOT NULL,
  actions jsonb NOT NULL,
  effect jsonb,
  alternatives jsonb NOT NULL DEFAULT '[]',
  state text NOT NULL CHECK (state IN
    ('shadow', 'proposed', 'approved', 'ordered', 'done', 'failed', 'refused', 'withdrawn', 'lapsed')),
  proposed_at timestamptz NOT NULL,
  lapses_at timestamptz NOT NULL,
  decided_at timestamptz,
  decided_by text,
  ordered_at timestamptz,
  ended_at timestamptz,
  -- What came of what it was to change, once that can be known.
  outcome numeric,
  measured_at timestamptz,
  UNIQUE (rule, subject, episode)
);
CREATE INDEX decision_open ON decisions.decision (state, decision_id)
  WHERE state IN ('proposed', 'approved', 'ordered');
CREATE INDEX decision_of_day ON decisions.decision (rule, ordered_at) WHERE ordered_at IS NOT NULL;
CREATE INDEX decision_unmeasured ON decisions.decision (rule, decision_id)
  WHERE measured_at IS NULL AND effect IS NOT NULL;
CREATE INDEX decision_newest ON decisions.decision (rule, decision_id);

-- What happened to each, and why: append-only.
CREATE TABLE decisions.step (
  step_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  decision_id bigint NOT NULL REFERENCES decisions.decision,
  at timestamptz NOT NULL,
  did text NOT NULL,
  done_by text NOT NULL,
  why text NOT NULL DEFAULT ''
);
CREATE INDEX step_of ON decisions.step (decision_id);

-- How far each rule may go, as people said: append-only, the newest counts. The rule '*' is the
-- switch that stops them all.
CREATE TABLE decisions.leave (
  leave_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rule text NOT NULL,
  mode text NOT NULL CHECK (mode IN ('off', 'shadow', 'ask', 'auto')),
  given_at timestamptz NOT NULL,
  given_by text NOT NULL,
  why text NOT NULL DEFAULT ''
);
CREATE INDEX leave_newest ON decisions.leave (rule, leave_id);

-- What each rule would have done in the brand's own past.
CREATE TABLE decisions.replay (
  replay_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  rule text NOT NULL,
  version integer NOT NULL,
  settings jsonb NOT NULL,
  since date NOT NULL,
  until date NOT NULL,
  figures jsonb NOT NULL,
  played_at timestamptz NOT NULL
);
CREATE INDEX replay_newest ON decisions.replay (rule, replay_id);

CREATE FUNCTION decisions.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions.step
  FOR EACH STATEMENT EXECUTE FUNCTION decisions.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions.leave
  FOR EACH STATEMENT EXECUTE FUNCTION decisions.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions.replay
  FOR EACH STATEMENT EXECUTE FUNCTION decisions.refuse_change();

SELECT trueup_meta.grant_to('trueup_worker', 'USAGE ON SCHEMA decisions');
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT, UPDATE ON decisions.decision');
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT ON decisions.step');
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT ON decisions.leave');
SELECT trueup_meta.grant_to('trueup_worker', 'SELECT, INSERT ON decisions.replay');
SELECT trueup_meta.grant_to('trueup_reader', 'USAGE ON SCHEMA decisions');
SELECT trueup_meta.grant_to('trueup_reader',
  'SELECT ON decisions.decision, decisions.step, decisions.leave, decisions.replay');
