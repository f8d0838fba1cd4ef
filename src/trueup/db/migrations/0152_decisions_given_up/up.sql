-- A decision whose command a person gave up ends; it had stayed ordered for ever.
ALTER TABLE decisions.decision DROP CONSTRAINT decision_state_check;
ALTER TABLE decisions.decision ADD CONSTRAINT decision_state_check CHECK (state IN ('shadow',
  'proposed', 'approved', 'ordered', 'done', 'failed', 'discarded', 'refused', 'withdrawn', 'lapsed'));
