"""A simulated WooCommerce shop: its REST API, its webhooks, and what people do in it."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from trueup.contract.delivery import Delivery as Signed
from trueup.contract.delivery import Secret
from trueup.contract.signing import sign
from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.errors import ConfigError
from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import route
from trueup.sandbox.webhooks import Delivery, Event, Subscription, WebhookDesk
from trueup.sandbox.woocommerce.changes import CURRENCY, Changes, fault
from trueup.sandbox.woocommerce.model import (
    RATE,
    Coupon,
    Hook,
    Item,
    Line,
    Order,
    Refund,
    gmt,
    item_body,
    order_body,
    refund_body,
    shown,
    without_tax,
)

KEY, SECRET = "ck_sandbox", "cs_sandbox"
FAILURES_MAX = 5
_SCHEME = VENDOR_SIGNATURES["woocommerce"].scheme
_HELD = frozenset(("processing", "completed", "on-hold"))
_JSON = {"content-type": "application/json"}


class _Desk(WebhookDesk):
    """Sends each delivery once, and switches off who fails too often in a row."""

    shop: "WooShop"

    def answered(self, delivery: Delivery, status: int | None, now: datetime) -> None:
        """Note the answer; redirects count as taken, too."""
        super().answered(delivery, status, now)
        hook = self.shop.hooks.get(delivery.subscription.id)
        if hook is None or delivery.event.topic == "ping":
            return
        if status is not None and 200 <= status < 303:
            hook.failures = 0
        elif hook.failures > FAILURES_MAX:
            hook.status = "disabled"
            self.subscriptions.pop(hook.id, None)
        else:
            hook.failures += 1


class WooShop(Changes):
    """One shop. `ck_sandbox` and `cs_sandbox` open it; prices include 20 % tax."""

    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (20, 5.0)}
    retry_delays_s: ClassVar[tuple[float, ...]] = ()

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.items: dict[int, Item] = {}
        self.orders: dict[int, Order] = {}
        self.coupons: dict[int, Coupon] = {}
        self.customers: dict[int, dict[str, Any]] = {}
        self.hooks: dict[int, Hook] = {}
        self.batch_max = 100
        self.hide_links = False
        self._last_id = 100
        desk = _Desk(random=self.desk.random, headers=self.delivery_headers)
        desk.shop = self
        self.desk = desk

    # -- what people do ------------------------------------------------------------------------

    def add_item(
        self,
        sku: str,
        *,
        stock: int | None = 10,
        price: str = "12.00",
        parent: int = 0,
        manage_stock: bool | str = True,
    ) -> Item:
        """Put a product into the shop, or a variation of `parent`."""
        item = Item(
            self._id(), sku, Decimal(price), stock, self.now(), parent, manage_stock=manage_stock
        )
        self.items[item.id] = item
        if parent:
            self.items[parent].is_variable = True
            self.items[parent].manage_stock = False
            self._touch_item(self.items[parent])
        self._tell("product.created", item_body(item, self._variations(item)))
        return item

    def add_customer(self, email: str) -> int:
        """Let somebody make an account."""
        number = self._id()
        self.customers[number] = {
            "id": number,
            "date_created_gmt": gmt(self.now()),
            "date_modified_gmt": gmt(self.now()),
            "email": email,
            "first_name": "Rui",
            "last_name": "Alves",
            "billing": {"email": email, "city": "Porto", "country": "PT"},
            "shipping": {},
            "meta_data": [],
        }
        self._tell("customer.created", self.customers[number])
        return number

    def order(
        self, cart: Mapping[str, int], *, status: str = "processing", customer_id: int = 0
    ) -> Order:
        """Let somebody buy units by SKU; a paid order takes its units from the shelf."""
        lines = []
        for sku, units in cart.items():
            item = self._by_sku(sku)
            lines.append(Line(self._id(), item, units, without_tax(item.price, units)))
        now = self.now()
        order = Order(self._id(), lines, "rui@example.pt", now, now, customer_id=customer_id)
        self.orders[order.id] = order
        self._set_status(order, status)
        self._tell("order.created", order_body(order))
        return order

    def change(self, order: Order, status: str) -> None:
        """Give an order another status."""
        self._set_status(order, status)
        self._tell("order.updated", order_body(order))

    def show(self, item: Item, status: str) -> None:
        """Give a product another status, and tell of it."""
        item.status = status
        self._touch_item(item)
        self._tell("product.updated", item_body(item, self._variations(item)))

    def new_number(self) -> int:
        """Return the next id."""
        return self._id()

    def refund(self, order: Order, units: Mapping[str, int], *, restock: bool = True) -> Refund:
        """Give money for units back; the checkbox says whether they go back to the shelf."""
        given: dict[int, int] = {}
        amount = Decimal(0)
        for line in order.lines:
            back = units.get(line.item.sku, 0)
            if not back:
                continue
            given[line.id] = back
            amount += line.subtotal * back / line.quantity * (1 + RATE)
            if restock and line.item.stock is not None and line.reduced:
                line.item.stock += back
                line.reduced -= back
                line.restocked += back
        refund = Refund(self._id(), given, shown(amount, 2), self.now(), self._id())
        self._last_id += len(given)
        order.refunds.append(refund)
        order.modified_at = self.now()
        self._tell("order.updated", order_body(order))
        return refund

    def delete(self, order: Order) -> None:
        """Put an order into the bin: only its id is told."""
        order.status, order.modified_at = "trash", self.now()
        self._tell("order.deleted", {"id": order.id})

    def count(self, sku: str, stock: int) -> None:
        """Let somebody in the shop write another number."""
        item = self._by_sku(sku)
        item.stock = stock
        self._touch_item(item)
        self._tell("product.updated", item_body(item, self._variations(item)))

    def stock(self, sku: str) -> int | None:
        """Return how many units the shop counts."""
        return self._by_sku(sku).stock

    # -- webhooks ------------------------------------------------------------------------------

    def delivery_headers(self, delivery: Delivery) -> dict[str, str]:
        """Return what goes with a try; the ping is a form that nobody signed."""
        hook = self.hooks[delivery.subscription.id]
        if delivery.event.topic == "ping":
            return {"content-type": "application/x-www-form-urlencoded"}
        resource, _, event = delivery.event.topic.partition(".")
        headers = {
            **_JSON,
            "x-wc-webhook-source": "https://shop.example/",
            "x-wc-webhook-topic": delivery.event.topic,
            "x-wc-webhook-resource": resource,
            "x-wc-webhook-event": event,
            "x-wc-webhook-id": str(hook.id),
            "x-wc-webhook-delivery-id": self.new_code(32),
        }
        signed = Signed(
            method="POST",
            url=hook.url,
            headers=headers,
            body=delivery.event.body,
            repeated=frozenset(),
        )
        value = hook.secret + ("-corrupt" if delivery.corrupt else "")
        return headers | sign(_SCHEME, signed, Secret(value=value.encode()), self.now())

    def _tell(self, topic: str, body: Mapping[str, Any]) -> None:
        self.emit(topic, dict(body))

    # -- the API -------------------------------------------------------------------------------

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for the key."""
        scheme, _, text = asked.headers.get("authorization", "").partition(" ")
        try:
            pair = base64.b64decode(text).decode()
        except (binascii.Error, UnicodeDecodeError):
            pair = ""
        if scheme == "Basic" and pair == f"{KEY}:{SECRET}":
            return None
        return fault(401, "woocommerce_rest_cannot_view")

    @route("GET", "/wp-json/wc/v3/system_status")
    def _status(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        return reply_json(
            200,
            {
                "environment": {"home_url": "https://shop.example", "version": "10.2.1"},
                "settings": {"currency": CURRENCY},
            },
        )

    @route("GET", "/wp-json/wc/v3/orders")
    def _orders(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        found = [each for each in self.orders.values() if each.status != "trash"]
        changed = self._changed(asked, [(order.modified_at, order) for order in found])
        digits = _digits(asked)
        return self._page(asked, [order_body(order, digits) for order in changed])

    @route("GET", "/wp-json/wc/v3/orders/{id}")
    def _order(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        order = self.orders.get(int(places["id"]))
        if order is None:
            return fault(404, "woocommerce_rest_shop_order_invalid_id")
        return reply_json(200, order_body(order, _digits(asked)))

    @route("GET", "/wp-json/wc/v3/orders/{id}/refunds")
    def _refunds(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        order = self.orders[int(places["id"])]
        digits = _digits(asked)
        return self._page(asked, [refund_body(order, each, digits) for each in order.refunds])

    @route("GET", "/wp-json/wc/v3/products")
    def _products(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        query = dict(asked.query)
        if "sku" in query:  # the one search that finds variations, too
            wanted = {*query["sku"].split(","), query["sku"]}
            found = [item for item in self.items.values() if item.sku in wanted]
        else:
            found = [item for item in self.items.values() if not item.parent]
        changed = self._changed(asked, [(item.modified_at, item) for item in found])
        return self._page(asked, [item_body(i, self._variations(i)) for i in changed])

    @route("GET", "/wp-json/wc/v3/products/{id}")
    def _product(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        item = self.items.get(int(places["id"]))
        if item is None:
            return fault(404, "woocommerce_rest_product_invalid_id")
        return reply_json(200, item_body(item, self._variations(item)))

    @route("GET", "/wp-json/wc/v3/products/{id}/variations")
    def _variation_list(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        found = [i for i in self.items.values() if i.parent == int(places["id"])]
        return self._page(asked, [item_body(item, []) for item in found])

    @route("POST", "/wp-json/wc/v3/products/batch", scope="stock")
    def _batch(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        return self._update(asked, 0)

    @route("POST", "/wp-json/wc/v3/products/{id}/variations/batch", scope="stock")
    def _variation_batch(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        return self._update(asked, int(places["id"]))

    @route("GET", "/wp-json/wc/v3/customers")
    def _customers(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        return self._page(asked, list(self.customers.values()))

    @route("GET", "/wp-json/wc-analytics/reports/stock")
    def _report(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        rows = [
            {
                "id": item.id,
                "parent_id": item.parent,
                "name": item.sku,
                "sku": item.sku,
                "stock_status": "instock",
                "stock_quantity": float(item.stock or 0),
                "manage_stock": item.manage_stock,
                "low_stock_amount": 2,
            }
            for item in self.items.values()
        ]
        return self._page(asked, rows)

    @route("GET", "/wp-json/wc/v3/webhooks")
    def _hooks(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        return self._page(asked, [_hook_body(hook) for hook in self.hooks.values()])

    @route("POST", "/wp-json/wc/v3/webhooks")
    def _make_hook(self, asked: Asked, places: Mapping[str, str]) -> Reply:  # noqa: ARG002
        wish = asked.json()
        resource, _, event = wish.get("topic", "").partition(".")
        known = {"created", "updated", "deleted", "restored"}
        if resource not in {"order", "product", "customer", "coupon"} or event not in known:
            return fault(400, "woocommerce_rest_shop_webhook_invalid_topic")
        subscription = self.subscribe(wish["topic"], wish["delivery_url"])
        hook = Hook(
            subscription.id,
            wish["topic"],
            wish["delivery_url"],
            wish.get("secret") or self.new_code(50),
        )
        self.hooks[hook.id] = hook
        self._ping(subscription)
        return reply_json(201, _hook_body(hook))

    @route("DELETE", "/wp-json/wc/v3/webhooks/{id}")
    def _drop_hook(self, asked: Asked, places: Mapping[str, str]) -> Reply:
        if dict(asked.query).get("force") != "true":
            return fault(501, "woocommerce_rest_trash_not_supported")
        hook = self.hooks.pop(int(places["id"]), None)
        if hook is None:
            return fault(404, "woocommerce_rest_shop_webhook_invalid_id")
        self.desk.subscriptions.pop(hook.id, None)
        return reply_json(200, _hook_body(hook))

    # -- parts ---------------------------------------------------------------------------------

    def failed(self, status: int) -> Reply:
        """Answer a fault as a web server does: with a page for people."""
        return Reply(status=status, body=b"<html>no</html>", content_type="text/html")

    def _ping(self, subscription: Subscription) -> None:
        body = f"webhook_id={subscription.id}".encode()
        ping = Event(topic="ping", body=body, event_id=self.new_uuid(), triggered_at=self.now())
        self.desk.accept(ping, subscription, self.new_uuid(), self.now())

    def _update(self, asked: Asked, parent: int) -> Reply:
        updates = asked.json().get("update", [])
        if len(updates) > self.batch_max:
            return fault(413, "woocommerce_rest_request_entity_too_large")
        told = [self._set_stock(update, parent) for update in updates]
        return reply_json(200, {"update": told})

    def _set_stock(self, update: Mapping[str, Any], parent: int) -> dict[str, Any]:
        item = self.items.get(update["id"])
        if item is None or item.parent != parent:
            code = "woocommerce_rest_product_invalid_id"
            return {"id": update["id"], "error": {"code": code, "message": "Invalid ID."}}
        item.manage_stock, item.stock = update["manage_stock"], update["stock_quantity"]
        self._touch_item(item)
        body = item_body(item, self._variations(item))
        self._tell("product.updated", body)
        return body

    def _page(self, asked: Asked, rows: list[dict[str, Any]]) -> Reply:
        query = dict(asked.query)
        size, number = int(query.get("per_page", "10")), int(query.get("page", "1"))
        if not 1 <= size <= 100:
            return fault(400, "rest_invalid_param")
        rows = sorted(rows, key=lambda row: int(row["id"]))
        pages = -(-len(rows) // size)
        headers = {
            "X-WP-Total": str(len(rows)),
            "X-WP-TotalPages": str(pages),
            "Date": self.now().strftime("%a, %d %b %Y %H:%M:%S GMT"),
        }
        links = [
            f'<https://shop.example{asked.path}?per_page={size}&page={number - 1}>; rel="prev"'
        ]
        links = links if number > 1 else []
        if number < pages:
            following = f"https://shop.example{asked.path}?per_page={size}&page={number + 1}"
            links.append(f'<{following}>; rel="next"')
        if links and not self.hide_links:
            headers["Link"] = ", ".join(links)
        return reply_json(200, rows[size * (number - 1) : size * number], headers)

    def _changed(self, asked: Asked, stamped: Iterable[tuple[datetime, Any]]) -> list[Any]:
        query = dict(asked.query)
        after = query.get("modified_after")
        if after is None:
            return [each for _, each in stamped]
        at = datetime.fromisoformat(after).replace(tzinfo=UTC)
        if query.get("dates_are_gmt") != "true":
            at -= timedelta(hours=1)  # else it is taken for the shop's own time
        return [each for changed_at, each in stamped if changed_at.replace(microsecond=0) > at]

    def _set_status(self, order: Order, status: str) -> None:
        held, holds = order.status in _HELD, status in _HELD
        for line in order.lines if held != holds else ():
            if line.item.stock is None or line.item.manage_stock is not True:
                continue
            units = line.quantity if holds else -line.reduced
            line.item.stock -= units
            line.reduced += units
        now = self.now()
        order.status, order.modified_at = status, now
        if status in {"processing", "completed"} and order.paid_at is None:
            order.paid_at, order.transaction_id = now, f"pi_{order.id}"
        if status == "completed":
            order.completed_at = now

    def _touch_item(self, item: Item) -> None:
        item.modified_at = self.now()

    def _variations(self, item: Item) -> list[int]:
        return [each.id for each in self.items.values() if each.parent == item.id]

    def _by_sku(self, sku: str) -> Item:
        for item in self.items.values():
            if item.sku == sku:
                return item
        raise ConfigError(f"The sandbox's shop has no {sku!r}.")

    def _id(self) -> int:
        self._last_id += 1
        return self._last_id


def _hook_body(hook: Hook) -> dict[str, Any]:
    return {
        "id": hook.id,
        "name": hook.topic,
        "status": hook.status,
        "topic": hook.topic,
        "delivery_url": hook.url,
    }


def _digits(asked: Asked) -> int:
    return int(dict(asked.query).get("dp", "2"))
