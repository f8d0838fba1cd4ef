"""Claim events from the queue, and take them off it once they are applied."""

from collections.abc import Collection, Sequence
from typing import Any

import psycopg
from psycopg.rows import class_row

from trueup.db.queries import load_queries
from trueup.intake.model import Event

_queries = load_queries("trueup.intake")


async def claim_events(
    conn: psycopg.AsyncConnection[Any], partitions: Collection[int], count: int
) -> list[Event]:
    """Return the next events of partitions that this session holds, live ones first."""
    if not partitions:
        return []
    async with conn.cursor(row_factory=class_row(Event), binary=True) as cursor:
        await cursor.execute(
            _queries.claim_events,
            {"partitions": sorted(partitions), "count": count},
            prepare=True,
        )
        return await cursor.fetchall()


async def load_events(conn: psycopg.AsyncConnection[Any], event_ids: Sequence[int]) -> list[Event]:
    """Return events by number, whatever became of them, in order of their numbers."""
    async with conn.cursor(row_factory=class_row(Event), binary=True) as cursor:
        await cursor.execute(_queries.load_events, {"event_ids": list(event_ids)})
        return await cursor.fetchall()


async def finish_events(conn: psycopg.AsyncConnection[Any], event_ids: Sequence[int]) -> None:
    """Take applied events off the queue, in the transaction that applied them."""
    if event_ids:
        await conn.execute(_queries.finish_events, {"event_ids": list(event_ids)})


async def rewrap_keys(
    conn: psycopg.AsyncConnection[Any], keys: Sequence[tuple[int, bytes, bytes]]
) -> None:
    """Put bodies' keys under their persons' keys: (event_id, person, wrapped)."""
    if keys:
        await conn.execute(
            _queries.rewrap_keys,
            {
                "event_ids": [event_id for event_id, _, _ in keys],
                "persons": [person for _, person, _ in keys],
                "wrapped": [wrapped for _, _, wrapped in keys],
            },
        )
