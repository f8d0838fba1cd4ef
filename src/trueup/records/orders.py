"""Orders as a list, and what was ordered in a span of time."""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from psycopg.rows import class_row

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]

LOOKS_MAX: Final = 5_000
"""So many orders are looked at for one page, where only their bodies tell what is asked for."""


class Progress(StrEnum):
    """How far an order has come, as a list is asked for."""

    UNPAID = "unpaid"  # not cancelled, and not wholly paid
    UNSENT = "unsent"  # neither cancelled nor closed, and nothing of it has left
    SENT = "sent"  # something of it has left
    CANCELLED = "cancelled"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders are asked for; None: whatever it is.

    Attributes:
        since, until: when they were placed; `until` does not count.
        sku: that one of their lines has.
    """

    connection_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    sku: str | None = None
    progress: Progress | None = None


class Mark(NamedTuple):
    """Where a page ended."""

    at: datetime
    record_id: int


class OrdersFound(msgspec.Struct, frozen=True, kw_only=True):
    """One page of orders, the newest first.

    Attributes:
        rows: record_id, connection_id, ref, occurred_at, body.
        looked: how many orders were looked at for it.
        older: where the next page begins; None: there is none.
    """

    rows: list[Row]
    looked: int
    older: Mark | None


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """What was ordered at a connection in one part of a span.

    Attributes:
        part: of the span; the first is 0.
        amount: of the orders' totals, taxes and shipping included.
    """

    connection_id: int
    part: int
    currency: str
    orders: int
    amount: Decimal


async def page_orders(
    conn: Conn, asked: Asked, *, count: int, before: Mark | None = None
) -> OrdersFound:
    """Return one page of orders, the newest first.

    Where only bodies tell what is asked for, a page may hold less than there are: then it says how
    far was looked, and the next page goes on from there.
    """
    by_body = asked.sku is not None or asked.progress is not None
    looks = max(count + 1, LOOKS_MAX) if by_body else count + 1
    rows = await fetch_rows(
        conn,
        _queries.page_orders,
        connection_id=asked.connection_id,
        since=asked.since,
        until=asked.until,
        sku=asked.sku,
        progress=None if asked.progress is None else asked.progress.value,
        before_at=None if before is None else before.at,
        before_id=0 if before is None else before.record_id,
        looks=looks,
        count=count + 1,
    )
    looked, last = rows[0]["looked"], Mark(rows[0]["last_at"], rows[0]["last_id"])
    found = [row for row in rows if row["record_id"] is not None]
    older = last if looked == looks else None
    if len(found) > count:
        found = found[:count]
        older = Mark(found[-1]["occurred_at"], found[-1]["record_id"])
    return OrdersFound(rows=found, looked=looked, older=older)


async def tally_orders(conn: Conn, since: datetime, until: datetime, part: timedelta) -> list[Sold]:
    """Return what was ordered in a span, by connection, part and currency.

    Args:
        conn: any session.
        since: when the span begins.
        until: when it ends; does not count.
        part: how long a part of it is.
    """
    async with conn.cursor(row_factory=class_row(Sold)) as cursor:
        part_s = round(part.total_seconds())
        await cursor.execute(
            _queries.tally_orders, {"since": since, "until": until, "part_s": part_s}
        )
        return await cursor.fetchall()


async def tally_refunds(conn: Conn, since: datetime, until: datetime) -> list[Row]:
    """Return what was given back in a span: currency, refunds, amount; `until` does not count."""
    return await fetch_rows(conn, _queries.tally_refunds, since=since, until=until)
