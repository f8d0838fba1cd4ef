"""World stock: brands with several channels, one stock, and everything that goes wrong."""
