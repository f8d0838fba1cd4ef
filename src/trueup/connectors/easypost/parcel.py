"""A tracker becomes a parcel with its whole history."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from trueup.canon.customer import Address
from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.parcel import (
    FINAL_STATUSES,
    WORDS,
    History,
    Parcel,
    ParcelPerson,
    ParcelStatus,
    Scan,
    Word,
    history_of,
    standing,
)
from trueup.connectors.easypost.fault import (
    delivered_back,
    status_differs,
    undated_scan,
    unknown_scan,
)
from trueup.connectors.easypost.shape import (
    NAME_PREFIX,
    OUNCE_G,
    PlaceShape,
    ShipmentShape,
    TrackerShape,
)
from trueup.connectors.easypost.status import status_of
from trueup.kernel.money import Money

VOID: Final = frozenset(("submitted", "refunded"))
"""What EasyPost says of a label that was taken back, or is being."""

_WEIGHT_OZ_MAX: Final = 10_000_000
_NOBODY: Final = ParcelPerson()


def parcel_of(
    shape: TrackerShape, issues: list[Issue], shipment: ShipmentShape | None = None
) -> Parcel:
    """Return the parcel; what is surprising goes into `issues`.

    Args:
        shape: as EasyPost tells it.
        issues: is added to.
        shipment: the label that it belongs to, for the names that the shop gave.
    """
    ref = f"parcel/{shape.id}"
    scans = _scans_of(shape, ref, issues)
    history = _turned(history_of(scans), ref, issues)
    word = _void(shipment) or _word_of(shape, history, ref, issues)
    stands = standing(history.newest, word)
    detail = shape.carrier_detail
    return Parcel(
        ref=shape.id,
        updated_at=shape.updated_at.astimezone(UTC),
        links=_links_of(shape, shipment),
        status=stands.status,
        status_code=stands.code,
        carrier=shape.carrier or None,
        service=(detail.service if detail else None) or None,
        scans=history.scans,
        attempts=history.attempts,
        returning=history.returning or stands.status is ParcelStatus.RETURNING,
        expected_on=_expected_on(shape),
        shipped_at=history.shipped_at,
        delivered_at=history.delivered_at,
        weight_g=_weight_g(shape.weight),
        word=word if history.scans and word.status in WORDS else None,
        postage=_postage(shipment),
        person=_person_of(shape, shipment),
    )


def _scans_of(shape: TrackerShape, ref: str, issues: list[Issue]) -> list[Scan]:
    scans = []
    for number, detail in enumerate(shape.tracking_details or ()):
        pointer = f"/tracking_details/{number}"
        occurred_at = instant_of(detail.datetime)
        if occurred_at is None:
            issues.append(undated_scan(f"{pointer}/datetime", ref))
            continue
        status, known = status_of(detail.status or "", detail.status_detail)
        code = _code(detail.status, detail.status_detail)
        if not known:
            issues.append(unknown_scan(f"{pointer}/status", code, ref))
        scans.append(
            Scan(
                status=status,
                code=code,
                occurred_at=occurred_at,
                message=detail.message or None,
                place=_town(detail.tracking_location),
            )
        )
    return scans


def _turned(history: History, ref: str, issues: list[Issue]) -> History:
    """Read a delivery after a return as what it is: the sender has it back.

    EasyPost has no word for a parcel that came back.
    """
    back, scans = False, []
    for scan in history.scans:
        back = back or scan.status is ParcelStatus.RETURNING
        if back and scan.status is ParcelStatus.DELIVERED:
            issues.append(delivered_back(ref))
            scans.append(msgspec.structs.replace(scan, status=ParcelStatus.RETURNED))
        else:
            scans.append(scan)
    return history_of(scans)


def _word_of(shape: TrackerShape, history: History, ref: str, issues: list[Issue]) -> Word:
    """Return the tracker's own status; where the newest scan tells another, that is noted."""
    own, known = status_of(shape.status, shape.status_detail)
    code, newest = _code(shape.status, shape.status_detail), history.newest
    if not known:
        issues.append(unknown_scan("/status", code, ref))
    elif newest is not None and newest.status not in {own, ParcelStatus.RETURNED}:
        counts = own in WORDS and newest.status not in FINAL_STATUSES
        if not counts:
            issues.append(status_differs(own.value, newest.status.value, ref))
    return Word(status=own, code=code)


def _void(shipment: ShipmentShape | None) -> Word | None:
    """Return the word for a label that was taken back, which no tracker tells."""
    status = shipment.refund_status if shipment else None
    return Word(status=ParcelStatus.CANCELLED, code=f"refund/{status}") if status in VOID else None


def _postage(shipment: ShipmentShape | None) -> Money | None:
    rate = shipment.selected_rate if shipment else None
    return rate.price if rate else None


def _code(status: str | None, detail: str | None) -> str:
    return f"{status or ''}/{detail}" if detail else status or ""


def instant_of(text: str | None) -> datetime | None:
    """Return an instant in UTC; None where it can not be read or has no zone."""
    if not text or len(text) > 40:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _expected_on(shape: TrackerShape) -> date | None:
    """Return the day at the destination where the carrier tells it, else the day in UTC."""
    local = shape.carrier_detail.est_delivery_date_local if shape.carrier_detail else None
    try:
        if local:
            return date.fromisoformat(local[:10])
    except ValueError:
        pass
    promised_at = instant_of(shape.est_delivery_date)
    return promised_at.date() if promised_at else None


def _weight_g(ounces: Decimal | None) -> int | None:
    if ounces is None or not ounces.is_finite() or not 0 < ounces <= _WEIGHT_OZ_MAX:
        return None
    return int((ounces * OUNCE_G).to_integral_value())


def _town(place: PlaceShape | None) -> str | None:
    if place is None:
        return None
    return ", ".join(part for part in (place.city, place.state, place.country) if part) or None


def _person_of(shape: TrackerShape, shipment: ShipmentShape | None) -> ParcelPerson | None:
    to = shape.carrier_detail.destination_tracking_location if shape.carrier_detail else None
    destination = None
    if to is not None and any((to.city, to.state, to.zip, to.country)):
        destination = Address(
            city=to.city or None,
            province=to.state or None,
            postcode=to.zip or None,
            country=to.country or None,
        )
    label = shipment.postage_label if shipment else None
    person = ParcelPerson(
        label_url=((label.label_pdf_url or label.label_url) if label else None) or None,
        tracking_number=shape.tracking_code or None,
        tracking_url=shape.public_url or None,
        signed_by=shape.signed_by or None,
        destination=destination,
    )
    return None if person == _NOBODY else person


def _links_of(shape: TrackerShape, shipment: ShipmentShape | None) -> tuple[Link, ...]:
    """Return the names of a parcel: one that goes back is no parcel of its order."""
    options = shipment.options if shipment else None
    reference = shipment.reference if shipment else None
    is_ours = str(reference).startswith(NAME_PREFIX)
    space = LinkSpace.RETURN if shipment and shipment.is_return else LinkSpace.ORDER
    found = (
        (LinkSpace.TRACKING, shape.tracking_code),
        (space, None if is_ours else reference),
        (space, options.print_custom_1 if options else None),
        (LinkSpace.INVOICE, options.invoice_number if options else None),
    )
    links = [Link(space, str(value)) for space, value in found if value not in {None, ""}]
    return tuple(dict.fromkeys(links))
