"""The simulated BigCommerce, as the rules of quality use it."""

from collections.abc import Callable, Mapping

from trueup.canon.command import (
    HOLD_NAME,
    CancelOrder,
    CommandContent,
    HoldOrder,
    ReleaseOrder,
    TagOrder,
)
from trueup.contract.connector import Intent
from trueup.sandbox.bigcommerce.model import Order
from trueup.sandbox.bigcommerce.store import STORE_HASH, TOKEN
from trueup.sandbox.bigcommerce.vendor import BigCommerce
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.twin import Twin, VendorTwin

_SKU = "TWIN-KETTLE"
_OPEN, _HELD, _CANCELLED = 11, 12, 5


class BigCommerceTwin(VendorTwin[BigCommerce]):
    """One store with a kettle to be counted."""

    def __init__(self) -> None:
        super().__init__(BigCommerce(ManualClock()))
        self.settings = {"store_hash": STORE_HASH}
        self.secrets = {"access_token": TOKEN, "client_secret": self.vendor.webhook_secret}
        self.vendor.add_product(_SKU, stock=50)
        self._made: dict[str, Order] = {}

    def happen(self, count: int) -> None:
        """Let so many people come, buy, have things sent, and give some back."""
        store = self.vendor
        for number in range(count):
            self.advance(60)
            sku = f"THING-{store.new_id()}"
            store.add_product(sku, f"{sku}-B", stock=9)
            customer = store.add_customer(f"ida{number}@example.dk")
            order = store.order({sku: 2}, off="1.20", customer_id=customer if number % 2 else 0)
            self.advance(5)
            store.ship(order, {sku: 1 + number % 2})
            self.advance(5)
            if number % 3 == 0:
                store.refund(order, {sku: 1}, shipping=number % 2 == 0)
            elif number % 3 == 1:
                store.change(order, 10)
            store.count(f"{sku}-B", 7)

    def contents(self) -> Mapping[str, CommandContent]:
        """Return one command of each kind, about orders of their own."""
        return _commands(self._sold)

    def refused(self) -> Mapping[str, CommandContent]:
        """Return the same for orders that are not there."""
        return _commands(lambda _: "1")

    def done(self, kind: str) -> int:
        """Return how often a command stands done in the store's own books."""
        order = self._made.get(kind)
        if order is None:
            return 0
        kept = "".join(each["value"] for each in order.fields)
        return {
            HoldOrder.command: order.status_id == _HELD and HOLD_NAME in kept,
            ReleaseOrder.command: order.status_id == _OPEN and HOLD_NAME not in kept,
            TagOrder.command: "late" in kept,
            CancelOrder.command: order.status_id == _CANCELLED,
        }[kind]

    def _sold(self, kind: str) -> str:
        """Return the order that a kind of command is about."""
        if kind not in self._made:
            order = self._made[kind] = self.vendor.order({_SKU: 1})
            if kind == ReleaseOrder.command:
                order.fields.append(
                    {
                        "id": self.vendor.new_id(),
                        "namespace": "trueup",
                        "key": "standing",
                        "value": f'{{"holds":["{HOLD_NAME}"],"held_from":{_OPEN}}}',
                    }
                )
                self.vendor.change(order, _HELD)
        return str(self._made[kind].id)

    def intent(self, value: int, expected: int | None) -> Intent:
        """Return the wish to set the stock of the kettle at the first location."""
        variant = self.vendor.by_sku(_SKU)
        target = {
            "sku": _SKU,
            "item_ref": str(variant.id),
            "variant_ref": str(variant.id),
            "product_ref": str(variant.product_id),
            "location_ref": "1",
        }
        return Intent(kind="stock.set", key=_SKU, value=value, expected=expected, target=target)

    def level(self) -> int:
        """Return how many kettles can be sold."""
        return self.vendor.by_sku(_SKU).available(1)

    def meddle(self, delta: int) -> None:
        """Let somebody else change that number."""
        self.vendor.move(self.vendor.by_sku(_SKU), 1, delta)

    def writes(self) -> int:
        """Return how many times stock was set."""
        return self.vendor.worked("stock")


def open_twin() -> Twin:
    """Open a fresh store."""
    return BigCommerceTwin()


def _commands(order_ref: Callable[[str], str]) -> dict[str, CommandContent]:
    contents: tuple[CommandContent, ...] = (
        HoldOrder(order_ref=order_ref(HoldOrder.command)),
        ReleaseOrder(order_ref=order_ref(ReleaseOrder.command)),
        TagOrder(order_ref=order_ref(TagOrder.command), added=("late",)),
        CancelOrder(order_ref=order_ref(CancelOrder.command), refund=False),
    )
    return {content.command: content for content in contents}
