"""Parcels that are on their way to customers, with their orders; and how their routes did before.

What facts hold of a parcel is the number of its record: by its own number anybody can read where it
is.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from trueup.decisions.contact.desk import open_desk
from trueup.decisions.contact.settings import zone_of_brand
from trueup.decisions.rule import Look
from trueup.hub import Hub
from trueup.models.arrivals.past import Past, day_of
from trueup.models.arrivals.pasts import read_pasts
from trueup.models.arrivals.route import Route
from trueup.records.trips import OrderOfParcel, Trip, orders_of_parcels, trips_since

OPEN_DAYS: Final = 45
"""Of what nobody told anything for so long nobody waits any more."""


class Tracked(NamedTuple):
    """A parcel and the order that it is of."""

    trip: Trip
    order: OrderOfParcel


def subject_of(trip: Trip) -> str:
    """Return how a parcel is called as a subject."""
    return f"parcel/{trip.record_id}"


def evidence_of(tracked: Tracked) -> tuple[str, ...]:
    """Return what facts about a parcel were read from; the order's story tells the parcel's."""
    return (order_ref(tracked.order),)


def order_ref(order: OrderOfParcel) -> str:
    """Return how an order is called, as a notice names whom it is to."""
    return f"connection/{order.connection_id}/order/{order.ref}"


def number_of(order: OrderOfParcel) -> str:
    """Return what people call an order."""
    return order.number or order.ref


def zone_here(hub: Hub) -> ZoneInfo:
    """Return the brand's time zone."""
    return zone_of_brand(open_desk(hub).settings)


async def parcels_open(look: Look, subject: str | None) -> list[Tracked]:
    """Return the parcels that are on their way with an order that somebody waits for."""
    since = look.now - timedelta(days=OPEN_DAYS)
    wanted = None if subject is None else _numbers(subject)
    trips = await trips_since(look.conn, since, record_ids=wanted, open_only=True)
    return await with_orders(look, [each for each in trips if each.shipped_at is not None])


async def with_orders(look: Look, trips: Sequence[Trip]) -> list[Tracked]:
    """Return parcels with their orders; those of none, and of void ones, are left out."""
    numbers = [each.record_id for each in trips]
    orders = await orders_of_parcels(look.conn, numbers, look.hub.sellers()) if numbers else {}
    return [
        Tracked(each, order)
        for each in trips
        if (order := orders.get(each.record_id)) is not None and not order.is_void
    ]


async def pasts_before(look: Look, zone: ZoneInfo) -> Mapping[Route, Past]:
    """Return how each route did until today; read once a turn."""
    what = ("pasts", zone.key, day_of(look.now, zone))
    return await look.memo.once(what, look.now, lambda: read_pasts(look.conn, look.now, zone))


def _numbers(subject: str) -> list[int]:
    number = subject.removeprefix("parcel/")
    return [int(number)] if number.isdecimal() else []
