"""What a simulated BigCommerce store holds, and how it writes it down."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import msgspec

SHIPPING = Decimal("6.00")
RATE = Decimal(20)
_FIFTH = Decimal(6)
"""Of an amount with 20 % tax, a sixth is tax."""


@dataclass(slots=True)
class Variant:
    """One variant with its units on hand by location."""

    id: int
    product_id: int
    sku: str
    price: Decimal
    on_hand: dict[int, int]
    safety_stock: int = 0

    def available(self, location: int) -> int:
        """Return what can be sold from there."""
        return self.on_hand[location] - self.safety_stock


@dataclass(slots=True)
class Product:
    """One product."""

    id: int
    name: str
    modified_at: datetime
    tracking: str = "variant"
    variants: list[Variant] = field(default_factory=list)


@dataclass(slots=True)
class Line:
    """One line of an order."""

    id: int
    variant: Variant
    quantity: int
    off: Decimal = Decimal(0)
    refunded: int = 0
    shipped: int = 0

    @property
    def total(self) -> Decimal:
        """All units with tax, before what was taken off."""
        return self.variant.price * self.quantity


@dataclass(slots=True)
class Order:
    """One order with everything that followed it."""

    id: int
    lines: list[Line]
    created_at: datetime
    modified_at: datetime
    status_id: int
    customer_id: int = 0
    payment_status: str = ""
    is_deleted: bool = False
    shipments: list[dict[str, Any]] = field(default_factory=list)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    transactions: list[dict[str, Any]] = field(default_factory=list)
    fields: list[dict[str, Any]] = field(default_factory=list)

    @property
    def goods(self) -> Decimal:
        """All lines with tax, before what was taken off."""
        return sum((line.total for line in self.lines), Decimal(0))

    @property
    def off(self) -> Decimal:
        """What coupons took off."""
        return sum((line.off for line in self.lines), Decimal(0))

    @property
    def total(self) -> Decimal:
        """Everything."""
        return self.goods - self.off + SHIPPING

    @property
    def tax(self) -> Decimal:
        """What of it is tax."""
        return (self.total / _FIFTH).quantize(Decimal("0.0001"))


@dataclass(slots=True)
class Hook:
    """A webhook."""

    id: int
    scope: str
    destination: str
    is_active: bool = True


def number(amount: Decimal) -> msgspec.Raw:
    """Return an amount as newer calls write it: a JSON number."""
    return msgspec.Raw(str(amount).encode())


def text(amount: Decimal) -> str:
    """Return an amount as older calls write it."""
    return f"{amount:.4f}"


def old_time(at: datetime) -> str:
    """Return an instant as older calls write it."""
    return format_datetime(at.replace(microsecond=0))


def new_time(at: datetime) -> str:
    """Return an instant as newer calls write it."""
    return at.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def address() -> dict[str, Any]:
    """Return where everybody lives."""
    return {
        "first_name": "Ida",
        "last_name": "Holm",
        "company": "",
        "street_1": "1 Harbour Road",
        "street_2": "",
        "city": "Aarhus",
        "state": "",
        "zip": "8000",
        "country": "Denmark",
        "country_iso2": "DK",
        "phone": "+45 00 00 00 00",
        "email": "ida@example.dk",
    }


def line_body(order: Order, line: Line) -> dict[str, Any]:
    """Return one line."""
    off = [{"id": "coupon", "amount": text(line.off), "name": "Ten", "code": "TEN"}]
    return {
        "id": line.id,
        "order_id": order.id,
        "product_id": line.variant.product_id,
        "variant_id": line.variant.id,
        "name": f"Thing {line.variant.sku}",
        "sku": line.variant.sku,
        "type": "physical",
        "quantity": line.quantity,
        "quantity_refunded": line.refunded,
        "quantity_shipped": line.shipped,
        "price_inc_tax": text(line.variant.price),
        "total_inc_tax": text(line.total),
        "total_tax": text(line.total / _FIFTH),
        "applied_discounts": off if line.off else [],
        "discounted_total_inc_tax": text(line.total - line.off),
        "parent_order_product_id": None,
    }


def head_body(order: Order) -> dict[str, Any]:
    """Return what a list tells of an order: its head."""
    return {
        "id": order.id,
        "customer_id": order.customer_id,
        "date_created": old_time(order.created_at),
        "date_modified": old_time(order.modified_at),
        "date_shipped": "",
        "status_id": order.status_id,
        "status": f"Status {order.status_id}",
        "subtotal_inc_tax": text(order.goods),
        "shipping_cost_inc_tax": text(SHIPPING),
        "handling_cost_inc_tax": "0.0000",
        "wrapping_cost_inc_tax": "0.0000",
        "total_inc_tax": text(order.total),
        "total_tax": text(order.tax),
        "discount_amount": "0.0000",
        "coupon_discount": text(order.off),
        "items_total": sum(line.quantity for line in order.lines),
        "items_shipped": sum(line.shipped for line in order.lines),
        "payment_status": order.payment_status,
        "payment_provider_id": "",
        "refunded_amount": "0.0000",
        "currency_code": "EUR",
        "default_currency_code": "EUR",
        "ip_address": "203.0.113.44",
        "customer_message": "",
        "staff_notes": "",
        "billing_address": address(),
        "order_source": "www",
        "external_id": None,
        "is_deleted": order.is_deleted,
    }


def order_body(order: Order) -> dict[str, Any]:
    """Return an order with its lines and fees."""
    way = address() | {
        "id": order.id + 1,
        "shipping_method": "Post",
        "cost_inc_tax": number(SHIPPING),
        "line_items": [line_body(order, line) for line in order.lines],
    }
    ways = {"shipping": [way], "pickups": [], "downloads": [], "email": {"gift_certificates": []}}
    return head_body(order) | {"fees": [], "consignments": ways}


def taxes_body(order: Order) -> list[dict[str, Any]]:
    """Return an order's taxes."""
    return [
        {
            "id": order.id + 2,
            "order_id": order.id,
            "name": "VAT",
            "rate": text(RATE),
            "line_amount": text(order.tax),
        }
    ]


def product_body(product: Product) -> dict[str, Any]:
    """Return a product with its variants."""
    return {
        "id": product.id,
        "name": product.name,
        "type": "physical",
        "sku": "",
        "price": number(product.variants[0].price if product.variants else Decimal(0)),
        "retail_price": 0,
        "inventory_tracking": product.tracking,
        "availability": "available",
        "is_visible": True,
        "date_created": new_time(product.modified_at),
        "date_modified": new_time(product.modified_at),
        "variants": [
            {
                "id": each.id,
                "product_id": product.id,
                "sku": each.sku,
                "price": number(each.price),
                "cost_price": None,
                "option_values": [{"id": each.id, "label": each.sku}],
            }
            for each in product.variants
        ],
    }


def item_body(variant: Variant, locations: list[int]) -> dict[str, Any]:
    """Return what lies of a variant at these locations."""
    return {
        "identity": {
            "sku": variant.sku,
            "variant_id": variant.id,
            "product_id": variant.product_id,
            "sku_id": variant.id + 1_000,
        },
        "locations": [
            {
                "location_id": place,
                "location_code": f"L-{place}",
                "location_name": f"Place {place}",
                "available_to_sell": variant.available(place),
                "total_inventory_onhand": variant.on_hand[place],
                "location_enabled": True,
                "settings": {"safety_stock": variant.safety_stock},
            }
            for place in locations
        ],
    }
