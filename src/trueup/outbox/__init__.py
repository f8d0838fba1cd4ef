"""The outbox: what shall stand at the vendors, told to each once."""
