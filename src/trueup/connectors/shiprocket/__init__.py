"""Shiprocket: one interface to India's couriers."""
