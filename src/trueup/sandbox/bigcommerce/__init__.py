"""A simulated BigCommerce store."""
