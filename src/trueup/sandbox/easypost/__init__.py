"""A simulated EasyPost account."""
