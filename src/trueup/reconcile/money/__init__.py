"""Reconciliation of money over whole sets: what differs between two books, and why."""
