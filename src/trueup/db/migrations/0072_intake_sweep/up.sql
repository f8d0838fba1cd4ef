-- What is told late with an older date is read by sweeps: one cursor for each reach, in seconds.
ALTER TABLE intake.cursor DROP CONSTRAINT cursor_purpose_check;
ALTER TABLE intake.cursor ADD CONSTRAINT cursor_purpose_check
  CHECK (purpose IN ('poll', 'backfill', 'follow') OR purpose ~ '^sweep\.[1-9][0-9]{0,9}$');
