"""Stripe: payments, refunds, disputes, its own account line by line, and payouts."""
