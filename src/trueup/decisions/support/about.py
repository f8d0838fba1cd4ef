"""Which order a customer asks about, and what carriers tell of it; and choosing among several.

An order counts only where it is of whoever asks, so that nobody is told of somebody else's.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final, Literal, NamedTuple

import msgspec

from trueup.canon.link import LinkSpace, normal_value
from trueup.canon.order import Order
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.canon.record import Record, decode
from trueup.canon.refund import Refund
from trueup.canon.returns import Return
from trueup.canon.shipment import Shipment, ShipmentState
from trueup.decisions.rule import Look
from trueup.kernel.money import Money
from trueup.models.tickets.cause import OrderFacts, order_facts
from trueup.models.tickets.hearing import Heard
from trueup.models.tickets.matters import Matter
from trueup.records.asked import orders_of_persons
from trueup.records.returned import parcels_of_entities, records_of_entities

ORDERS_EACH: Final = 10
SCANS_SHOWN: Final = 12
_BESIDE: Final = (Shipment.kind, Return.kind, Refund.kind)

How = Literal["named", "linked", "only", "likely"]
"""How it is known which order is meant; `likely`: of several, the one that fits best."""


class ScanSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One scan, without the carrier's own words."""

    status: ParcelStatus
    at: datetime
    place: str | None = None


class ParcelSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A parcel by what its carrier tells, without its number: by that anybody can follow it.

    Attributes:
        name: of the shipment by which it is found: "shop/shipment/7".
        scans: the newest, oldest first.
    """

    name: str
    status: ParcelStatus
    carrier: str | None = None
    attempts: int = 0
    returning: bool = False
    expected_on: date | None = None
    delivered_at: datetime | None = None
    scans: tuple[ScanSeen, ...] = ()


class OrderSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The order that somebody asks about.

    Attributes:
        name: by which it is found: "shop/order/1001".
        shipped_at: when something of it left first.
        facts: by which it is found why somebody asks.
    """

    name: str
    number: str
    placed_at: datetime
    total: Money
    how: How
    cancelled: bool = False
    shipped_at: datetime | None = None
    parcels: tuple[ParcelSeen, ...] = ()
    facts: OrderFacts = OrderFacts()

    @property
    def sure(self) -> bool:
        """Whether it is known to be this one."""
        return self.how != "likely"

    @property
    def delivered(self) -> bool:
        """Whether carriers say that all of its parcels were delivered."""
        return bool(self.parcels) and all(
            each.status is ParcelStatus.DELIVERED for each in self.parcels
        )


class Placed(NamedTuple):
    """An order of somebody, with the digest of its number."""

    digest: bytes
    seen: OrderSeen


async def read_placed(
    look: Look, persons: Collection[bytes], since: datetime
) -> dict[bytes, list[Placed]]:
    """Return the newest orders of each of some persons with their parcels, newest first.

    Args:
        look: what is read with.
        persons: whose.
        since: placed then or later.
    """
    if not persons:
        return {}
    vault, names = look.hub.vault, look.hub.names()
    rows = await orders_of_persons(
        look.conn, persons, look.hub.sellers(), since=since, count=ORDERS_EACH
    )
    keys = [(each["connection_id"], each["entity"]) for whose in rows.values() for each in whose]
    told = await _told(look, keys)
    parcels = await _parcels(look, keys)
    found: dict[bytes, list[Placed]] = defaultdict(list)
    for person, theirs in rows.items():
        for row in theirs:
            order = msgspec.convert(decode(Order.kind, row["body"]), Order)
            if order.test:
                continue
            key = (row["connection_id"], row["entity"])
            carried = parcels.get(key, ())
            seen = OrderSeen(
                name=f"{names[row['connection_id']]}/order/{order.ref}",
                number=order.number,
                placed_at=order.placed_at,
                total=(order.totals.current_total or order.totals.total).booked,
                how="likely",
                cancelled=order.cancelled_at is not None,
                shipped_at=_shipped_at(told.get(key, ())),
                parcels=tuple(each for each, _ in carried),
                facts=order_facts([order, *told.get(key, ()), *(each for _, each in carried)]),
            )
            number = normal_value(LinkSpace.ORDER, order.number)
            found[person].append(Placed(vault.index(LinkSpace.ORDER, number), seen))
    return found


async def _told(look: Look, keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], list[Record]]:
    """Return what shops tell of each order beside it: shipments, returns and refunds."""
    found: dict[tuple[int, str], list[Record]] = defaultdict(list)
    for row in await records_of_entities(look.conn, keys, _BESIDE):
        found[row["connection_id"], row["entity"]].append(decode(row["kind"], row["body"]))
    return found


def _shipped_at(told: Sequence[Record]) -> datetime | None:
    """Return when something of an order left first."""
    left = [
        each.shipped_at or each.created_at or each.updated_at
        for each in told
        if isinstance(each, Shipment) and each.state is ShipmentState.SHIPPED
    ]
    return min(left, default=None)


async def _parcels(
    look: Look, keys: Sequence[tuple[int, str]]
) -> dict[tuple[int, str], list[tuple[ParcelSeen, Parcel]]]:
    """Return what carriers tell of each order's parcels."""
    names = look.hub.names()
    found: dict[tuple[int, str], list[tuple[ParcelSeen, Parcel]]] = defaultdict(list)
    told: set[tuple[tuple[int, str], int]] = set()
    for row in await parcels_of_entities(look.conn, keys):
        key = (row["connection_id"], row["entity"])
        if (key, row["record_id"]) in told:
            continue  # two shipments of one order name one parcel
        told.add((key, row["record_id"]))
        parcel = msgspec.convert(decode(Parcel.kind, row["body"]), Parcel)
        name = f"{names.get(key[0], 'removed')}/shipment/{row['shipment_ref']}"
        found[key].append((_seen(name, parcel), parcel))
    return found


def _seen(name: str, parcel: Parcel) -> ParcelSeen:
    return ParcelSeen(
        name=name,
        status=parcel.status,
        carrier=parcel.carrier,
        attempts=parcel.attempts,
        returning=parcel.returning,
        expected_on=parcel.expected_on,
        delivered_at=parcel.delivered_at,
        scans=tuple(
            ScanSeen(status=each.status, at=each.occurred_at, place=each.place)
            for each in parcel.scans[-SCANS_SHOWN:]
        ),
    )


def choose(
    theirs: Sequence[Placed], heard: Heard, named: Collection[bytes], linked: Collection[bytes]
) -> OrderSeen | None:
    """Return which of somebody's orders they ask about; None where they have none.

    A number in the text that is none of theirs leaves it unsure which one they mean.

    Args:
        theirs: newest first.
        heard: what they ask.
        named: digests of numbers in the text.
        linked: digests of the orders that the helpdesk names.
    """
    ways: tuple[tuple[How, Collection[bytes]], ...] = (("named", named), ("linked", linked))
    for how, digests in ways:
        found = [each.seen for each in theirs if each.digest in digests]
        if len(found) == 1:
            return msgspec.structs.replace(found[0], how=how)
    if len(theirs) == 1:
        return msgspec.structs.replace(theirs[0].seen, how="likely" if named else "only")
    fits = [each.seen for each in theirs if _fits(each.seen, heard.matter)]
    return next(iter((*fits, *(each.seen for each in theirs))), None)


def _fits(seen: OrderSeen, matter: Matter) -> bool:
    if seen.cancelled:
        return False
    if matter is Matter.NOT_RECEIVED:
        return seen.delivered
    return matter is not Matter.WHERE_IS_ORDER or not seen.delivered
