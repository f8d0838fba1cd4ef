-- A command that is of no use, or not allowed, after an instant; and one that was taken back.
ALTER TABLE outbox.command ADD COLUMN not_after timestamptz;
ALTER TABLE outbox.command DROP CONSTRAINT command_state_check;
ALTER TABLE outbox.command ADD CONSTRAINT command_state_check CHECK (state IN ('due', 'sending',
  'unknown', 'submitted', 'done', 'refused', 'dead', 'discarded', 'withdrawn'));
