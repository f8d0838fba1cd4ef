-- Replies come out of order: what an older call was told of the budget does not count any more.
ALTER TABLE outbox.budget ADD COLUMN learned_at timestamptz;
