"""A simulated account at Gorgias."""
