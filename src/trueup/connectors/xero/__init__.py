"""Xero: the manual journals of one organisation."""
