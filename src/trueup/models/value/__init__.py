"""Who buys again, when, how often, and for how much: from when each customer bought before."""
