"""A simulated Xero: an organisation's manual journals, tokens that rotate, and its limits."""
