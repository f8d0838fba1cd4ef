-- How many of the units that dropped may be sales that were read already. A vendor that writes over
-- what stands there loses the sales before it; whether a sale that was read late came before or after
-- nobody knows, and so it explains nothing for sure.
ALTER TABLE outbox.intent
  ADD COLUMN dropped_unsure integer NOT NULL DEFAULT 0 CHECK (dropped_unsure >= 0);
