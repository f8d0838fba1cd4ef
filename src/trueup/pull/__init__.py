"""Pulling: what vendors have is read page by page or in one export, and goes into the log."""
