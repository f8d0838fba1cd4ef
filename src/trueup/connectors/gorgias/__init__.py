"""Gorgias: tickets and messages in; notes, replies, tags, state and assignment out."""
