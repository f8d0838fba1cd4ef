"""Rules that a person writes: when a record of a kind, if some fields, then one deed."""
