-- When a number was last said at a vendor that sets it without comparing: what the channel sold
-- before that was written over, so it lowers the number there no more.
ALTER TABLE outbox.intent ADD COLUMN said_at timestamptz;
