"""Shiprocket's simulated account, as the rules of quality use it."""

from types import MappingProxyType

from trueup.sandbox.clock import ManualClock
from trueup.sandbox.shiprocket.account import Shiprocket
from trueup.sandbox.twin import VendorTwin

__all__ = ["open_twin"]

_HOURS = 160


class ShiprocketTwin(VendorTwin[Shiprocket]):
    """One account with its API user, who signs in first."""

    settings = MappingProxyType({"email": Shiprocket.email})
    secrets = MappingProxyType({"password": Shiprocket.password})

    def happen(self, count: int) -> None:
        """Ship, and let the parcels travel to their ends."""
        for number in range(count):
            self.vendor.ship(f"#{1000 + number}")
        self.vendor.travel(_HOURS)


def open_twin() -> ShiprocketTwin:
    """Return a fresh account."""
    return ShiprocketTwin(Shiprocket(ManualClock(), seed=3))
