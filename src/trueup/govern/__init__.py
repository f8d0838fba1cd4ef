"""Govern: keys and people's data."""
