"""Intake: what arrived, as bytes, once, before anyone tries to understand it."""
