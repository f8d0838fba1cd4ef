"""What goods cost, and what orders earn."""
