"""Deliveries: what has left a place of ours for a customer."""

import msgspec

from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentState
from trueup.connectors.odoo.fault import fraction, invalid, unknown_state
from trueup.connectors.odoo.shape import DeliveryShape, MovedShape, SaleShape
from trueup.connectors.odoo.value import instant, latest, named, ref_of, text, units
from trueup.contract.connector import Mapped

_STATES = {
    "draft": ShipmentState.PENDING,
    "waiting": ShipmentState.PENDING,
    "confirmed": ShipmentState.PENDING,
    "assigned": ShipmentState.PENDING,
    "done": ShipmentState.SHIPPED,
    "cancel": ShipmentState.CANCELLED,
}
_UNDATED = invalid("/write_date", "an instant such as 2026-11-21 10:00:00")


def map_delivery(body: bytes) -> Mapped:
    """Return the delivery as a shipment of no order of this system; its names tell of which."""
    shape = msgspec.json.decode(body, type=DeliveryShape)
    at = latest((shape.write_date, *(move.write_date for move in shape.move_ids)))
    if at is None:
        return Mapped(issues=(_UNDATED,))
    issues: list[Issue] = []
    state = _STATES.get(text(shape.state) or "")
    if state is None:
        issues.append(unknown_state("/state", text(shape.state) or "", f"shipment/{shape.id}"))
    lines = [line for move in shape.move_ids if (line := _line(move, shape, issues)) is not None]
    shipment = Shipment(
        ref=str(shape.id),
        updated_at=at,
        state=state or ShipmentState.UNKNOWN,
        lines=tuple(lines),
        created_at=instant(shape.create_date),
        shipped_at=instant(shape.date_done) if state is ShipmentState.SHIPPED else None,
        location_ref=ref_of(shape.location_id),
        links=_links(shape),
    )
    return Mapped(records=(shipment,), issues=tuple(issues))


def _line(move: MovedShape, shape: DeliveryShape, issues: list[Issue]) -> ShipmentLine | None:
    """Return the units of a move; of one that was cancelled, or has moved none, none."""
    product = named(move.product_id)
    if product is None or text(move.state) == "cancel":
        return None
    quantity = units(move.quantity)
    if quantity is None:
        issues.append(fraction("/move_ids", f"shipment/{shape.id}"))
        return None
    if quantity <= 0:
        return None
    return ShipmentLine(line_ref=str(move.id), quantity=quantity, sku=text(product.default_code))


def _links(shape: DeliveryShape) -> tuple[Link, ...]:
    """Return the order's numbers: ours, and that of the shop which the sales order carries."""
    sale = shape.sale_id if isinstance(shape.sale_id, SaleShape) else None
    found = [part.strip() for part in (text(shape.origin) or "").split(",")]
    found += [text(sale.name) or "", text(sale.client_order_ref) or ""] if sale else []
    return tuple(Link(LinkSpace.ORDER, name) for name in dict.fromkeys(found) if name)
