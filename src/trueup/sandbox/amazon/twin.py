"""Amazon's simulated account, as the rules of quality use it."""

from collections.abc import Mapping

from trueup.canon.command import CommandContent, ConfirmShipment
from trueup.contract.connector import Intent
from trueup.sandbox.amazon.account import Amazon
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.twin import HOST, VendorTwin

__all__ = ["open_twin"]

_SKUS = ("LAMP", "SHADE")
_FBA = "LAMP-FBA"
_TRACKING = "00340000000000000001"
_SETTLE_S = 121.0


class AmazonTwin(VendorTwin[Amazon]):
    """One seller with two listings of his own and one that Amazon sends out."""

    def __init__(self, vendor: Amazon) -> None:
        super().__init__(vendor)
        for sku in _SKUS:
            vendor.list_sku(sku, units=50, price="19.90")
        vendor.list_sku(_FBA, fba_units=500, price="12.50")
        told = vendor.settings(HOST)
        self.settings = {name: value for name, value in told.items() if name != "api_base"}
        self.secrets = vendor.secrets()
        self._orders: dict[bool, str] = {}

    def happen(self, count: int) -> None:
        """Let people buy; orders are paid, sent out, cancelled and settled."""
        vendor = self.vendor
        for number in range(count):
            by_amazon = number % 3 == 2
            sku = _FBA if by_amazon else _SKUS[number % 2]
            order = vendor.buy({sku: 1}, by_amazon=by_amazon, pending=number % 4 == 1)
            self.advance(1)
            if number % 4 == 1:
                vendor.pay(order)
            if by_amazon:
                vendor.send_out(order)
            elif number % 5 == 0:
                vendor.cancel(order)
        vendor.touch(_SKUS[1])
        vendor.settle()
        vendor.put_in_feed({_SKUS[1]: 30})
        self.settle()

    def contents(self) -> Mapping[str, CommandContent]:
        """Return a shipment of an order that waits for it."""
        return {"shipment.confirm": self._shipment(by_amazon=False)}

    def refused(self) -> Mapping[str, CommandContent]:
        """Return a shipment of an order that Amazon sends out itself."""
        return {"shipment.confirm": self._shipment(by_amazon=True)}

    def done(self, kind: str) -> int:
        """Return how many packages Amazon knows of."""
        del kind
        return sum(
            package["trackingNumber"] == _TRACKING
            for order in self.vendor.orders.values()
            for package in order.get("packages", [])
        )

    def settle(self) -> None:
        """Let what was taken in be applied."""
        self.advance(_SETTLE_S)
        self.vendor.apply_due()

    def intent(self, value: int, expected: int | None) -> Intent:
        """Return the wish that the first listing offers so many units."""
        sku = _SKUS[0]
        target = {"sku": sku, "item_ref": sku, "variant_ref": sku, "location_ref": ""}
        return Intent(kind="stock.set", key=sku, value=value, expected=expected, target=target)

    def level(self) -> int:
        """Return what the first listing offers."""
        return self.vendor.units_of(_SKUS[0])

    def meddle(self, delta: int) -> None:
        """Let somebody else change that number."""
        self.vendor.take_units(_SKUS[0], -delta, by_amazon=False)

    def writes(self) -> int:
        """Return how many numbers came to stand there."""
        return self.vendor.applied

    def _shipment(self, *, by_amazon: bool) -> ConfirmShipment:
        if by_amazon not in self._orders:
            sku = _FBA if by_amazon else _SKUS[0]
            self._orders[by_amazon] = self.vendor.buy({sku: 2}, by_amazon=by_amazon)
        order = self.vendor.orders[self._orders[by_amazon]]
        return ConfirmShipment(
            order_ref=order["orderId"],
            carrier="DHL",
            tracking_number=_TRACKING,
            shipped_at=self.now(),
            lines=((order["orderItems"][0]["orderItemId"], 2),),
        )


def open_twin() -> AmazonTwin:
    """Return a fresh account."""
    return AmazonTwin(Amazon(ManualClock(), seed=3))
