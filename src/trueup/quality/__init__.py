"""How good a connector is: rules that run something, and the level they add up to."""
