-- Since when a line reads a record: what one that died had taken is told from what waits for a retry.
ALTER TABLE outbox.fetch ADD COLUMN taken_at timestamptz;
