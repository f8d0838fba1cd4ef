-- Units of a channel's own sales and restocks that may or may not be in the number that is believed
-- to stand there: they happened about when it was looked at or written over. The next call finds out.
-- `look`: it shall be made though the number is right, because it was inferred and not seen.
-- `learned_at`: what happened before the hub first saw the number can explain nothing seen later.
ALTER TABLE outbox.intent
  ADD COLUMN unsure_down integer NOT NULL DEFAULT 0 CHECK (unsure_down >= 0),
  ADD COLUMN unsure_up integer NOT NULL DEFAULT 0 CHECK (unsure_up >= 0),
  ADD COLUMN look boolean NOT NULL DEFAULT false,
  ADD COLUMN learned_at timestamptz;
