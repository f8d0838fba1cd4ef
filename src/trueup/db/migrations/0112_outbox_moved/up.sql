-- What a channel sold, and what it got back, since its number was claimed for a call: a sum of both
-- would hide a sale before the call behind a unit that came back after it.
ALTER TABLE outbox.intent
  ADD COLUMN moved_down integer NOT NULL DEFAULT 0 CHECK (moved_down >= 0),
  ADD COLUMN moved_up integer NOT NULL DEFAULT 0 CHECK (moved_up >= 0);
