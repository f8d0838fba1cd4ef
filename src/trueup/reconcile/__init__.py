"""Reconciliation: do the books agree, and where they do not, why. It repairs nothing."""
