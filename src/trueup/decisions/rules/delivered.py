"""Delivered: after an order arrived its customer is asked whether all is well; later for a review.

It arrived once every unit of it was sent and every parcel of it was scanned as delivered. An open
ticket, a return or a refund ends the sequence.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final, Literal

import msgspec

from trueup.canon.command import Purpose
from trueup.canon.order import Order
from trueup.canon.parcel import ParcelStatus
from trueup.canon.record import Record, decode
from trueup.canon.shipment import Shipment, ShipmentState
from trueup.decisions.contact.notice import Notice, Urgency
from trueup.decisions.model import Action, Facts, Proposal, Values
from trueup.decisions.parcels.tracked import OPEN_DAYS, number_of, order_ref, with_orders, zone_here
from trueup.decisions.rule import Look, Replay, Rule, Settings
from trueup.models.arrivals.past import day_of
from trueup.records.returned import records_of_entities
from trueup.records.trips import (
    OrderOfParcel,
    Trip,
    orders_asked_about,
    parcels_of_orders,
    trips_since,
)

Step = Literal["thanks", "review"]

_KINDS: Final = frozenset(("order", "shipment", "return", "refund"))
_SENT: Final = frozenset((ShipmentState.SHIPPED, ShipmentState.PENDING, ShipmentState.UNKNOWN))


class DeliveredSettings(Settings, frozen=True, kw_only=True):
    """When what is said.

    Attributes:
        thanks_days: so many days after the delivery they are asked whether all is well; 0: never.
        review_days: so many days after it they are asked for a review, as marketing; 0: never.
        late_days: what could not be said within so many days of that is not said any more.
    """

    thanks_days: Annotated[int, msgspec.Meta(ge=0, le=90)] = 2
    review_days: Annotated[int, msgspec.Meta(ge=0, le=90)] = 12
    late_days: Annotated[int, msgspec.Meta(ge=1, le=14)] = 3


class DeliveredValues(Values, frozen=True, kw_only=True):
    """One order that arrived.

    Attributes:
        until: after this it is not said any more.
        stopped_by: what ends the sequence: "ticket", "return", "refund"; None: nothing.
    """

    step: Step
    order: str
    number: str
    delivered_at: datetime
    until: datetime
    stopped_by: str | None


async def read(
    look: Look, settings: DeliveredSettings, subject: str | None
) -> list[Facts[DeliveredValues]]:
    """Return the orders that arrived some days ago, at the step that they are at."""
    days = max(settings.thanks_days, settings.review_days) + settings.late_days
    since, parcels = look.now - timedelta(days=days + 1), None
    if subject is not None:
        wanted = subject.removeprefix("order/")
        own = await parcels_of_orders(look.conn, [int(wanted)] if wanted.isdecimal() else [])
        parcels = [each for some in own.values() for each in some]
    trips = await trips_since(look.conn, since, record_ids=parcels)
    due = [each for each in trips if _step(each.delivered_at, look.now, settings) is not None]
    orders = {each.order.record_id: each.order for each in await with_orders(look, due)}
    arrived = await _arrived(look, orders)
    asked = await orders_asked_about(look.conn, arrived) if arrived else frozenset()
    found = []
    for number, (delivered_at, ended_by) in arrived.items():
        step = _step(delivered_at, look.now, settings)
        if step is not None:
            stopped_by = "ticket" if number in asked else ended_by
            found.append(_facts(orders[number], step, delivered_at, stopped_by, settings))
    return found


def _step(at: datetime | None, now: datetime, settings: DeliveredSettings) -> Step | None:
    """Return what is to be said now of something that arrived then; None: nothing."""
    steps: tuple[tuple[Step, int], ...] = (
        ("thanks", settings.thanks_days),
        ("review", settings.review_days),
    )
    for step, days in steps:
        if at is None or not days:
            continue
        begins = at + timedelta(days=days)
        if begins <= now < begins + timedelta(days=settings.late_days):
            return step
    return None


async def _arrived(
    look: Look, orders: Mapping[int, OrderOfParcel]
) -> dict[int, tuple[datetime, str | None]]:
    """Return when each order arrived as a whole, and what of it ends the sequence."""
    if not orders:
        return {}
    parcels = await parcels_of_orders(look.conn, orders)
    every = {number for numbers in parcels.values() for number in numbers}
    since = look.now - timedelta(days=2 * OPEN_DAYS)
    trips = {each.record_id: each for each in await trips_since(look.conn, since, record_ids=every)}
    told = await _told_of(look, orders)
    found = {}
    for number in orders:
        of_order = [trips[each] for each in parcels.get(number, ()) if each in trips]
        at = arrived_at(told[number], of_order)
        if at is not None:
            found[number] = (at, _ended_by(told[number]))
    return found


async def _told_of(
    look: Look, orders: Mapping[int, OrderOfParcel]
) -> Mapping[int, Sequence[Record]]:
    by_key = {(each.connection_id, f"order/{each.ref}"): n for n, each in orders.items()}
    told: dict[int, list[Record]] = defaultdict(list)
    for row in await records_of_entities(look.conn, list(by_key), _KINDS):
        number = by_key[row["connection_id"], row["entity"]]
        told[number].append(decode(row["kind"], row["body"]))
    return told


def arrived_at(told: Sequence[Record], trips: Sequence[Trip]) -> datetime | None:
    """Return when an order arrived as a whole; None where it did not. Pure.

    Args:
        told: the order and its shipments.
        trips: of its parcels; those that were cancelled or went back do not count.
    """
    out = (ParcelStatus.CANCELLED, ParcelStatus.RETURNED)
    coming = [each for each in trips if each.status not in out]
    delivered = [each.delivered_at for each in coming if each.delivered_at is not None]
    if not delivered or len(delivered) < len(coming):
        return None
    shipments = [each for each in told if isinstance(each, Shipment) and each.state in _SENT]
    if len(shipments) > len(delivered):
        return None
    sent: dict[str, int] = defaultdict(int)
    for line in (line for each in shipments for line in each.lines):
        sent[line.line_ref] += line.quantity
    for order in (each for each in told if isinstance(each, Order)):
        for wanted in order.lines:
            units = wanted.quantity if wanted.quantity_current is None else wanted.quantity_current
            if wanted.requires_shipping and not wanted.tip and sent[wanted.ref] < units:
                return None
    return max(delivered)


def _ended_by(told: Sequence[Record]) -> str | None:
    """Return what of an order ends the sequence; a return that was cancelled does too."""
    return next((each.kind for each in told if each.kind in {"return", "refund"}), None)


def _facts(
    order: OrderOfParcel,
    step: Step,
    delivered_at: datetime,
    stopped_by: str | None,
    settings: DeliveredSettings,
) -> Facts[DeliveredValues]:
    days = settings.thanks_days if step == "thanks" else settings.review_days
    ref = order_ref(order)
    values = DeliveredValues(
        step=step,
        order=ref,
        number=number_of(order),
        delivered_at=delivered_at,
        until=delivered_at + timedelta(days=days + settings.late_days),
        stopped_by=stopped_by,
    )
    return Facts(subject=f"order/{order.record_id}", episode=step, values=values, evidence=(ref,))


def propose(facts: Facts[DeliveredValues], settings: DeliveredSettings) -> Proposal | None:
    """Return what is said to them; None where something ended the sequence."""
    del settings
    known = facts.values
    if known.stopped_by is not None:
        return None
    thanks = known.step == "thanks"
    on = known.delivered_at.date()
    return Proposal(
        reason=f"{known.number} arrived on {on}, nothing came back and no ticket is open.",
        actions=(
            Action(
                content=Notice(
                    to=known.order,
                    purpose=Purpose.TRANSACTIONAL if thanks else Purpose.MARKETING,
                    text="delivered" if thanks else "review",
                    about=f"{known.order}/{known.step}",
                    values={"order": known.number},
                    urgency=Urgency.LOW,
                    useful_until=known.until,
                ),
                what=f"ask the customer of {known.number} "
                + ("whether all is well" if thanks else "for a review"),
            ),
        ),
    )


async def play(look: Look, settings: DeliveredSettings, since: date, until: date) -> Replay:
    """Count the orders that arrived in those days, and those that something had ended by now."""
    zone = zone_here(look.hub)
    trips = [
        each
        for each in await trips_since(look.conn, datetime.combine(since, time(), zone))
        if each.delivered_at is not None and since <= day_of(each.delivered_at, zone) <= until
    ]
    orders = {each.order.record_id: each.order for each in await with_orders(look, trips)}
    arrived = await _arrived(look, orders)
    asked = await orders_asked_about(look.conn, arrived) if arrived else frozenset()
    ended = sum(by is not None or number in asked for number, (_, by) in arrived.items())
    steps = bool(settings.thanks_days) + bool(settings.review_days)
    said = steps * (len(arrived) - ended)
    return Replay(
        since=since,
        until=until,
        figures={
            "orders": float(len(arrived)),
            "ended": float(ended),
            "proposals": float(said),
        },
        sentence=(
            f"Of {len(arrived)} orders that arrived from {since} to {until} something had ended "
            f"{ended} by now; for the others it would have spoken {said} times."
        ),
    )


RULE = Rule(
    name="delivered",
    version=1,
    title="Asks some days after an order arrived whether all is well, and later for a review.",
    kinds=frozenset({Notice.command}),
    settings=DeliveredSettings,
    read=read,
    propose=propose,
    play=play,
)
