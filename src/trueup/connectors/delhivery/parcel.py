"""A shipment becomes a parcel with as much of its history as the body has."""

from collections.abc import Iterator

from trueup.canon.customer import Address
from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.parcel import Parcel, ParcelPerson, Scan, history_of
from trueup.connectors.delhivery.clock import day_of, instant_of
from trueup.connectors.delhivery.fault import undated_scan, unknown_scan
from trueup.connectors.delhivery.shape import (
    ConsigneeShape,
    DetailShape,
    Line,
    ShipmentShape,
    StatusShape,
)
from trueup.connectors.delhivery.status import is_backwards, status_of

_NOBODY = ParcelPerson()


def parcel_of(shape: ShipmentShape, issues: list[Issue]) -> Parcel | None:
    """Return the parcel; None where no scan of it has a time.

    Args:
        shape: as Delhivery tells it.
        issues: what is surprising is added to it.
    """
    awb = str(shape.awb)
    told = list(_told(shape))
    history = history_of(_scans_of(told, f"parcel/{awb}", issues))
    if history.newest is None:
        return None
    picked_up = instant_of(shape.pickedup_date)
    shipped_at = None if shape.scans is None else history.shipped_at  # one scan is no beginning
    return Parcel(
        ref=awb,
        updated_at=history.newest.occurred_at,
        links=_links_of(awb, shape),
        status=history.newest.status,
        status_code=history.newest.code,
        carrier="Delhivery",
        scans=history.scans,
        attempts=history.attempts,
        returning=history.returning
        or bool(shape.reverse_in_transit or shape.rto_started_date)
        or any(is_backwards(detail.scan_type or "") for _, detail in told),
        expected_on=day_of(shape.expected_delivery_date or shape.promised_delivery_date),
        shipped_at=picked_up[0] if picked_up else shipped_at,
        delivered_at=history.delivered_at,
        person=_person_of(shape),
    )


def _told(shape: ShipmentShape) -> Iterator[tuple[str, DetailShape]]:
    """Yield (place, scan): the history, and the status, which is the newest scan told again."""
    for number, scan in enumerate(shape.scans or ()):
        yield f"/Shipment/Scans/{number}/ScanDetail", scan.scan_detail
    if shape.status is not None:
        yield "/Shipment/Status", _as_scan(shape.status, shape.nsl_code)


def _as_scan(status: StatusShape, nsl_code: str | None) -> DetailShape:
    """Return the status as the scan that it is; a push has its code beside it."""
    return DetailShape(
        scan=status.status,
        scan_type=status.status_type,
        status_code=status.status_code or nsl_code,
        status_date_time=status.status_date_time,
        scanned_location=status.status_location,
        instructions=status.instructions,
    )


def _scans_of(told: list[tuple[str, DetailShape]], ref: str, issues: list[Issue]) -> Iterator[Scan]:
    wondered: set[str] = set()
    for pointer, detail in told:
        found = instant_of(detail.status_date_time or detail.scan_date_time)
        if found is None:
            issues.append(undated_scan(f"{pointer}/StatusDateTime", ref))
            continue
        words = (detail.scan_type or "", detail.scan or "", detail.status_code or "")
        code = "/".join(words).rstrip("/")
        status, known = status_of(*words)
        if not known and code not in wondered:
            wondered.add(code)
            issues.append(unknown_scan(pointer, code, ref))
        yield Scan(
            status=status,
            code=code,
            occurred_at=found[0],
            message=detail.instructions or None,
            place=detail.scanned_location or None,
            local_time=found[1],
        )


def _links_of(awb: str, shape: ShipmentShape) -> tuple[Link, ...]:
    order = str(shape.reference_no or "").strip()
    links = [Link(LinkSpace.TRACKING, awb)]
    return (*links, Link(LinkSpace.ORDER, order)) if order else tuple(links)


def _person_of(shape: ShipmentShape) -> ParcelPerson | None:
    signed_by = shape.status.recieved_by if shape.status else None
    person = ParcelPerson(
        signed_by=signed_by or None,
        destination=_address_of(shape.consignee) if shape.consignee else None,
    )
    return None if person == _NOBODY else person


def _address_of(shape: ConsigneeShape) -> Address | None:
    lines = (*_lines(shape.address1), *_lines(shape.address2), *_lines(shape.address3))
    address = Address(
        name=shape.name or None,
        lines=lines,
        city=shape.city or None,
        province=shape.state or None,
        postcode=str(shape.pin_code) if shape.pin_code else None,
        country="IN" if (shape.country or "").lower() == "india" else None,
    )
    return None if address == Address() else address


def _lines(line: Line) -> tuple[str, ...]:
    found = [line] if isinstance(line, str) else line or []
    return tuple(text for text in found if text)
