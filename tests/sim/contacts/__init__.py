"""World contacts: customers of many zones, rules that write to them, vendors that are away."""
