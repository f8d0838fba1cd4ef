"""What an app changes in a simulated shop: orders, and coupons."""

from collections.abc import Mapping
from typing import Any

from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import Vendor, route
from trueup.sandbox.woocommerce.model import Coupon, Item, Order, item_body, order_body

_STATUSES = frozenset(
    ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed")
)
CURRENCY = "EUR"


def fault(status: int, code: str) -> Reply:
    """Return an error as WooCommerce writes it."""
    return reply_json(status, {"code": code, "message": "No.", "data": {"status": status}})


class Changes(Vendor):
    """The routes that write; `keeps` may forget what an app wrote, as a plugin of the shop does."""

    orders: dict[int, Order]
    coupons: dict[int, Coupon]
    items: dict[int, Item]
    keeps = True

    def change(self, order: Order, status: str) -> None:
        """Give an order another status, and tell of it."""
        raise NotImplementedError

    def show(self, item: Item, status: str) -> None:
        """Give a product another status, and tell of it."""
        raise NotImplementedError

    def new_number(self) -> int:
        """Return the next id."""
        raise NotImplementedError

    @route("PUT", "/wp-json/wc/v3/orders/{id}", scope="orders")
    def _change_order(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        order = self.orders.get(int(places["id"]))
        wish = asked.json()
        if order is None:
            return fault(400, "woocommerce_rest_shop_order_invalid_id")
        status = wish.get("status", order.status)
        if status not in _STATUSES:
            return fault(400, "rest_invalid_param")
        if self.keeps:
            order.meta |= {each["key"]: each["value"] for each in wish.get("meta_data", ())}
            self.change(order, status)
        return reply_json(200, order_body(order))

    @route("PUT", "/wp-json/wc/v3/products/{id}", scope="products")
    def _change_item(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        item = self.items.get(int(places["id"]))
        if item is None:
            return fault(400, "woocommerce_rest_product_invalid_id")
        if self.keeps:
            self.show(item, asked.json()["status"])
        return reply_json(200, item_body(item, []))

    @route("GET", "/wp-json/wc/v3/data/currencies/current")
    def _currency(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        return reply_json(200, {"code": CURRENCY, "name": "Euro", "symbol": "&euro;"})

    @route("GET", "/wp-json/wc/v3/coupons")
    def _coupons(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        code = dict(asked.query).get("code", "").lower()
        found = [each for each in self.coupons.values() if not code or each.code == code]
        return reply_json(200, [_coupon_body(each) for each in found])

    @route("POST", "/wp-json/wc/v3/coupons", scope="coupons")
    def _make_coupon(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        wish = asked.json()
        code = wish["code"].lower()
        if any(each.code == code for each in self.coupons.values()):
            return fault(400, "woocommerce_rest_coupon_code_already_exists")
        made = Coupon(self.new_number(), code, wish)
        self.coupons[made.id] = made
        return reply_json(201, _coupon_body(made))


def _coupon_body(coupon: Coupon) -> dict[str, Any]:
    meta = [{"id": n, **each} for n, each in enumerate(coupon.wish.get("meta_data", ()))]
    return {"id": coupon.id, **coupon.wish, "code": coupon.code, "meta_data": meta}
