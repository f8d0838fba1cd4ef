-- A form that is sent twice says what it says once: its key is kept with what it did.
ALTER TABLE reconcile.exception_note ADD COLUMN key text;
CREATE UNIQUE INDEX exception_note_key ON reconcile.exception_note (exception_id, key)
  WHERE key IS NOT NULL;
