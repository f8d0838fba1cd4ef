-- Until when each member has seen what happened; null: they never said so.
ALTER TABLE access.member ADD COLUMN looked_at timestamptz;
