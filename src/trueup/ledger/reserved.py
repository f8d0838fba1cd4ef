"""Reserved: which records hold units for orders, found stretch by stretch."""

from typing import Any

import psycopg

from trueup.db.queries import load_queries

_queries = load_queries("trueup.ledger")


async def reserved_between(conn: psycopg.AsyncConnection[Any], after: int, upto: int) -> list[int]:
    """Return the records with numbers behind `after` up to `upto` that hold units for orders."""
    cursor = await conn.execute(_queries.reserved_between, {"after": after, "upto": upto})
    return [record_id for (record_id,) in await cursor.fetchall()]


async def end_of_stretch(conn: psycopg.AsyncConnection[Any], after: int, count: int) -> int | None:
    """Return the record at which a stretch of `count` postings ends; None where it is the last."""
    cursor = await conn.execute(_queries.end_of_stretch, {"after": after, "count": count})
    [(record_id, postings)] = await cursor.fetchall()
    return record_id if postings == count else None
