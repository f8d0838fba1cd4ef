"""How much of each SKU will be sold, with intervals: from what was sold on days with stock."""
