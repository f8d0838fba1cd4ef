"""What a simulated WooCommerce shop holds, and how it writes it down."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

RATE = Decimal("0.20")
SHOP_ZONE = timedelta(hours=1)
"""The shop's own clock stands an hour before GMT."""

_KEPT = Decimal("0.000001")


@dataclass(slots=True)
class Item:
    """A product, or a variation of the product `parent`."""

    id: int
    sku: str
    price: Decimal
    stock: int | None
    modified_at: datetime
    parent: int = 0
    manage_stock: bool | str = True
    is_variable: bool = False
    status: str = "publish"


@dataclass(slots=True)
class Line:
    """A line of an order; `subtotal` without tax, as kept: with six digits."""

    id: int
    item: Item
    quantity: int
    subtotal: Decimal
    reduced: int = 0
    restocked: int = 0


@dataclass(slots=True)
class Refund:
    """Units and money given back."""

    id: int
    units: dict[int, int]  # by the id of the line
    amount: Decimal
    created_at: datetime
    line_id: int


@dataclass(slots=True)
class Order:
    """One order; its shipping costs 5.00 before tax."""

    id: int
    lines: list[Line]
    email: str
    created_at: datetime
    modified_at: datetime
    status: str = "pending"
    customer_id: int = 0
    paid_at: datetime | None = None
    completed_at: datetime | None = None
    transaction_id: str = ""
    refunds: list[Refund] = field(default_factory=list)
    meta: dict[str, str] = field(default_factory=dict)

    @property
    def goods(self) -> Decimal:
        """All lines without tax."""
        return sum((line.subtotal for line in self.lines), Decimal(0))

    @property
    def tax(self) -> Decimal:
        """On goods and on shipping, rounded once."""
        return shown((self.goods + SHIPPING) * RATE, 2)

    @property
    def total(self) -> Decimal:
        """Everything, rounded once."""
        return shown(self.goods + SHIPPING + self.tax, 2)


SHIPPING = Decimal("5.00")


@dataclass(slots=True)
class Coupon:
    """A code that takes something off, with all that it was made with."""

    id: int
    code: str
    wish: dict[str, Any]


@dataclass(slots=True)
class Hook:
    """A webhook; `failures` in a row since the last delivery that was taken."""

    id: int
    topic: str
    url: str
    secret: str
    status: str = "active"
    failures: int = 0


def without_tax(price: Decimal, units: int) -> Decimal:
    """Return what a line keeps of a price that includes tax."""
    return (price * units / (1 + RATE)).quantize(_KEPT, rounding=ROUND_HALF_UP)


def shown(amount: Decimal, digits: int) -> Decimal:
    """Return an amount as the API shows it."""
    return amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)


