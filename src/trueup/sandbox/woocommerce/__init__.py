"""A simulated WooCommerce shop."""
