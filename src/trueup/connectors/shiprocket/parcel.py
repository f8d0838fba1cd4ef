"""A push or a reading becomes a parcel with its whole history."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from trueup.canon.customer import Address
from trueup.canon.issue import Issue
from trueup.canon.link import Link, LinkSpace
from trueup.canon.parcel import History, Parcel, ParcelPerson, Scan, history_of
from trueup.connectors.shiprocket.clock import day_of, instant_of
from trueup.connectors.shiprocket.fault import undated_scan, unknown_scan
from trueup.connectors.shiprocket.shape import (
    PushShape,
    ScanShape,
    TrackingShape,
    TrackShape,
)
from trueup.connectors.shiprocket.status import number_of, status_of

_WEIGHT_KG_MAX: Final = 10_000
_STEPS_MAX: Final = 999_999


def pushed_parcel(shape: PushShape, issues: list[Issue]) -> Parcel | None:
    """Return the parcel of a webhook; None where nothing of it has a time."""
    awb, is_return = str(shape.awb), bool(shape.is_return)
    ref = f"parcel/{awb}"
    told_at = instant_of(shape.current_timestamp)
    scans = _scans_of(shape.scans or (), "/scans", ref, issues, is_return=is_return)
    if told_at is not None and (now := _now_of(shape, told_at, ref, issues, scans)) is not None:
        scans.append(now)
    history = history_of(scans)
    order = str(shape.order_id or "").strip()
    tracking = Link(LinkSpace.TRACKING, awb)
    return _parcel(
        awb,
        history,
        updated_at=_stamp(history, told_at[0] if told_at else None, len(shape.scans or ())),
        links=(tracking, Link(LinkSpace.ORDER, order)) if order else (tracking,),
        carrier=shape.courier_name,
        expected=shape.etd,
        is_return=is_return,
    )


def read_parcel(shape: TrackingShape, issues: list[Issue]) -> Parcel | None:
    """Return the parcel of a reading; None where it has no scan with a time yet."""
    track = next(iter(shape.shipment_track or ()), TrackShape())
    awb, is_return = str(track.awb_code or ""), bool(shape.is_return)
    ref, place = f"parcel/{awb}", "/tracking_data/shipment_track_activities"
    told = shape.shipment_track_activities or ()
    history = history_of(_scans_of(told, place, ref, issues, is_return=is_return))
    return _parcel(
        awb,
        history,
        updated_at=_stamp(history, None, len(told)),
        links=(Link(LinkSpace.TRACKING, awb),),
        carrier=track.courier_name,
        expected=track.edd or shape.etd,
        is_return=is_return,
        weight_g=_weight_g(track.weight),
        person=_person_of(track, shape.track_url),
    )


def _parcel(  # noqa: PLR0913 - a push and a reading have nothing else in common
    awb: str,
    history: History,
    *,
    updated_at: datetime | None,
    links: tuple[Link, ...],
    carrier: str | None,
    expected: str | None,
    is_return: bool,
    weight_g: int | None = None,
    person: ParcelPerson | None = None,
) -> Parcel | None:
    newest = history.newest
    if newest is None or updated_at is None or not awb:
        return None
    return Parcel(
        ref=awb,
        updated_at=updated_at,
        links=links,
        status=newest.status,
        status_code=newest.code,
        carrier=carrier or None,
        scans=history.scans,
        attempts=history.attempts,
        returning=history.returning,
        expected_on=day_of(expected),
        shipped_at=None if is_return else history.shipped_at,
        delivered_at=history.delivered_at,
        weight_g=weight_g,
        person=person,
    )


def _stamp(history: History, told_at: datetime | None, steps: int) -> datetime | None:
    """Return when the parcel was so: the newest time, and within its second the richer body.

    A scan that comes late does not move Shiprocket's own time, and yet makes another version.
    Shiprocket tells whole seconds, so microseconds are free to say how much a body knows.
    """
    known = [scan.occurred_at for scan in history.scans[-1:]] + ([told_at] if told_at else [])
    if not known:
        return None
    return max(known).replace(microsecond=min(steps, _STEPS_MAX))


def _scans_of(
    told: Iterable[ScanShape], place: str, ref: str, issues: list[Issue], *, is_return: bool
) -> list[Scan]:
    """Return the scans. Texts stay out: couriers write riders' names and numbers into them."""
    scans, wondered = [], set()
    for number, shape in enumerate(told):
        found = instant_of(shape.date)
        if found is None:
            issues.append(undated_scan(f"{place}/{number}/date", ref))
            continue
        own = "" if shape.sr_status is None else str(shape.sr_status)
        code = "/".join((own, str(shape.status or ""))).strip("/")
        status, known = status_of(number_of(shape.sr_status), is_return=is_return)
        if not known and code not in wondered:
            wondered.add(code)
            issues.append(unknown_scan(f"{place}/{number}/sr-status", code, ref))
        scan = Scan(
            status=status,
            code=code,
            occurred_at=found[0],
            message=shape.sr_status_label or None,
            place=shape.location or None,
            local_time=found[1],
        )
        scans.append(scan)
    return scans


def _now_of(
    shape: PushShape,
    told_at: tuple[datetime, bool],
    ref: str,
    issues: list[Issue],
    scans: list[Scan],
) -> Scan | None:
    """Return the push's own status as a scan, unless the newest scan tells it already."""
    status, known = status_of(number_of(shape.shipment_status_id), is_return=bool(shape.is_return))
    code = "" if shape.shipment_status_id is None else str(shape.shipment_status_id)
    if not known:
        issues.append(unknown_scan("/shipment_status_id", code, ref))
    newest = history_of(scans).newest
    if newest is not None and (newest.status is status or newest.occurred_at > told_at[0]):
        return None
    return Scan(
        status=status,
        code=code,
        occurred_at=told_at[0],
        message=shape.shipment_status or None,
        local_time=told_at[1],
    )


def _weight_g(kilograms: str | None) -> int | None:
    try:
        weight = Decimal((kilograms or "").strip()[:20])
    except InvalidOperation:
        return None
    if not weight.is_finite() or not 0 < weight <= _WEIGHT_KG_MAX:
        return None
    return int((weight * 1000).to_integral_value())


def _person_of(track: TrackShape, url: str | None) -> ParcelPerson | None:
    destination = None
    if track.consignee_name or track.destination:
        destination = Address(name=track.consignee_name or None, city=track.destination or None)
    if destination is None and not url:
        return None
    return ParcelPerson(tracking_url=url or None, destination=destination)
