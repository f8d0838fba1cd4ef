"""Duties: what is done again and again, when it is due, and how it went the last time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from trueup.db.queries import load_queries

_queries = load_queries("trueup.intake")

_POLL_DURATION_MAX = timedelta(seconds=60)

HUB = 0
"""Stands for the hub itself where a duty belongs to no connection."""


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """One duty as it stands.

    Attributes:
        connection_id: whose; `HUB` for the hub's own.
        failures: in a row; 0 after a success.
        reason: why it failed the last time; None after a success.
        outcome: what its last success found, as JSON; None where it says nothing.
    """

    connection_id: int
    name: str
    due_at: datetime
    done_at: datetime | None = None
    failed_at: datetime | None = None
    failures: int = 0
    reason: str | None = None
    outcome: str | None = None


async def list_duties(
    conn: psycopg.AsyncConnection[Any], connection_id: int | None = None
) -> list[Duty]:
    """Return the duties of one connection (`HUB`: of the hub); all where None."""
    async with conn.cursor(row_factory=class_row(Duty)) as cursor:
        await cursor.execute(_queries.list_duties, {"connection_id": connection_id})
        return await cursor.fetchall()


async def write_duty(
    conn: psycopg.AsyncConnection[Any],
    connection_id: int,
    name: str,
    *,
    at: datetime,
    due_at: datetime,
    reason: str | None = None,
    outcome: str | None = None,
) -> None:
    """Note that a duty was done (`reason` None) or failed, and when it is due again."""
    await conn.execute(
        _queries.write_duty,
        {
            "connection_id": connection_id,
            "name": name,
            "at": at,
            "due_at": due_at,
            "done": reason is None,
            "reason": None if reason is None else reason[:500],
            "outcome": outcome,
        },
    )


async def orders_read_until(
    conn: psycopg.AsyncConnection[Any], connection_id: int
) -> datetime | None:
    """Return until when all orders that a vendor knows were read and applied, as far as polls tell.

    None where orders are not polled, and everything that came is applied. A poll may have begun a
    minute before it was done.
    """
    cursor = await conn.execute(_queries.orders_read, {"connection_id": connection_id})
    row = await cursor.fetchone()
    polled, done_at, waits = row or (False, None, False)
    if waits or (polled and done_at is None):
        return datetime.min.replace(tzinfo=UTC)
    return done_at - _POLL_DURATION_MAX if done_at is not None else None


async def find_duty(
    conn: psycopg.AsyncConnection[Any], connection_id: int, name: str
) -> Duty | None:
    """Return one duty of a connection; None where it was never done."""
    duties = await list_duties(conn, connection_id)
    return next((duty for duty in duties if duty.name == name), None)
