"""Packages of an order that the merchant sends out, as shipments.

Amazon tells packages apart from how many units have left. Units that left in no package that we can
see are one more shipment, so that they leave the shelf as well; it goes once packages explain them.
"""

from collections import Counter
from datetime import UTC

from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentPerson, ShipmentState
from trueup.connectors.amazon.fault import unknown
from trueup.connectors.amazon.shape import OrderShape, PackageShape

_STATES = {
    "PENDING": ShipmentState.PENDING,
    "SHIPPED": ShipmentState.SHIPPED,
    "IN_TRANSIT": ShipmentState.SHIPPED,
    "DELIVERED": ShipmentState.SHIPPED,
    "UNDELIVERABLE": ShipmentState.SHIPPED,
    "CANCELLED": ShipmentState.CANCELLED,
}
REST = "rest"


def shipments_of(order: OrderShape) -> tuple[list[Shipment], list[Issue]]:
    """Return one shipment per package, and one for what left in none."""
    shipments: list[Shipment] = []
    issues: list[Issue] = []
    packed: Counter[str] = Counter()
    skus = {item.order_item_id: item.product.seller_sku for item in order.order_items}
    for number, package in enumerate(order.packages or []):
        told = package.package_status
        state = ShipmentState.PENDING if told is None else _STATES.get(told.status)
        if state is None and told is not None:
            place = f"/packages/{number}/packageStatus/status"
            issues.append(
                unknown("amazon.package_status_unknown", place, ", ".join(_STATES), told.status)
            )
        shipments.append(_shipment(order, package, state or ShipmentState.UNKNOWN, skus))
        # Of a package in an unknown state nobody knows whether its units left: they stay set aside.
        if state in {ShipmentState.SHIPPED, None}:
            for each in package.package_items or []:
                packed[each.order_item_id] += each.quantity
    rest = _rest(order, packed, skus)
    if rest or order.packages:
        shipments.append(
            Shipment(
                ref=f"{order.order_id}/{REST}",
                updated_at=order.last_updated_time.astimezone(UTC),
                order_ref=order.order_id,
                deleted=not rest,
                state=ShipmentState.SHIPPED if rest else ShipmentState.CANCELLED,
                lines=rest,
            )
        )
    return shipments, issues


def _rest(
    order: OrderShape, packed: Counter[str], skus: dict[str, str | None]
) -> tuple[ShipmentLine, ...]:
    lines = []
    for item in order.order_items:
        left = item.fulfillment.quantity_fulfilled if item.fulfillment else None
        units = min(left or 0, item.quantity_ordered) - packed[item.order_item_id]
        if units > 0:
            ref = item.order_item_id
            lines.append(ShipmentLine(line_ref=ref, quantity=units, sku=skus[ref] or None))
    return tuple(lines)


def _shipment(
    order: OrderShape,
    package: PackageShape,
    state: ShipmentState,
    skus: dict[str, str | None],
) -> Shipment:
    number = (package.tracking_number or "").strip()
    made_at = package.ship_time or package.created_time
    told = package.package_status
    return Shipment(
        ref=f"{order.order_id}/{package.package_reference_id}",
        updated_at=order.last_updated_time.astimezone(UTC),
        order_ref=order.order_id,
        links=(Link(LinkSpace.TRACKING, number),) if number else (),
        state=state,
        lines=tuple(
            ShipmentLine(
                line_ref=each.order_item_id,
                quantity=each.quantity,
                sku=skus.get(each.order_item_id) or None,
            )
            for each in package.package_items or []
        ),
        created_at=made_at.astimezone(UTC) if made_at else None,
        carrier=package.carrier or None,
        parcel_code=(told.detailed_status or told.status) if told else None,
        service=package.shipping_service or None,
        person=ShipmentPerson(tracking_numbers=(number,)) if number else None,
    )
