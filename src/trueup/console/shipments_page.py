"""The page of shipments: parcels under way, those that need somebody before the others."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.api.guard import door_of
from trueup.canon.parcel import ParcelStatus
from trueup.console.columns import draw_shares
from trueup.console.draw import Bar
from trueup.console.readings import Readings, Session
from trueup.console.render import answer
from trueup.console.sheet import sheet, wants_sheet
from trueup.console.words import mark
from trueup.hub import Hub
from trueup.records.sales import places_of_records
from trueup.records.trips import Trip, orders_of_parcels, trips_since

Req = Request[Any, Any, Any]

ROWS_MAX: Final = 200
PARCELS_MAX: Final = 5_000
"""So many parcels under way are looked at; those that moved last."""

UNDER_WAY: Final = timedelta(days=60)
"""Of what nothing was told for so long, nothing will be."""

SILENT_AFTER: Final = timedelta(hours=36)
"""What moves is scanned at least so often; rules know each route's own silence."""


class Trouble(StrEnum):
    """What is wrong with a parcel; the worst first."""

    LOST = "lost"
    RETURNING = "returning"
    STUCK = "stuck"  # held, not delivered at the door, or to be fetched
    LATE = "late"
    SILENT = "silent"
    NONE = "none"


WORDS: Final = {
    Trouble.LOST: mark("lost or damaged"),
    Trouble.RETURNING: mark("on its way back"),
    Trouble.STUCK: mark("held, or not delivered at the door"),
    Trouble.LATE: mark("later than was promised"),
    Trouble.SILENT: mark("moves, and was not scanned for 36 hours"),
    Trouble.NONE: mark("nothing is wrong"),
}
"""What each trouble is, in words."""

_LOST: Final = frozenset((ParcelStatus.LOST, ParcelStatus.DAMAGED))
_BACK: Final = frozenset((ParcelStatus.RETURNING, ParcelStatus.RETURNED))
_STUCK: Final = frozenset(
    (ParcelStatus.ATTEMPT_FAILED, ParcelStatus.AWAITING_COLLECTION, ParcelStatus.HELD)
)


class ShipmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel under way.

    Attributes:
        ref: as its carrier names it.
        order, order_ref, channel: of the order it is of; empty where that is not known.
        late_days: since the day that was promised.
    """

    ref: str
    connection: str
    carrier: str
    service: str
    status: ParcelStatus
    trouble: Trouble
    attempts: int
    scanned_at: datetime | None
    promised_on: date | None
    expected_on: date | None
    late_days: int
    channel: str
    order: str
    order_ref: str


class ShipmentsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Parcels under way.

    Attributes:
        counts: how many have each trouble, those of all carriers.
        more: there are further ones.
    """

    trouble: Trouble | None
    carrier: str
    carriers: tuple[str, ...]
    counts: dict[str, int]
    rows: tuple[ShipmentRow, ...]
    more: bool


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel's trip, and what is wrong with it."""

    trip: Trip
    trouble: Trouble
    late_days: int


def judge(trip: Trip, now: datetime) -> Way:
    """Return what is wrong with a parcel. Pure."""
    due = trip.promised_on or trip.expected_on
    late_days = max(0, (now.astimezone(UTC).date() - due).days) if due is not None else 0
    silent = trip.moves and trip.scanned_at is not None and now - trip.scanned_at >= SILENT_AFTER
    trouble = Trouble.NONE
    if trip.status in _LOST:
        trouble = Trouble.LOST
    elif trip.returning or trip.status in _BACK:
        trouble = Trouble.RETURNING
    elif trip.status in _STUCK:
        trouble = Trouble.STUCK
    elif late_days:
        trouble = Trouble.LATE
    elif silent:
        trouble = Trouble.SILENT
    return Way(trip=trip, trouble=trouble, late_days=late_days)