def gmt(at: datetime | None) -> str | None:
    """Return an instant as WooCommerce writes it: no zone, whole seconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%S") if at else None


def _dates(name: str, at: datetime | None) -> dict[str, str | None]:
    return {name: gmt(at + SHOP_ZONE if at else None), f"{name}_gmt": gmt(at)}


def item_body(item: Item, variations: list[int]) -> dict[str, Any]:
    """Return a product or a variation."""
    kind = "variation" if item.parent else "variable" if item.is_variable else "simple"
    return {
        "id": item.id,
        "name": f"Thing {item.sku} &amp; more",
        "slug": f"thing-{item.id}",
        "type": kind,
        "status": item.status,
        "parent_id": item.parent,
        "sku": item.sku,
        "price": f"{item.price:.2f}",
        "regular_price": f"{item.price:.2f}",
        "manage_stock": item.manage_stock,
        "stock_quantity": item.stock if item.manage_stock is True else None,
        "backorders": "no",
        "virtual": False,
        "tags": [],
        "variations": variations,
        **_dates("date_created", item.modified_at),
        **_dates("date_modified", item.modified_at),
    }


def _line_body(line: Line, digits: int) -> dict[str, Any]:
    tax = (line.subtotal * RATE).quantize(_KEPT, rounding=ROUND_HALF_UP)
    counts = {"_reduced_stock": line.reduced, "_restock_refunded_items": line.restocked}
    meta = [{"id": n, "key": k, "value": str(v)} for n, (k, v) in enumerate(counts.items()) if v]
    return {
        "id": line.id,
        "name": f"Thing {line.item.sku}",
        "product_id": line.item.parent or line.item.id,
        "variation_id": line.item.id if line.item.parent else 0,
        "quantity": line.quantity,
        "tax_class": "",
        "subtotal": str(shown(line.subtotal, digits)),
        "subtotal_tax": str(shown(tax, digits)),
        "total": str(shown(line.subtotal, digits)),
        "total_tax": str(shown(tax, digits)),
        "taxes": [{"id": 1, "total": str(tax.normalize()), "subtotal": str(tax.normalize())}],
        "meta_data": meta,
        "sku": line.item.sku,
        "price": float(line.subtotal / line.quantity) if line.quantity else 0,
    }


def _order_meta(order: Order) -> list[dict[str, Any]]:
    """Return what plugins and apps keep at an order; some of it is personal."""
    kept = {"_plugin_note": "Rui's birthday"} | order.meta
    return [{"id": n, "key": key, "value": kept[key]} for n, key in enumerate(kept, 1)]


def order_body(order: Order, digits: int = 2) -> dict[str, Any]:
    """Return an order with so many digits in its amounts."""
    person = {"first_name": "Rui", "last_name": "Alves", "city": "Porto", "country": "PT"}
    billing = {**person, "email": order.email, "phone": "+351 000 000 000", "address_1": "Rua 1"}
    shipping_tax = shown(SHIPPING * RATE, 2)
    return {
        "id": order.id,
        "parent_id": 0,
        "number": str(order.id),
        "status": order.status,
        "currency": "EUR",
        "created_via": "checkout",
        **_dates("date_created", order.created_at),
        **_dates("date_modified", order.modified_at),
        **_dates("date_paid", order.paid_at),
        **_dates("date_completed", order.completed_at),
        "discount_total": "0.00",
        "shipping_total": str(shown(SHIPPING, digits)),
        "shipping_tax": str(shown(shipping_tax, digits)),
        "cart_tax": str(shown(order.tax - shipping_tax, digits)),
        "total": str(shown(order.total, digits)),
        "total_tax": str(shown(order.tax, digits)),
        "prices_include_tax": True,
        "customer_id": order.customer_id,
        "billing": billing,
        "shipping": {**person, "address_1": "Rua 1"},
        "transaction_id": order.transaction_id,
        "meta_data": _order_meta(order),
        "line_items": [_line_body(line, digits) for line in order.lines],
        "tax_lines": [
            {
                "id": order.id + 1,
                "rate_id": 1,
                "rate_code": "PT-VAT-1",
                "label": "VAT",
                "rate_percent": 20,
                "tax_total": str(shown(order.tax - shipping_tax, digits)),
                "shipping_tax_total": str(shown(shipping_tax, digits)),
            }
        ],
        "shipping_lines": [
            {
                "id": order.id + 2,
                "method_title": "Post",
                "total": str(shown(SHIPPING, digits)),
                "total_tax": str(shown(shipping_tax, digits)),
                "taxes": [],
            }
        ],
        "fee_lines": [],
        "coupon_lines": [],
        "refunds": [
            {"id": r.id, "reason": "", "total": f"-{shown(r.amount, digits)}"}
            for r in order.refunds
        ],
    }


def refund_body(order: Order, refund: Refund, digits: int) -> dict[str, Any]:
    """Return a refund; what is given back is below zero."""
    lines = []
    for number, line in enumerate(each for each in order.lines if each.id in refund.units):
        units = refund.units[line.id]
        net = -(line.subtotal * units / line.quantity).quantize(_KEPT, rounding=ROUND_HALF_UP)
        lines.append(
            {
                "id": refund.line_id + number,
                "name": f"Thing {line.item.sku}",
                "quantity": -units,
                "total": str(shown(net, digits)),
                "total_tax": str(shown(net * RATE, digits)),
                "meta_data": [{"id": 1, "key": "_refunded_item_id", "value": str(line.id)}],
                "sku": line.item.sku,
            }
        )
    return {
        "id": refund.id,
        **_dates("date_created", refund.created_at),
        "amount": str(shown(refund.amount, digits)),
        "reason": "",
        "refunded_payment": True,
        "line_items": lines,
    }
