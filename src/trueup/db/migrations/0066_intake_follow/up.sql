-- A carrier is followed as well: asked for single parcels, and when it was last looked which are due.
ALTER TABLE intake.cursor DROP CONSTRAINT cursor_purpose_check;
ALTER TABLE intake.cursor ADD CONSTRAINT cursor_purpose_check
  CHECK (purpose IN ('poll', 'backfill', 'follow'));
