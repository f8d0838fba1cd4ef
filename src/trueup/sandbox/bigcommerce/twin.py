"""The simulated BigCommerce, as the rules of quality use it."""

from trueup.contract.connector import Intent
from trueup.sandbox.bigcommerce.store import STORE_HASH, TOKEN
from trueup.sandbox.bigcommerce.vendor import BigCommerce
from trueup.sandbox.clock import ManualClock
from trueup.sandbox.twin import Twin, VendorTwin

_SKU = "TWIN-KETTLE"


class BigCommerceTwin(VendorTwin[BigCommerce]):
    """One store with a kettle to be counted."""

    def __init__(self) -> None:
        super().__init__(BigCommerce(ManualClock()))
        self.settings = {"store_hash": STORE_HASH}
        self.secrets = {"access_token": TOKEN, "client_secret": self.vendor.webhook_secret}
        self.vendor.add_product(_SKU, stock=50)

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
