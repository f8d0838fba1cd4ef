"""What rules about returns go by."""
