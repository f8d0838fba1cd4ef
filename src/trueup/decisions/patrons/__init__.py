"""Customers as patrons: how often each buys, whether they are leaving, what is expected of them."""
