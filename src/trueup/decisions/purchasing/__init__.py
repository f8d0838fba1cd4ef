"""How much to order of what runs out, and what that would have come to on the brand's own past."""
