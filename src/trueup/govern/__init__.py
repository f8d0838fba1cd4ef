"""Govern: keys, people's data, and who may do what."""
