"""What others may know of the ledger."""

from collections.abc import Sequence
from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows

_queries = load_queries("trueup.ledger")


async def list_balances(
    conn: psycopg.AsyncConnection[Any], *, sku: str | None = None, count: int = 500
) -> list[Row]:
    """Return balances, those nearest to zero first."""
    return await fetch_rows(conn, _queries.list_balances, code=sku, count=count)


async def list_sites(conn: psycopg.AsyncConnection[Any], sku: str) -> list[Row]:
    """Return what of a SKU lies at which site."""
    return await fetch_rows(conn, _queries.list_sites, code=sku)


async def list_movements(
    conn: psycopg.AsyncConnection[Any], sku: str, *, count: int = 100
) -> list[Row]:
    """Return what moved of a SKU, newest first."""
    return await fetch_rows(conn, _queries.list_movements, code=sku, count=count)


async def postings_of_events(
    conn: psycopg.AsyncConnection[Any], event_ids: Sequence[int]
) -> list[Row]:
    """Return what some events moved."""
    return await fetch_rows(conn, _queries.postings_of_events, event_ids=list(event_ids))


async def stock_history(conn: psycopg.AsyncConnection[Any], sku: str) -> list[Row]:
    """Return what was available of a SKU after each event that moved it."""
    return await fetch_rows(conn, _queries.stock_history, code=sku)


async def page_balances(
    conn: psycopg.AsyncConnection[Any], *, count: int, after: str | None = None
) -> list[Row]:
    """Return one page of balances by SKU; `after` is the last SKU of the page above."""
    return await fetch_rows(conn, _queries.page_balances, count=count, after=after)


async def transactions_of_events(
    conn: psycopg.AsyncConnection[Any], event_ids: Sequence[int]
) -> list[Row]:
    """Return the transactions of some events: reason, when it occurred, when it was posted."""
    return await fetch_rows(conn, _queries.transactions_of_events, event_ids=list(event_ids))


async def stock_series(
    conn: psycopg.AsyncConnection[Any], sku: str, *, count: int = 2000
) -> list[Row]:
    """Return what was available of a SKU after each of its newest `count` events, oldest first."""
    return await fetch_rows(conn, _queries.stock_series, code=sku, count=count)


async def busiest_skus(
    conn: psycopg.AsyncConnection[Any], *, postings: int = 5000, count: int = 1
) -> list[str]:
    """Return the SKUs that moved most among the newest postings, busiest first."""
    rows = await fetch_rows(conn, _queries.busiest_skus, postings=postings, count=count)
    return [row["sku"] for row in rows]
