-- Of the units of which nobody is sure: those that were so when the call under way was claimed. It
-- finds out about them; what became unsure since is for the next.
ALTER TABLE outbox.intent
  ADD COLUMN asked_down integer NOT NULL DEFAULT 0 CHECK (asked_down >= 0),
  ADD COLUMN asked_up integer NOT NULL DEFAULT 0 CHECK (asked_up >= 0);

-- `said_at` is for what lowers a number; this is the same for what raises it. They differ where a
-- number was compared equal that may have been lower: what was raised and not read may be in it.
ALTER TABLE outbox.intent ADD COLUMN said_up_at timestamptz;
UPDATE outbox.intent SET said_up_at = said_at;
