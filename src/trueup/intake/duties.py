"""Duties: what is done again and again, when it is due, and how it went the last time."""

from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from trueup.db.queries import load_queries

_queries = load_queries("trueup.intake")

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
