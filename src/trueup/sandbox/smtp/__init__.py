"""A simulated mail server, with mailboxes behind it."""
