"""Cursors: how far each pull of each connection has come."""

from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows

_queries = load_queries("trueup.intake")


class PullCursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far a pull has come.

    Attributes:
        since_at: the pull reads what changed at or after this.
        position: the vendor's cursor within it; None at its beginning.
        bulk_ref: the vendor's id of a running export.
        done, expected: records so far, and by the vendor's own count.
    """

    since_at: datetime | None = None
    position: str | None = None
    bulk_ref: str | None = None
    done: int = 0
    expected: int | None = None
    finished_at: datetime | None = None


async def read_cursor(
    conn: psycopg.AsyncConnection[Any], connection_id: int, resource: str, purpose: str
) -> PullCursor | None:
    """Return how far a pull ("poll" or "backfill") has come; None if it never began."""
    async with conn.cursor(row_factory=class_row(PullCursor)) as cursor:
        await cursor.execute(
            _queries.read_cursor,
            {"connection_id": connection_id, "resource": resource, "purpose": purpose},
        )
        return await cursor.fetchone()


async def list_cursors(
    conn: psycopg.AsyncConnection[Any], connection_id: int, purpose: str
) -> dict[str, PullCursor]:
    """Return how far a connection's pulls of one purpose have come, by resource."""
    rows = await fetch_rows(
        conn, _queries.list_cursors, connection_id=connection_id, purpose=purpose
    )
    return {
        row["resource"]: msgspec.convert(
            {name: value for name, value in row.items() if name != "resource"}, PullCursor
        )
        for row in rows
    }


async def write_cursor(
    conn: psycopg.AsyncConnection[Any],
    connection_id: int,
    resource: str,
    purpose: str,
    cursor: PullCursor,
    *,
    finished: bool = False,
) -> None:
    """Note how far a pull has come, in the transaction that appended its page."""
    await conn.execute(
        _queries.write_cursor,
        {
            "connection_id": connection_id,
            "resource": resource,
            "purpose": purpose,
            "since_at": cursor.since_at,
            "position": cursor.position,
            "bulk_ref": cursor.bulk_ref,
            "done": cursor.done,
            "expected": cursor.expected,
            "finished": finished,
        },
    )
