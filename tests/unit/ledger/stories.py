"""Orders and what happens to them, in few words, for stories about stock."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.order import Order, OrderLine, OrderTotals
from trueup.canon.price import Price
from trueup.canon.refund import Refund, RefundLine, Restock
from trueup.canon.returns import Return, ReturnLine, ReturnState
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentState
from trueup.kernel.money import Money
from trueup.ledger.model import Positions

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
EUR = Price(Money(Decimal("20.00"), "EUR"))


def line(ref: str = "l1", sku: str | None = "TEE", quantity: int = 1, **more: Any) -> OrderLine:
    return OrderLine(ref=ref, title="An article", sku=sku, quantity=quantity, price=EUR, **more)


def order(*lines: OrderLine, **more: Any) -> Order:
    return Order(
        ref="1",
        number="#1",
        placed_at=AT,
        updated_at=AT,
        currency="EUR",
        lines=lines,
        totals=OrderTotals(total=EUR),
        **more,
    )


def shipped(quantity: int = 1, *, ref: str = "s1", of: str = "l1", **more: Any) -> Shipment:
    parts = (ShipmentLine(line_ref=of, quantity=quantity),)
    state = more.pop("state", ShipmentState.SHIPPED)
    return Shipment(ref=ref, order_ref="1", updated_at=AT, state=state, lines=parts, **more)


def refunded(
    quantity: int = 1,
    restock: Restock = Restock.CANCEL,
    *,
    ref: str = "r1",
    of: str = "l1",
    at: str | None = None,
) -> Refund:
    parts = (RefundLine(line_ref=of, quantity=quantity, restock=restock, location_ref=at),)
    return Refund(ref=ref, order_ref="1", updated_at=AT, lines=parts)


def returned(
    *,
    restocked: int = 0,
    quarantined: int = 0,
    of: str | None = "l1",
    ref: str = "b1",
    **more: Any,
) -> Return:
    part = ReturnLine(
        line_ref=of, quantity=restocked + quarantined, restocked=restocked, quarantined=quarantined
    )
    return Return(
        ref=ref, order_ref="1", updated_at=AT, state=ReturnState.CLOSED, lines=(part,), **more
    )


def movement(kind: MovementKind, quantity: int, **more: Any) -> StockMovement:
    more.setdefault("site", "main")
    return StockMovement(
        ref="m1", updated_at=AT, movement=kind, sku="TEE", quantity=quantity, **more
    )


def site_of(location_ref: str | None) -> str:
    return "main" if location_ref is None else f"site-{location_ref}"


def told(positions: Positions) -> dict[str, int]:
    """Return positions as "place" or "place@site", with the SKU in front where it is not TEE."""
    found: Counter[str] = Counter()
    for position, units in positions.items():
        sku = "" if position.sku == "TEE" else f"{position.sku} "
        site = f"@{position.site}" if position.site not in {"", "main"} else ""
        found[f"{sku}{position.place.value}{site}"] += units
    return {name: units for name, units in found.items() if units}
