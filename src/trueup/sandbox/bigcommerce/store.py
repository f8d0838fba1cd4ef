"""A simulated BigCommerce store: what people do in it, its limit, and its webhooks."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.errors import ConfigError
from trueup.sandbox.bigcommerce.model import (
    SHIPPING,
    Hook,
    Line,
    Order,
    Product,
    Variant,
    address,
    new_time,
    number,
    old_time,
)
from trueup.sandbox.clock import Clock
from trueup.sandbox.line import Asked, Reply, reply_json
from trueup.sandbox.vendor import Bucket, Vendor
from trueup.sandbox.webhooks import Delivery, WebhookDesk

TOKEN, STORE_HASH = "token-sandbox", "sandboxhash"
RETRIES_S = (60, 180, 300, 600, 900, 1800, 3600, 7200, 21_600, 50_400, 86_400)
WINDOW_S = 30.0


class Window(Bucket):
    """So many calls in each fixed window; what is not used is lost."""

    def __init__(self, quota: int, began_at: datetime) -> None:
        super().__init__(capacity=quota, refill_per_s=quota / WINDOW_S)
        self.quota, self.used, self.began_at = quota, 0, began_at

    def left(self, now: datetime) -> float:
        """Return how many calls the window still allows."""
        passed_s = (now - self.began_at).total_seconds()
        if passed_s >= WINDOW_S:
            self.began_at += timedelta(seconds=passed_s // WINDOW_S * WINDOW_S)
            self.used = 0
        return self.quota - self.used

    def take(self, now: datetime) -> bool:
        """Spend one call, if there is one."""
        if self.left(now) < 1:
            return False
        self.used += 1
        return True

    def wait_s(self, now: datetime) -> float:
        """Return how long until the next window."""
        self.left(now)
        return max(0.0, WINDOW_S - (now - self.began_at).total_seconds())


class _Desk(WebhookDesk):
    """Switches a webhook off when one of its deliveries was tried for two days in vain."""

    store: "BigStore"

    def answered(self, delivery: Delivery, status: int | None, now: datetime) -> None:
        """Note the answer."""
        super().answered(delivery, status, now)
        hook = self.store.hooks.get(delivery.subscription.id)
        if hook is not None and delivery.failures > len(self.retry_delays_s):
            hook.is_active = False
            self.subscriptions.pop(hook.id, None)


class BigStore(Vendor):
    """One store, with 20 % tax in all prices; `token-sandbox` opens it."""

    scheme = VENDOR_SIGNATURES["bigcommerce"].scheme
    limits: ClassVar[Mapping[str, tuple[float, float]]] = {"all": (150, 5.0)}
    retry_delays_s: ClassVar[tuple[float, ...]] = RETRIES_S
    webhook_secret = "client-secret-sandbox"  # noqa: S105 - the sandbox's public secret

    def __init__(self, clock: Clock | None = None, *, seed: int = 0) -> None:
        super().__init__(clock, seed=seed)
        self.products: dict[int, Product] = {}
        self.orders: dict[int, Order] = {}
        self.customers: dict[int, dict[str, Any]] = {}
        self.hooks: dict[int, Hook] = {}
        self.locations: list[int] = [1, 2]
        self.untracked: set[str] = set()
        """SKUs that are listed with their stock, and for which a whole adjustment is refused."""
        self.buckets = {"all": Window(150, self.now())}
        self._last_id = 100
        desk = _Desk(
            random=self.desk.random,
            headers=self.delivery_headers,
            retry_delays_s=self.retry_delays_s,
        )
        desk.store = self
        self.desk = desk

    # -- what people do ------------------------------------------------------------------------

    def add_product(
        self, *skus: str, stock: int = 10, price: str = "12.00", tracking: str = "variant"
    ) -> Product:
        """Put a product with one variant per SKU into the store; all units lie at location 1."""
        product = Product(self.new_id(), f"Thing {skus[0]}", self.now(), tracking)
        for sku in skus:
            on_hand = {place: stock if place == 1 else 0 for place in self.locations}
            product.variants.append(
                Variant(self.new_id(), product.id, sku, Decimal(price), on_hand)
            )
        self.products[product.id] = product
        self.hint("store/product/created", type="product", id=product.id)
        return product

    def add_customer(self, email: str) -> int:
        """Let somebody make an account."""
        ref = self.new_id()
        self._last_id += 1
        own = {
            "first_name": "Ida",
            "last_name": "Holm",
            "address1": "1 Harbour Road",
            "city": "Aarhus",
            "state_or_province": "",
            "postal_code": "8000",
            "country_code": "DK",
        }
        self.customers[ref] = {
            "id": ref,
            "email": email,
            "first_name": "Ida",
            "last_name": "Holm",
            "phone": "",
            "notes": "",
            "date_created": new_time(self.now()),
            "date_modified": new_time(self.now()),
            "addresses": [own | {"id": ref + 1, "customer_id": ref}],
        }
        self.hint("store/customer/created", type="customer", id=ref)
        return ref

    def order(
        self, cart: Mapping[str, int], *, off: str = "0", customer_id: int = 0, status_id: int = 11
    ) -> Order:
        """Let somebody buy units by SKU; `off` is taken off the first line."""
        lines = [Line(self.new_id(), self.by_sku(sku), units) for sku, units in cart.items()]
        lines[0].off = Decimal(off)
        now = self.now()
        order = Order(self.new_id(), lines, now, now, status_id, customer_id, "captured")
        self._last_id += 5  # numbers of its consignment and its taxes
        self.orders[order.id] = order
        for line in lines:
            self.move(line.variant, 1, -line.quantity)
        self.transact(order, "purchase", order.total)
        self.hint("store/order/created", type="order", id=order.id)
        return order

    def ship(self, order: Order, units: Mapping[str, int]) -> dict[str, Any]:
        """Send units of an order."""
        items = []
        for line in order.lines:
            if sent := units.get(line.variant.sku, 0):
                line.shipped += sent
                items.append({"order_product_id": line.id, "quantity": sent})
        shipment = {
            "id": self.new_id(),
            "order_id": order.id,
            "date_created": old_time(self.now()),
            "tracking_number": f"TRK{self._last_id}",
            "tracking_link": "",
            "tracking_carrier": "",
            "shipping_method": "Post",
            "shipping_provider": "usps",
            "shipping_address": address(),
            "items": items,
        }
        order.shipments.append(shipment)
        whole = all(line.shipped == line.quantity for line in order.lines)
        self.hint("store/shipment/created", type="shipment", id=shipment["id"], orderId=order.id)
        self.change(order, 2 if whole else 3)
        return shipment

    def unship(self, order: Order) -> None:
        """Take the last shipment back."""
        shipment = order.shipments.pop()
        for item in shipment["items"]:
            for line in order.lines:
                line.shipped -= item["quantity"] if line.id == item["order_product_id"] else 0
        self.hint("store/shipment/deleted", type="shipment", id=shipment["id"], orderId=order.id)
        self.change(order, 11)

    def refund(self, order: Order, units: Mapping[str, int], *, shipping: bool = False) -> None:
        """Give money for units back."""
        items: list[dict[str, Any]] = []
        amount = Decimal(0)
        for line in order.lines:
            if back := units.get(line.variant.sku, 0):
                line.refunded += back
                part = line.variant.price * back
                amount += part
                items.append(
                    {
                        "item_type": "PRODUCT",
                        "item_id": line.id,
                        "quantity": back,
                        "requested_amount": number(part),
                    }
                )
        if shipping:
            amount += SHIPPING
            fee = {"item_type": "SHIPPING", "item_id": order.id + 1}
            items.append(fee | {"requested_amount": number(SHIPPING)})
        paid = self.transact(order, "refund", amount)
        ref = self.new_id()
        payment = {"id": ref + 1, "provider_id": "stripe", "amount": number(amount)}
        order.refunds.append(
            {
                "id": ref,
                "order_id": order.id,
                "created": new_time(self.now()),
                "reason": "",
                "total_amount": number(amount),
                "total_tax": 0,
                "items": items,
                "payments": [payment | {"is_declined": False, "transaction_id": str(paid)}],
            }
        )
        self._last_id += 1
        self.hint(
            "store/order/refund/created", type="order", id=order.id, refund={"refund_id": ref}
        )
        self.change(order, 14, "partially refunded")

    def change(self, order: Order, status_id: int, payment_status: str = "") -> None:
        """Give an order another status."""
        order.status_id, order.modified_at = status_id, self.now()
        order.payment_status = payment_status or order.payment_status
        self.hint("store/order/updated", type="order", id=order.id)

    def archive(self, order: Order) -> None:
        """Put an order away."""
        order.is_deleted, order.modified_at = True, self.now()
        self.hint("store/order/archived", type="order", id=order.id)

    def count(self, sku: str, on_hand: int, location: int = 1) -> None:
        """Let somebody in the store write another number."""
        variant = self.by_sku(sku)
        self.move(variant, location, on_hand - variant.on_hand[location])

    # -- parts ---------------------------------------------------------------------------------

    def move(self, variant: Variant, location: int, units: int) -> None:
        """Change what lies somewhere, and tell."""
        variant.on_hand[location] += units
        told = {
            "product_id": variant.product_id,
            "variant_id": variant.id,
            "method": "relative",
            "value": units,
        }
        scope = "store/sku/inventory/updated"
        self.hint(scope, type="sku", id=variant.id + 1_000, inventory=told)

    def transact(self, order: Order, event: str, amount: Decimal) -> int:
        """Note a payment transaction."""
        ref = self.new_id()
        order.transactions.append(
            {
                "id": ref,
                "order_id": str(order.id),
                "event": event,
                "method": "credit_card",
                "amount": number(amount),
                "currency": "EUR",
                "gateway": "stripe",
                "gateway_transaction_id": f"ch_{ref}",
                "status": "ok",
                "test": False,
                "date_created": new_time(self.now()),
            }
        )
        return ref

    def hint(self, scope: str, **data: Any) -> None:  # noqa: ANN401 - JSON holds anything
        """Tell that something happened, and not what."""
        body = {
            "scope": scope,
            "store_id": "1001",
            "data": data,
            "hash": self.new_code(40).lower(),
            "created_at": int(self.now().timestamp()),
            "producer": f"stores/{STORE_HASH}",
        }
        self.emit(scope, body)

    def by_sku(self, sku: str) -> Variant:
        """Return a variant."""
        for product in self.products.values():
            for variant in product.variants:
                if variant.sku == sku:
                    return variant
        raise ConfigError(f"The sandbox's store has no {sku!r}.")

    def new_id(self) -> int:
        """Return the next number."""
        self._last_id += 1
        return self._last_id

    # -- the line ------------------------------------------------------------------------------

    def refuse(self, asked: Asked) -> Reply | None:
        """Ask for the token."""
        if asked.headers.get("x-auth-token") == TOKEN:
            return None
        return reply_json(401, {"status": 401, "title": "Unauthorized", "type": "/api-status"})

    def limited(self, bucket: Bucket) -> Reply:
        """Refuse a call until the next window."""
        headers = self.limit_headers("all", bucket)
        return reply_json(429, {"status": 429, "title": "Too many requests", "type": ""}, headers)

    def limit_headers(self, scope: str, bucket: Bucket) -> dict[str, str]:  # noqa: ARG002
        """Return what is left of the window."""
        now = self.now()
        return {
            "X-Rate-Limit-Requests-Left": f"{int(bucket.left(now))}",
            "X-Rate-Limit-Requests-Quota": f"{bucket.capacity:.0f}",
            "X-Rate-Limit-Time-Window-Ms": f"{WINDOW_S * 1000:.0f}",
            "X-Rate-Limit-Time-Reset-Ms": f"{bucket.wait_s(now) * 1000:.0f}",
        }

    def event_headers(self, delivery: Delivery) -> dict[str, str]:
        """Return the delivery's id, the same at each try."""
        return {"webhook-id": delivery.webhook_id}
