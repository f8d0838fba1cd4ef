"""Slack: messages to the team, and what is said in the channels that our app is in."""
