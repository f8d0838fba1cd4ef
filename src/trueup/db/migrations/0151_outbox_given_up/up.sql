-- Who said that a command shall not be done, or was done by hand: what ordered it ends in their name.
ALTER TABLE outbox.command ADD COLUMN discarded_by text;
