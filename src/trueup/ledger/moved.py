"""What every record brought in and took out, by SKU."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import class_row

from trueup.db.queries import load_queries

_queries = load_queries("trueup.ledger")


class Moved(NamedTuple):
    """What one record moved of one SKU, all its postings together.

    Attributes:
        came: from suppliers.
        sold: to customers; below zero where they came back.
        lost: below zero where more was found.
        moved_at: when its units first touched a shelf, else when it happened.
    """

    record_id: int
    sku: str
    came: int
    sold: int
    lost: int
    moved_at: datetime


async def units_moved(
    conn: psycopg.AsyncConnection[Any], skus: Collection[str] | None = None
) -> list[Moved]:
    """Return what each record moved of some SKUs, of all where None."""
    async with conn.cursor(row_factory=class_row(Moved)) as cursor:
        wanted = None if skus is None else sorted(skus)
        await cursor.execute(_queries.units_moved, {"skus": wanted})
        return await cursor.fetchall()
