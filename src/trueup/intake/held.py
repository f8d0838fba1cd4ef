"""Held up: what arrived about a thing and was not applied yet."""

from collections.abc import Collection
from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows

_queries = load_queries("trueup.intake")

QUEUE_LOOKED_AT = 20_000


async def held_up(
    conn: psycopg.AsyncConnection[Any], connection_id: int, entities: Collection[str]
) -> dict[str, list[Row]]:
    """Return events about some entities that wait or are parked, oldest first, by entity."""
    found: dict[str, list[Row]] = {}
    if not entities:
        return found
    rows = await fetch_rows(
        conn,
        _queries.held_up,
        connection_id=connection_id,
        entities=list(entities),
        count=QUEUE_LOOKED_AT,
    )
    for row in rows:
        found.setdefault(row["entity"], []).append(row)
    return found
