"""What rules about tickets share: which wait, what they are about, which order, what is said."""
