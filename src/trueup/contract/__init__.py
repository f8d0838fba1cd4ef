"""What a connector is made of: its manifest, its protocols, and the ways in and out."""
