"""The demo: two sandbox shops of one brand, one stock, a busy day with faults, and the proof."""
