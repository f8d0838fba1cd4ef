"""Twilio: SMS of one account."""
