"""Zendesk: tickets, comments and people in; replies, notes, tags, state and assignment out."""
