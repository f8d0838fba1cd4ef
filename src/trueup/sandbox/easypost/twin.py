"""EasyPost's simulated account, as the rules of quality use it."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import msgspec

from trueup.canon.command import CommandContent
from trueup.canon.customer import Address
from trueup.canon.postage import BuyLabel, VoidLabel
from trueup.kernel.money import Money
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.easypost import bodies
from trueup.sandbox.easypost.account import EasyPost
from trueup.sandbox.journey import Travelling
from trueup.sandbox.twin import VendorTwin

__all__ = ["open_twin"]

_HOURS = 160
_HERE = Address(
    company="Example Atelier",
    lines=("1 Mill Road",),
    city="Reno",
    province="NV",
    postcode="89501",
    country="US",
)
_THERE = Address(
    name="Ines Example",
    lines=("7 Linden Street",),
    city="Boise",
    province="ID",
    postcode="83702",
    country="US",
)


class EasyPostTwin(VendorTwin[EasyPost]):
    """One account with its key."""

    def __init__(self, vendor: EasyPost) -> None:
        super().__init__(vendor)
        self._ready: set[str] = set()

    secrets = MappingProxyType({"api_key": EasyPost.api_key, "webhook_secret": "sandbox-secret"})

    def happen(self, count: int) -> None:
        """Ship, and let the parcels travel to their ends."""
        for number in range(count):
            self.vendor.ship(f"#{1000 + number}")
        self.vendor.travel(_HOURS)

    def contents(self) -> Mapping[str, CommandContent]:
        """Return a label to be bought, and one that was bought and is taken back."""
        parcel = self._bought()
        parcel.coming.clear()  # nobody hands it over
        return self._orders(_THERE, bodies.tracker_id(parcel))

    def refused(self) -> Mapping[str, CommandContent]:
        """Return a label to where no carrier goes, and one whose parcel was scanned."""
        scanned = self._bought()
        self.vendor.travel(_HOURS)
        nowhere = msgspec.structs.replace(_THERE, postcode="00000")
        return self._orders(nowhere, bodies.tracker_id(scanned))

    def done(self, kind: str) -> int:
        """Return how many labels were paid for, or are paid back, by the account's own books."""
        labels = self.vendor.labels.values()
        if kind == VoidLabel.command:
            return sum(label.refund_status is not None for label in labels)
        return sum(label.paid is not None and label.id not in self._ready for label in labels)

    def _orders(self, there: Address, bought: str) -> dict[str, CommandContent]:
        contents: tuple[CommandContent, ...] = (
            BuyLabel(
                number="#1001",
                sender=_HERE,
                recipient=there,
                weight_g=450,
                price_max=Money(Decimal("12.00"), "USD"),
            ),
            VoidLabel(parcel_ref=bought),
        )
        return {content.command: content for content in contents}

    def _bought(self) -> Travelling:
        """Buy a label by hand; returns its parcel."""
        side = {"street1": "1 Mill Road", "city": "Reno", "zip": "89501", "country": "US"}
        label = self.vendor.new_label(
            {"from_address": side, "to_address": side, "parcel": {"weight": 16}}
        )
        self._ready.add(label.id)
        return self.vendor.pay(label, label.rates[2])


def open_twin() -> EasyPostTwin:
    """Return a fresh account."""
    return EasyPostTwin(EasyPost(ManualClock(), seed=3))
