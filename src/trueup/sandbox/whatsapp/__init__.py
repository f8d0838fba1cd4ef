"""A simulated WhatsApp Business account."""
