"""Writing to customers: what is said, when, to whom, and that it is said once."""
