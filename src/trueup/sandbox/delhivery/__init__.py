"""A simulated Delhivery account."""
