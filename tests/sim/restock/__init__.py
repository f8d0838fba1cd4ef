"""World restock: a brand's year at a shop, reordered by the rule and by the mean of 13 weeks."""
