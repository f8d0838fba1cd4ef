"""The ledger: every unit is somewhere, and each move has two ends."""
