"""Does every return close? Read in sets, judged order by order."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.inspection import Inspection
from trueup.canon.order import Order
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.canon.payment import Payment
from trueup.canon.payout import BalanceEntry
from trueup.canon.record import decode
from trueup.canon.refund import Refund
from trueup.canon.returns import Return
from trueup.canon.shipment import Shipment
from trueup.db.rows import Row
from trueup.hub import Hub
from trueup.ledger.cases import Entity, Known
from trueup.ledger.kits import Kits
from trueup.ledger.posted import money_posted
from trueup.own import learn_connections, learn_kits
from trueup.reconcile.loop import Beside, Limits
from trueup.reconcile.loop_causes import Loop, Whose, loops_of
from trueup.reconcile.report import Discrepancy, Report
from trueup.records.reads import find_records
from trueup.records.returned import (
    Key,
    entities_returned,
    entity_of_record,
    parcels_of_entities,
    records_of_entities,
)

Conn = psycopg.AsyncConnection[Any]

KINDS: Final = tuple(
    kind.kind for kind in (Order, Shipment, Return, Refund, Inspection, Payment, BalanceEntry)
)
STRETCH: Final = 1_000
"""So many orders are read at once."""

_ALL: Final = 2**31 - 1


class View(msgspec.Struct, frozen=True, kw_only=True):
    """By what returns are judged: names of connections, kits, the instant, what counts as late.

    Attributes:
        sellers: connections whose orders count; others hold copies of them.
    """

    names: Mapping[int, str]
    sellers: frozenset[int]
    kits: Kits
    now: datetime
    limits: Limits = Limits()


async def view_of(conn: Conn, hub: Hub, now: datetime, limits: Limits | None = None) -> View:
    """Return by what returns are judged now.

    Args:
        conn: any session.
        hub: learns the newest kits.
        now: by which it is judged how long something is missing.
        limits: how long a fact may be missing.
    """
    await learn_kits(conn, hub)
    names = await learn_connections(conn, hub)
    return View(
        names=names,
        sellers=frozenset(hub.sellers()),
        kits=hub.kits,
        now=now,
        limits=limits or Limits(),
    )


async def check_returns(conn: Conn, view: View, *, connection_id: int | None = None) -> Report:
    """Hold what was asked for, came back, was refunded and put away beside each other.

    Args:
        conn: any session.
        view: by what it is judged.
        connection_id: only this channel's; None: all.

    Returns:
        Left are returns, right are those of which nothing is missing; amounts are what lacks (below
        zero) or is too much, in money where money is at stake, else in units.
    """
    left = closed = matched = 0
    found: list[Discrepancy] = []
    keys = await entities_returned(conn, connection_id=connection_id, count=_ALL, beside=True)
    async for loop in _loops(conn, view, keys):
        left += 1
        closed += loop.closed
        matched += not loop.discrepancies
        found += loop.discrepancies
    return Report(
        check="returns",
        left=left,
        right=closed,
        matched=matched,
        discrepancies=tuple(sorted(found, key=lambda each: (each.cause, each.left_ref or ""))),
    )


async def list_loops(
    conn: Conn, view: View, *, connection_id: int | None = None, count: int
) -> list[Loop]:
    """Return the returns of the orders of which something was told last, the newest order first.

    Args:
        conn: any session.
        view: by what they are judged.
        connection_id: only this channel's; None: of all.
        count: orders at most.
    """
    keys = await entities_returned(conn, connection_id=connection_id, count=count)
    return [loop async for loop in _loops(conn, view, keys)]


async def find_loops(conn: Conn, view: View, name: str) -> list[Loop]:
    """Return the returns of an order by its number or ref, or a return by its own ref."""
    orders = await find_records(conn, Order.kind, name)
    own = await find_records(conn, Return.kind, name)
    keys = [(row["connection_id"], row["entity"]) for row in (*orders, *own)]
    found = [loop async for loop in _loops(conn, view, list(dict.fromkeys(keys)))]
    numbers = {row["record_id"] for row in own}
    return found if orders else [loop for loop in found if loop.record_id in numbers]


async def find_loop(conn: Conn, view: View, record_id: int) -> Loop | None:
    """Return one return by its number; None where there is none."""
    key = await entity_of_record(conn, record_id)
    async for loop in _loops(conn, view, [] if key is None else [key]):
        if loop.record_id == record_id:
            return loop
    return None


async def _loops(conn: Conn, view: View, keys: Sequence[Key]) -> AsyncIterator[Loop]:
    told = [key for key in keys if key[0] in view.sellers or not key[1].startswith("order/")]
    for start in range(0, len(told), STRETCH):
        stretch = told[start : start + STRETCH]
        entities, owned = await _read(conn, stretch)
        moved = {
            each.record_id
            for entity in entities.values()
            for each in entity.known
            if isinstance(each.record, Refund | Payment | BalanceEntry)
        }
        posted = await money_posted(conn, moved)
        for key, entity in entities.items():
            beside = Beside(
                now=view.now, limits=view.limits, posted=posted, has_customer=key in owned
            )
            whose = Whose(key[0], view.names.get(key[0], "removed"))
            for loop in loops_of(entity, beside, whose, view.kits):
                yield loop


async def _read(conn: Conn, keys: Sequence[Key]) -> tuple[Mapping[Key, Entity], set[Key]]:
    """Return what is known of some entities, and which of them have somebody as customer."""
    known: dict[Key, list[Known]] = defaultdict(list)
    owned: set[Key] = set()
    for row in await records_of_entities(conn, keys, KINDS):
        key = (row["connection_id"], row["entity"])
        known[key].append(_known(row, row["kind"]))
        if row["kind"] == Order.kind and row["has_person"]:
            owned.add(key)
    back: dict[Key, list[tuple[str, Known]]] = defaultdict(list)
    for row in await parcels_of_entities(conn, keys, [ParcelStatus.RETURNED]):
        parcel = _known(row, Parcel.kind)
        back[row["connection_id"], row["entity"]].append((row["shipment_ref"], parcel))
    entities = {
        key: Entity(known=tuple(known[key]), returned=tuple(back.get(key, ())))
        for key in keys
        if key in known
    }
    return entities, owned


def _known(row: Row, kind: str) -> Known:
    return Known(decode(kind, row["body"]), row["record_id"], row["event_id"])
