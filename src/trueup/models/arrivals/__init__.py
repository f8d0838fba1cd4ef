"""When a parcel will come, by its route; how likely it is late; and whether it is stuck."""
