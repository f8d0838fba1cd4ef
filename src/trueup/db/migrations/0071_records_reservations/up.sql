-- A reservation is looked for by its ref alone, whichever connection of ours it was made under.
CREATE INDEX record_reservation ON records.record (ref) WHERE kind = 'reservation';
