"""Simulated vendors with state, faults and clocks: for the demo, staging and tests."""
