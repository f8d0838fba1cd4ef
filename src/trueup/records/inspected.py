"""Which orders have graded returns, and whether something of them changed since the last look."""

from collections.abc import Mapping
from typing import Any

import psycopg

from trueup.canon.inspection import Inspection
from trueup.db.queries import load_queries
from trueup.records.model import Stored

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]
Entities = Mapping[tuple[int, str], Mapping[tuple[str, str], Stored]]
"""(connection_id, entity) -> the records of it, by kind and ref."""


async def note_inspected(conn: Conn, entities: Entities) -> None:
    """Note that what a batch changed is to be looked at; where nothing was graded, at no cost."""
    changed = sorted(
        key
        for key, records in entities.items()
        if any(isinstance(stored.body, Inspection) for stored in records.values())
        and any(stored.touched for stored in records.values())
    )
    if changed:
        await conn.execute(
            _queries.note_inspected,
            {
                "connection_ids": [connection_id for connection_id, _ in changed],
                "entities": [entity for _, entity in changed],
            },
        )


async def unlooked_inspected(conn: Conn, *, count: int = 500) -> list[tuple[int, str]]:
    """Return (connection_id, entity) of what changed since it was looked at."""
    cursor = await conn.execute(_queries.unlooked_inspected, {"count": count})
    return list(await cursor.fetchall())


async def note_inspected_looked(conn: Conn, connection_id: int, entity: str) -> None:
    """Note that an entity was looked at, in the transaction that looks."""
    await conn.execute(
        _queries.note_inspected_looked, {"connection_id": connection_id, "entity": entity}
    )
