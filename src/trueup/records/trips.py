"""Trips: what parcels' scans tell of their way, in figures, and of which orders they are.

Read in sets, so that whoever looks at many parcels asks once.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec
import psycopg
from psycopg.rows import class_row

from trueup.canon.parcel import FINAL_STATUSES, ParcelStatus
from trueup.canon.ticket import TicketStatus
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.kernel.money import Money

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]

TRIPS_MAX: Final = 20_000
"""So many parcels are looked at; those that moved last."""

MOVING: Final = frozenset(
    (ParcelStatus.PICKED_UP, ParcelStatus.IN_TRANSIT, ParcelStatus.OUT_FOR_DELIVERY)
)
"""After these another scan should come by itself."""

_FINAL: Final = sorted(each.value for each in FINAL_STATUSES)
_MOVING: Final = sorted(each.value for each in MOVING)
_OVER: Final = sorted((TicketStatus.SOLVED.value, TicketStatus.CLOSED.value))


class Trip(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel's way.

    Attributes:
        connection_id: of the carrier.
        origin: where it was scanned first.
        scanned_at: when it was scanned last.
        promised_on: the day that the carrier promised first; `expected_on` is its newest word.
        gap_s_max: the longest silence between two scans while it moved.
    """

    record_id: int
    connection_id: int
    carrier: str | None
    service: str | None
    origin: str | None
    status: ParcelStatus
    attempts: int
    returning: bool
    shipped_at: datetime | None
    delivered_at: datetime | None
    scanned_at: datetime | None
    promised_on: date | None
    expected_on: date | None
    gap_s_max: int | None

    @property
    def moves(self) -> bool:
        """Another scan should come by itself."""
        return self.status in MOVING


class OrderOfParcel(msgspec.Struct, frozen=True, kw_only=True):
    """The order that a parcel is of, at whoever sold it.

    Attributes:
        is_void: cancelled, or a test: nobody waits for it.
        has_customer: the seller knows whose it is by a number.
    """

    parcel_id: int
    record_id: int
    connection_id: int
    ref: str
    number: str | None
    currency: str
    is_void: bool
    has_customer: bool = False


async def trips_since(
    conn: Conn,
    since: datetime,
    *,
    record_ids: Collection[int] | None = None,
    open_only: bool = False,
    count: int = TRIPS_MAX,
) -> list[Trip]:
    """Return the trips of parcels of which something was told since an instant, the newest first.

    Args:
        conn: any session.
        since: of the newest that was told of it.
        record_ids: only of these parcels; None: of all.
        open_only: only those that the carrier has something to do for.
        count: at most; those that moved last.
    """
    rows = await fetch_rows(
        conn,
        _queries.trips,
        since=since,
        record_ids=None if record_ids is None else sorted(record_ids),
        open_only=open_only,
        final=_FINAL,
        moving=_MOVING,
        count=count,
    )
    return [msgspec.convert(row, Trip) for row in rows]


async def orders_of_parcels(
    conn: Conn, record_ids: Collection[int], sellers: Collection[int]
) -> dict[int, OrderOfParcel]:
    """Return the order of each parcel that is known to be of one, by the parcel's record.

    Args:
        conn: any session.
        record_ids: of parcels.
        sellers: connections that sell.
    """
    async with conn.cursor(row_factory=class_row(OrderOfParcel)) as cursor:
        await cursor.execute(
            _queries.orders_of_parcels,
            {"record_ids": sorted(record_ids), "seller_ids": sorted(sellers)},
        )
        return {each.parcel_id: each for each in await cursor.fetchall()}


async def parcels_of_orders(conn: Conn, record_ids: Collection[int]) -> Mapping[int, Sequence[int]]:
    """Return the records of the parcels of each order, by the order's record."""
    found: dict[int, list[int]] = defaultdict(list)
    rows = await fetch_rows(conn, _queries.parcels_of_orders, record_ids=sorted(record_ids))
    for row in rows:
        found[row["order_id"]].append(row["parcel_id"])
    return found


async def worth_of_customers(
    conn: Conn, record_ids: Collection[int], sellers: Collection[int]
) -> Mapping[int, Sequence[Money]]:
    """Return what the customer of each order bought in all, less refunds, by currency.

    Args:
        conn: any session.
        record_ids: of orders.
        sellers: connections that sell.
    """
    found: dict[int, list[Money]] = defaultdict(list)
    rows = await fetch_rows(
        conn,
        _queries.worth_of_customers,
        record_ids=sorted(record_ids),
        connection_ids=sorted(sellers),
    )
    for row in rows:
        found[row["record_id"]].append(Money(row["amount"], row["currency"]))
    return found


async def orders_asked_about(conn: Conn, record_ids: Collection[int]) -> frozenset[int]:
    """Return those of some orders whose customer has a ticket open."""
    rows = await fetch_rows(
        conn, _queries.orders_asked_about, record_ids=sorted(record_ids), over=_OVER
    )
    return frozenset(row["record_id"] for row in rows)
