"""A simulated Twilio account."""
