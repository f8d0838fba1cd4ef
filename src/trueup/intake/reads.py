"""What others may know of intake."""

from typing import Any

import psycopg
from psycopg.rows import dict_row

from trueup.db.queries import load_queries

_queries = load_queries("trueup.intake")

Row = dict[str, Any]


async def _rows(conn: psycopg.AsyncConnection[Any], name: str, **parameters: object) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_queries[name], parameters)
        return await cursor.fetchall()


async def list_issues(
    conn: psycopg.AsyncConnection[Any], *, count: int = 100, code: str | None = None
) -> list[Row]:
    """Return open issues, newest first."""
    return await _rows(conn, "list_issues", count=count, code=code)


async def issues_of_events(conn: psycopg.AsyncConnection[Any], event_ids: list[int]) -> list[Row]:
    """Return the issues of some events."""
    return await _rows(conn, "issues_of_events", event_ids=event_ids)


async def count_issues(conn: psycopg.AsyncConnection[Any]) -> list[Row]:
    """Return open issues counted by code."""
    return await _rows(conn, "count_issues")


async def list_parked(conn: psycopg.AsyncConnection[Any], *, count: int = 100) -> list[Row]:
    """Return parked events, newest first."""
    return await _rows(conn, "list_parked", count=count)


async def list_clusters(conn: psycopg.AsyncConnection[Any]) -> list[Row]:
    """Return parked events counted by root cause."""
    return await _rows(conn, "list_clusters")


async def recent_events(
    conn: psycopg.AsyncConnection[Any], *, count: int = 50, before: int | None = None
) -> list[Row]:
    """Return the newest events without their bodies."""
    return await _rows(conn, "recent_events", count=count, before=before)


async def count_events(conn: psycopg.AsyncConnection[Any]) -> Row:
    """Return how many events there are, wait, are parked, were refused."""
    return (await _rows(conn, "count_events"))[0]


async def oldest_queued(conn: psycopg.AsyncConnection[Any]) -> Row:
    """Return how many events wait and for how long the oldest has."""
    return (await _rows(conn, "oldest_queued"))[0]
