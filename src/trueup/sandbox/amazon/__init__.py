"""A simulated seller's account at Amazon: orders, listings, FBA, feeds, reports and a queue."""

from trueup.sandbox.amazon.account import Amazon

__all__ = ["Amazon"]
