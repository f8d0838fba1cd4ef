"""World flash: everybody wants one SKU at once, on four channels that hear of it late."""