async def read_ways(session: Session, now: datetime) -> tuple[Way, ...]:
    """Return the parcels under way, the worst first and of these the latest."""
    trips = await trips_since(session, now - UNDER_WAY, open_only=True, count=PARCELS_MAX)
    order = {trouble: n for n, trouble in enumerate(Trouble)}
    ways = (judge(trip, now) for trip in trips)
    return tuple(sorted(ways, key=lambda each: (order[each.trouble], -each.late_days)))


def count_troubles(ways: Iterable[Way]) -> dict[str, int]:
    """Return how many parcels have each trouble, the worst first."""
    counts = Counter(way.trouble for way in ways)
    return {trouble.value: counts[trouble] for trouble in Trouble if counts[trouble]}


@get(["/shipments", "/shipments.json", "/shipments.csv"], right="orders.read")
async def show_shipments(
    request: Req,
    session: NamedDependency[Session],
    readings: NamedDependency[Readings],
    trouble: Annotated[str, QueryParameter(max_length=20, required=False)] = "",
    carrier: Annotated[str, QueryParameter(max_length=100, required=False)] = "",
) -> Response[Any]:
    """Show the parcels under way, those that need somebody first."""
    try:
        wanted = Trouble(trouble) if trouble else None
    except ValueError as error:
        raise ValidationException(str(error)) from error
    now = door_of(request.app.state).clock.now()
    ways = await readings.take("ways", session, lambda s: read_ways(s, now))
    asked = [
        way
        for way in ways
        if (wanted is None or way.trouble is wanted)
        and (not carrier or way.trip.carrier == carrier)
    ]
    hub: Hub = request.app.state.hub
    if wants_sheet(request.url.path):
        return _sheet(await _rows(session, hub, asked))
    page = ShipmentsPage(
        trouble=wanted,
        carrier=carrier,
        carriers=tuple(sorted({way.trip.carrier for way in ways if way.trip.carrier})),
        counts=count_troubles(ways),
        rows=await _rows(session, hub, asked[:ROWS_MAX]),
        more=len(asked) > ROWS_MAX,
    )
    bars = [Bar(label=name, value=count) for name, count in page.counts.items()]
    asks = {"trouble": trouble, "carrier": carrier}
    return answer(
        request,
        "shipments.html",
        page,
        words=WORDS,
        troubles=list(Trouble),
        svg=draw_shares(bars),
        asks={name: value for name, value in asks.items() if value},
    )


def shipments_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the page of shipments."""
    return [show_shipments]


async def _rows(session: Session, hub: Hub, ways: Sequence[Way]) -> tuple[ShipmentRow, ...]:
    numbers = [way.trip.record_id for way in ways]
    places = await places_of_records(session, numbers) if numbers else {}
    orders = await orders_of_parcels(session, numbers, hub.sellers()) if numbers else {}
    names = hub.names()
    found = []
    for way in ways:
        trip, order = way.trip, orders.get(way.trip.record_id)
        found.append(
            ShipmentRow(
                ref=places[trip.record_id]["ref"] if trip.record_id in places else "",
                connection=names.get(trip.connection_id, "removed"),
                carrier=trip.carrier or "",
                service=trip.service or "",
                status=trip.status,
                trouble=way.trouble,
                attempts=trip.attempts,
                scanned_at=trip.scanned_at,
                promised_on=trip.promised_on,
                expected_on=trip.expected_on,
                late_days=way.late_days,
                channel=names.get(order.connection_id, "removed") if order else "",
                order=(order.number or order.ref) if order else "",
                order_ref=order.ref if order else "",
            )
        )
    return tuple(found)


def _sheet(rows: Sequence[ShipmentRow]) -> Response[Any]:
    head = (
        *("parcel", "carrier", "service", "status", "trouble", "attempts", "scanned_at"),
        *("promised_on", "expected_on", "late_days", "channel", "order"),
    )
    lines = (
        (
            *(row.ref, row.carrier, row.service, row.status.value, row.trouble.value, row.attempts),
            *(row.scanned_at and row.scanned_at.isoformat(), row.promised_on, row.expected_on),
            *(row.late_days, row.channel, row.order),
        )
        for row in rows
    )
    return sheet("shipments", head, lines)
