"""Fulfilments become shipments. Shopify takes the units out of stock when one succeeds."""

from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentPerson, ShipmentState
from trueup.connectors.shopify.refs import address_of, code_of, needed_order, ref_of, stamp_of, utc
from trueup.connectors.shopify.shape import AddressShape, FulfillmentShape
from trueup.connectors.shopify.unsound import Unsound
from trueup.contract.connector import Source

_STATE = {
    "pending": ShipmentState.PENDING,
    "open": ShipmentState.PENDING,
    "success": ShipmentState.SHIPPED,
    "cancelled": ShipmentState.CANCELLED,
    "error": ShipmentState.FAILED,
    "failure": ShipmentState.FAILED,
}


def shipment_of(
    shape: FulfillmentShape,
    source: Source,
    order_ref: str | None,
    issues: list[Issue],
    email: str | None = None,
    destination: AddressShape | None = None,
) -> Shipment:
    """Return the shipment; `email` and `destination` are the order's, used where it has none."""
    ref = str(ref_of(shape.id))
    state, issue = code_of(_STATE, shape.status, "fulfillment_state", f"shipment/{ref}")
    if issue:
        issues.append(issue)
    numbers = _all_of(shape.tracking_numbers, shape.tracking_number)
    return Shipment(
        ref=ref,
        order_ref=order_ref or needed_order(shape.order_id),
        updated_at=stamp_of(source, shape.updated_at, shape.created_at),
        state=state or ShipmentState.UNKNOWN,
        lines=_lines_of(shape),
        created_at=utc(shape.created_at),
        location_ref=ref_of(shape.location_id),
        carrier=shape.tracking_company or None,
        parcel_code=shape.shipment_status.lower() if shape.shipment_status else None,
        service=shape.service or None,
        links=tuple([Link(LinkSpace.TRACKING, number) for number in numbers]),
        person=_person_of(shape, numbers, email, destination),
    )


def _lines_of(shape: FulfillmentShape) -> tuple[ShipmentLine, ...]:
    lines = []
    for line in shape.line_items or ():
        if line.quantity < 0:
            raise Unsound(str(line.quantity).encode(), "a quantity of 0 or more")
        lines.append(
            ShipmentLine(
                line_ref=str(ref_of(line.id)), quantity=line.quantity, sku=line.sku or None
            )
        )
    return tuple(lines)


def _all_of(many: list[str | None] | None, one: str | None) -> tuple[str, ...]:
    found = tuple(value for value in many or () if value)
    return found or ((one,) if one else ())


def _person_of(
    shape: FulfillmentShape,
    numbers: tuple[str, ...],
    email: str | None,
    destination: AddressShape | None,
) -> ShipmentPerson | None:
    person = ShipmentPerson(
        email=shape.email or email or None,
        destination=address_of(shape.destination or destination),
        tracking_numbers=numbers,
        tracking_urls=_all_of(shape.tracking_urls, shape.tracking_url),
    )
    return None if person == _NOBODY else person


_NOBODY = ShipmentPerson()
