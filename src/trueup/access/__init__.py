"""Who of the team may come in, what they may do, and who did what."""
