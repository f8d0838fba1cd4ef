-- How each member reads numbers and instants; empty: as everybody does, and in the browser's zone.
ALTER TABLE access.member
  ADD COLUMN numbers text NOT NULL DEFAULT '',
  ADD COLUMN zone text NOT NULL DEFAULT '' CHECK (length(zone) <= 60);
