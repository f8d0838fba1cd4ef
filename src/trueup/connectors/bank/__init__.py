"""Statements of banks, out of files: CAMT, MT940, OFX and tables."""
