"""Journals: the money ledger's days as debits and credits of an accounting system, posted once."""
