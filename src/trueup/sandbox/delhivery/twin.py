"""Delhivery's simulated account, as the rules of quality use it."""

from types import MappingProxyType

from trueup.sandbox.clock import ManualClock
from trueup.sandbox.delhivery.account import Delhivery
from trueup.sandbox.twin import VendorTwin

__all__ = ["open_twin"]

_HOURS = 160


class DelhiveryTwin(VendorTwin[Delhivery]):
    """One account with its token."""

    secrets = MappingProxyType({"api_token": Delhivery.api_token})

    def happen(self, count: int) -> None:
        """Ship, and let the parcels travel to their ends."""
        for number in range(count):
            self.vendor.ship(f"#{1000 + number}")
        self.vendor.travel(_HOURS)


def open_twin() -> DelhiveryTwin:
    """Return a fresh account."""
    return DelhiveryTwin(Delhivery(ManualClock(), seed=3))
