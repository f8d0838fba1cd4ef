"""Amazon: orders, FBA stock, listings, settlements and notifications by the Selling Partner API."""
