"""Klaviyo: profiles, consent and what customers did, in both directions."""
