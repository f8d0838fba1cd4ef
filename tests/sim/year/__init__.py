"""A year of trade at a simulated shop, with silent failures planted in it, and what finds them."""
