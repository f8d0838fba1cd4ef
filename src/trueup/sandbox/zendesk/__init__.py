"""A simulated account at Zendesk."""
