"""Records: what each system says of each thing, every version kept, one of them current."""
