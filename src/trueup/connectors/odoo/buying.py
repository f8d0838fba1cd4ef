"""Purchase orders with their lines, and what suppliers ask and how long they take."""

from datetime import datetime

import msgspec

from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.purchase import PurchaseLine, PurchaseOrder, PurchaseState, SupplierItem
from trueup.connectors.odoo.fault import fraction, invalid, unknown_state
from trueup.connectors.odoo.shape import Number, PurchaseLineShape, PurchaseShape, SupplierItemShape
from trueup.connectors.odoo.value import (
    currency,
    day,
    instant,
    latest,
    money,
    named,
    ref_of,
    text,
    units,
)
from trueup.contract.connector import Mapped

_STATES = {
    "draft": PurchaseState.DRAFT,
    "sent": PurchaseState.SENT,
    "to approve": PurchaseState.DRAFT,  # nobody at the supplier has it yet
    "purchase": PurchaseState.CONFIRMED,
    "done": PurchaseState.CONFIRMED,  # locked against changes, which says nothing of the goods
    "cancel": PurchaseState.CANCELLED,
}
_UNDATED = invalid("/write_date", "an instant such as 2026-11-21 10:00:00")


def map_supplier_item(body: bytes) -> Mapped:
    """Return what a supplier asks for a product."""
    shape = msgspec.json.decode(body, type=SupplierItemShape)
    at, supplier = instant(shape.write_date), named(shape.partner_id)
    if at is None:
        return Mapped(issues=(_UNDATED,))
    if supplier is None:
        return Mapped(issues=(invalid("/partner_id", "a supplier", "none"),))
    issues: list[Issue] = []
    ref = str(shape.id)
    product = named(shape.product_id) or named(shape.product_tmpl_id)
    item = SupplierItem(
        ref=ref,
        updated_at=at,
        supplier_ref=str(supplier.id),
        supplier=text(supplier.display_name),
        sku=text(product.default_code) if product else None,
        lead_days=_whole(shape.delay, "/delay", ref, issues),
        quantity_min=_whole(shape.min_qty, "/min_qty", ref, issues),
        cost=money(shape.price, currency(shape.currency_id)),
    )
    return Mapped(records=(item,), issues=tuple(issues))


def map_purchase(body: bytes) -> Mapped:
    """Return the purchase order with its lines."""
    shape = msgspec.json.decode(body, type=PurchaseShape)
    at = latest((shape.write_date, *(line.write_date for line in shape.order_line)))
    if at is None:
        return Mapped(issues=(_UNDATED,))
    issues: list[Issue] = []
    ref, code = str(shape.id), currency(shape.currency_id)
    lines = [
        _line(line, number, code, ref, issues)
        for number, line in enumerate(shape.order_line)
        if text(line.display_type) is None
    ]
    supplier = named(shape.partner_id)
    state = _state_of(shape, lines, issues)
    order = PurchaseOrder(
        ref=ref,
        updated_at=at,
        links=_links_of(shape),
        number=text(shape.name) or ref,
        state=state,
        state_code=text(shape.state),
        supplier_ref=ref_of(shape.partner_id),
        supplier=text(supplier.display_name) if supplier else None,
        currency=code,
        lines=tuple(lines),
        total=money(shape.amount_total, code),
        ordered_at=instant(shape.date_order),
        expected_on=day(shape.date_planned),
        received_at=_received_at(shape, state),
    )
    return Mapped(records=(order,), issues=tuple(issues))


def _line(
    shape: PurchaseLineShape, number: int, code: str | None, ref: str, issues: list[Issue]
) -> PurchaseLine:
    product, place = named(shape.product_id), f"/order_line/{number}"
    return PurchaseLine(
        ref=str(shape.id),
        quantity=_whole(shape.product_qty, f"{place}/product_qty", ref, issues) or 0,
        sku=text(product.default_code) if product else None,
        quantity_received=_whole(shape.qty_received, f"{place}/qty_received", ref, issues) or 0,
        cost=money(shape.price_unit, code),
        expected_on=day(shape.date_planned),
    )


def _state_of(
    shape: PurchaseShape, lines: list[PurchaseLine], issues: list[Issue]
) -> PurchaseState:
    """Return the state; of a confirmed order, what has come in decides how far it is."""
    word = text(shape.state) or ""
    state = _STATES.get(word, PurchaseState.UNKNOWN)
    if state is PurchaseState.UNKNOWN:
        issues.append(unknown_state("/state", word, f"purchase_order/{shape.id}"))
    if state is not PurchaseState.CONFIRMED or not any(line.quantity_received for line in lines):
        return state
    wanted = [line for line in lines if line.quantity > 0]
    if all(line.quantity_received >= line.quantity for line in wanted):
        return PurchaseState.RECEIVED
    return PurchaseState.PARTLY_RECEIVED


def _received_at(shape: PurchaseShape, state: PurchaseState) -> datetime | None:
    """Return when the goods came; Odoo dates the first arrival alone."""
    return instant(shape.effective_date) if state is PurchaseState.RECEIVED else None


def _links_of(shape: PurchaseShape) -> tuple[Link, ...]:
    names = (text(shape.name), text(shape.partner_ref), text(shape.origin))
    return tuple(Link(LinkSpace.PURCHASE, name) for name in dict.fromkeys(names) if name)


def _whole(value: Number, pointer: str, ref: str, issues: list[Issue]) -> int | None:
    if value is None or value is False:
        return None
    found = units(value)
    if found is None:
        issues.append(fraction(pointer, ref))
    return found
