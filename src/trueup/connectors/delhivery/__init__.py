"""Delhivery: parcels within India."""
