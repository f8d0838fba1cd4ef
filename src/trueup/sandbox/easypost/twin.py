"""EasyPost's simulated account, as the rules of quality use it."""

from types import MappingProxyType

from trueup.sandbox.clock import ManualClock
from trueup.sandbox.easypost.account import EasyPost
from trueup.sandbox.twin import VendorTwin

__all__ = ["open_twin"]

_HOURS = 160


class EasyPostTwin(VendorTwin[EasyPost]):
    """One account with its key."""

    secrets = MappingProxyType({"api_key": EasyPost.api_key, "webhook_secret": "sandbox-secret"})

    def happen(self, count: int) -> None:
        """Ship, and let the parcels travel to their ends."""
        for number in range(count):
            self.vendor.ship(f"#{1000 + number}")
        self.vendor.travel(_HOURS)


def open_twin() -> EasyPostTwin:
    """Return a fresh account."""
    return EasyPostTwin(EasyPost(ManualClock(), seed=3))
