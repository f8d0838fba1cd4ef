"""A simulated Shiprocket account."""
