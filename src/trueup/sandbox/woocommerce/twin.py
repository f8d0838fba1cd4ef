"""The simulated WooCommerce, as the rules of quality use it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from trueup.canon.command import (
    HOLD_NAME,
    CancelOrder,
    CommandContent,
    CreateDiscount,
    HoldOrder,
    PublishListing,
    ReleaseOrder,
    TagOrder,
)
from trueup.contract.connector import Intent
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.twin import Heard, Twin, VendorTwin
from trueup.sandbox.woocommerce.model import Coupon, Order
from trueup.sandbox.woocommerce.shop import KEY, SECRET, WooShop

_SKU = "TWIN-LAMP"
_CODE = "TWIN-10"


class WooCommerceTwin(VendorTwin[WooShop]):
    """One shop with a lamp to be counted."""

    def __init__(self) -> None:
        super().__init__(WooShop(ManualClock()))
        self.settings = {"shop_url": self.host}
        self.secrets = {
            "consumer_key": KEY,
            "consumer_secret": SECRET,
            "webhook_secret": "a-secret-of-the-twin",
        }
        self._lamp = self.vendor.add_item(_SKU, stock=50)
        self._made: dict[str, Order] = {}

    def happen(self, count: int) -> None:
        """Let so many people come, buy, and some have their orders completed or refunded."""
        shop = self.vendor
        for number in range(count):
            self.advance(60)
            parent = shop.add_item(f"SHIRT-{len(shop.items)}", stock=None)
            sku = f"SHIRT-{len(shop.items)}-S"
            shop.add_item(sku, parent=parent.id, price="10.00")
            customer = shop.add_customer(f"rui{number}@example.pt")
            order = shop.order({sku: 1 + number % 3}, customer_id=customer if number % 2 else 0)
            self.advance(5)
            if number % 3 == 0:
                shop.change(order, "completed")
                self.advance(5)
                shop.refund(order, {sku: 1}, restock=number % 2 == 0)
            elif number % 3 == 1:
                shop.change(order, "cancelled")
            self.advance(5)
            shop.count(sku, 7)

    def heard(self) -> Sequence[Heard]:
        """Return the webhooks that came since; the pings are turned away as everywhere."""
        return [each for each in super().heard() if "json" in each.headers["content-type"]]

    def contents(self) -> Mapping[str, CommandContent]:
        """Return one command of each kind, about orders of their own."""
        return self._orders(self._sold)

    def refused(self) -> Mapping[str, CommandContent]:
        """Return the same for orders that are done or not there, and for a code that is taken."""
        self.vendor.coupons[1] = Coupon(1, _CODE.lower(), {})
        done = self.vendor.order({_SKU: 1}, status="completed")
        return self._orders(lambda kind: str(done.id) if kind == CancelOrder.command else "1")

    def done(self, kind: str) -> int:
        """Return how often a command stands done in the shop's own books."""
        if kind == CreateDiscount.command:
            return sum("meta_data" in each.wish for each in self.vendor.coupons.values())
        if kind == PublishListing.command:
            return int(self._lamp.status == "draft")
        order = self._made.get(kind)
        if order is None:
            return 0
        return {
            HoldOrder.command: order.status == "on-hold",
            ReleaseOrder.command: order.status == "processing",
            TagOrder.command: order.meta.get("trueup_tags") == "late",
            CancelOrder.command: order.status == "cancelled",
        }[kind]

    def _sold(self, kind: str) -> str:
        """Return what a kind of command is about: an order of its own, or the lamp."""
        if kind == PublishListing.command:
            return str(self._lamp.id)
        if kind not in self._made:
            order = self._made[kind] = self.vendor.order({_SKU: 1})
            if kind == ReleaseOrder.command:
                order.meta = {"_trueup_holds": HOLD_NAME, "_trueup_held_from": order.status}
                self.vendor.change(order, "on-hold")
        return str(self._made[kind].id)

    def _orders(self, order_ref: Callable[[str], str]) -> dict[str, CommandContent]:
        now = self.now()
        contents: tuple[CommandContent, ...] = (
            PublishListing(product_ref=order_ref(PublishListing.command), published=False),
            HoldOrder(order_ref=order_ref(HoldOrder.command)),
            ReleaseOrder(order_ref=order_ref(ReleaseOrder.command)),
            TagOrder(order_ref=order_ref(TagOrder.command), added=("late",)),
            CancelOrder(order_ref=order_ref(CancelOrder.command), refund=False),
            CreateDiscount(code=_CODE, percent=10, starts_at=now, ends_at=now + timedelta(days=30)),
        )
        return {content.command: content for content in contents}

    def intent(self, value: int, expected: int | None) -> Intent:
        """Return the wish to set the stock of the lamp."""
        ref = str(self._lamp.id)
        target = {"sku": _SKU, "item_ref": ref, "variant_ref": ref, "product_ref": ref}
        target["location_ref"] = ""
        return Intent(kind="stock.set", key=_SKU, value=value, expected=expected, target=target)

    def level(self) -> int:
        """Return how many lamps the shop counts."""
        return self._lamp.stock or 0

    def meddle(self, delta: int) -> None:
        """Let somebody else change that number."""
        self.vendor.count(_SKU, self.level() + delta)

    def writes(self) -> int:
        """Return how many times stock was set."""
        return self.vendor.worked("stock")


def open_twin() -> Twin:
    """Open a fresh shop."""
    return WooCommerceTwin()
