"""PayPal, out of its settlement reports."""
