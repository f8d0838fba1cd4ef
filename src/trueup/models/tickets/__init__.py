"""What a ticket is about, why it came, and how soon it wants a person."""
