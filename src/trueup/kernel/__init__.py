"""The kernel: money, quantity, time, ids and limits. Pure; depends on nothing."""
