"""Manual: what people and files of our own report."""
