"""What others may know of the ledger."""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import dict_row

from trueup.db.queries import load_queries

_queries = load_queries("trueup.ledger")

Row = dict[str, Any]


async def _rows(conn: psycopg.AsyncConnection[Any], name: str, **parameters: object) -> list[Row]:
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_queries[name], parameters)
        return await cursor.fetchall()


async def list_balances(
    conn: psycopg.AsyncConnection[Any], *, sku: str | None = None, count: int = 500
) -> list[Row]:
    """Return balances, those nearest to zero first."""
    return await _rows(conn, "list_balances", code=sku, count=count)


async def list_sites(conn: psycopg.AsyncConnection[Any], sku: str) -> list[Row]:
    """Return what of a SKU lies at which site."""
    return await _rows(conn, "list_sites", code=sku)


async def list_movements(
    conn: psycopg.AsyncConnection[Any], sku: str, *, count: int = 100
) -> list[Row]:
    """Return what moved of a SKU, newest first."""
    return await _rows(conn, "list_movements", code=sku, count=count)


async def postings_of_events(
    conn: psycopg.AsyncConnection[Any], event_ids: Sequence[int]
) -> list[Row]:
    """Return what some events moved."""
    return await _rows(conn, "postings_of_events", event_ids=list(event_ids))


async def stock_history(conn: psycopg.AsyncConnection[Any], sku: str) -> list[Row]:
    """Return what was available of a SKU after each event that moved it."""
    return await _rows(conn, "stock_history", code=sku)


async def page_balances(
    conn: psycopg.AsyncConnection[Any], *, count: int, after: str | None = None
) -> list[Row]:
    """Return one page of balances by SKU; `after` is the last SKU of the page above."""
    return await _rows(conn, "page_balances", count=count, after=after)


async def transactions_of_events(
    conn: psycopg.AsyncConnection[Any], event_ids: Sequence[int]
) -> list[Row]:
    """Return the transactions of some events: reason, when it occurred, when it was posted."""
    return await _rows(conn, "transactions_of_events", event_ids=list(event_ids))


async def stock_series(
    conn: psycopg.AsyncConnection[Any], sku: str, *, count: int = 2000
) -> list[Row]:
    """Return what was available of a SKU after each of its newest `count` events, oldest first."""
    return await _rows(conn, "stock_series", code=sku, count=count)


async def busiest_skus(
    conn: psycopg.AsyncConnection[Any], *, postings: int = 5000, count: int = 1
) -> list[str]:
    """Return the SKUs that moved most among the newest postings, busiest first."""
    rows = await _rows(conn, "busiest_skus", postings=postings, count=count)
    return [row["sku"] for row in rows]
