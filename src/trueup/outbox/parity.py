"""What a look at a channel needs of the outbox, and the doors by which it mends what it found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.rows import class_row

from trueup.contract.connector import Intent
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows

_queries = load_queries("trueup.outbox")

Conn = psycopg.AsyncConnection[Any]

CALLS_LOOKED_AT = 5
"""So many calls of a listing tell what stood there before."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One listing as the outbox knows it.

    Attributes:
        key: which listing: the SKU, or for a further listing of it another text.
        shall: stands there once nothing is open.
        value: shall stand there now: `shall` less what dropped unread.
        unsure: what was read lately may be in its number or not: the next call finds out.
        counted: the books of the SKU are open; before that nothing shall stand there.
    """

    sku: str
    key: str
    target: dict[str, str]
    shall: int
    value: int
    counted: bool
    believed: int | None
    dropped: int
    risen: int
    sequence: int
    confirmed_sequence: int
    state: str
    attempts: int
    due_at: datetime
    wanted_at: datetime
    unexplained_since: datetime | None
    unsure: bool = False

    @property
    def intent(self) -> Intent:
        """The intent by which a connector reads what stands there."""
        return Intent(
            kind="stock.set",
            key=self.key,
            value=self.value,
            expected=self.believed,
            target=self.target,
        )


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a look found at a listing, beside what the outbox said of it then."""

    standing: Standing
    level: int


async def listings_to_compare(
    conn: Conn, connection_id: int, keys: Sequence[str] | None = None
) -> list[Standing]:
    """Return what shall stand at a channel; of some SKUs where they are given."""
    async with conn.cursor(row_factory=class_row(Standing)) as cursor:
        await cursor.execute(
            _queries.listings_to_compare,
            {"connection_id": connection_id, "keys": None if keys is None else list(keys)},
        )
        return await cursor.fetchall()


async def newest_calls(
    conn: Conn, connection_id: int, keys: Sequence[str], *, count: int = CALLS_LOOKED_AT
) -> dict[str, list[Row]]:
    """Return the newest calls about some SKUs, newest first, by SKU."""
    found: dict[str, list[Row]] = {}
    rows = await fetch_rows(
        conn, _queries.newest_calls, connection_id=connection_id, keys=list(keys), count=count
    )
    for row in rows:
        found.setdefault(row["key"], []).append(row)
    return found


async def forgiven_since(conn: Conn, connection_id: int, since: datetime) -> list[Row]:
    """Return what of a channel was waited for in vain after an instant, oldest first."""
    return await fetch_rows(conn, _queries.forgiven_since, connection_id=connection_id, since=since)


async def trim_forgiven(conn: Conn, connection_id: int, before: datetime) -> None:
    """Forget what was forgiven long ago."""
    await conn.execute(_queries.trim_forgiven, {"connection_id": connection_id, "before": before})


async def note_levels(
    conn: Conn, connection_id: int, found: Sequence[Found], now: datetime
) -> set[str]:
    """Believe what a look found; returns the SKUs whose intents had not changed since.

    A number that fell is never raised over by it: the units count as dropped until something that
    is read explains them, or the patience with them ends. One that rose is said down.
    """
    if not found:
        return set()
    cursor = await conn.execute(
        _queries.note_levels,
        {
            "connection_id": connection_id,
            "keys": [each.standing.key for each in found],
            "levels": [each.level for each in found],
            "values": [each.standing.value for each in found],
            "sequences": [each.standing.sequence for each in found],
            "believed": [each.standing.believed for each in found],
            "now": now,
        },
    )
    return {key for (key,) in await cursor.fetchall()}


async def revive_listings(
    conn: Conn, connection_id: int, keys: Sequence[str], now: datetime
) -> set[str]:
    """Put intents that were given up back to work; returns which there were."""
    return await _keys(conn, _queries.revive_listings, connection_id, keys, now)


async def hasten_listings(
    conn: Conn, connection_id: int, keys: Sequence[str], now: datetime
) -> set[str]:
    """Let intents that wait after a failed try be tried now; returns which there were."""
    return await _keys(conn, _queries.hasten_listings, connection_id, keys, now)


async def _keys(
    conn: Conn, query: LiteralString, connection_id: int, keys: Sequence[str], now: datetime
) -> set[str]:
    if not keys:
        return set()
    cursor = await conn.execute(
        query, {"connection_id": connection_id, "keys": list(keys), "now": now}
    )
    return {key for (key,) in await cursor.fetchall()}
