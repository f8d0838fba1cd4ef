"""Models: what is learned from the brand's own past, each held beside the rule below it."""
