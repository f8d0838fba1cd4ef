"""What others may know of the ledger."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
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


async def money_of_events(conn: psycopg.AsyncConnection[Any], event_ids: list[int]) -> list[Row]:
    """Return what some events posted in money."""
    return await fetch_rows(conn, _queries.money_of_events, event_ids=event_ids)


async def stock_history(conn: psycopg.AsyncConnection[Any], sku: str) -> list[Row]:
    """Return what was available of a SKU after each event that moved it."""
    return await fetch_rows(conn, _queries.stock_history, code=sku)


async def page_balances(
    conn: psycopg.AsyncConnection[Any], *, count: int, after: str | None = None, begins: str = ""
) -> list[Row]:
    """Return one page of balances by SKU.

    Args:
        conn: any session.
        count: rows at most.
        after: the last SKU of the page above.
        begins: with what the SKUs begin.
    """
    return await fetch_rows(conn, _queries.page_balances, count=count, after=after, begins=begins)


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


async def available_of(conn: psycopg.AsyncConnection[Any], skus: Collection[str]) -> dict[str, int]:
    """Return what is available of some SKUs, as far as the ledger knows them."""
    rows = await fetch_rows(conn, _queries.available_now, codes=sorted(skus))
    return {row["code"]: row["available"] for row in rows}


async def busiest_skus(
    conn: psycopg.AsyncConnection[Any], *, postings: int = 5000, count: int = 1
) -> list[str]:
    """Return the SKUs that moved most among the newest postings, busiest first."""
    rows = await fetch_rows(conn, _queries.busiest_skus, postings=postings, count=count)
    return [row["sku"] for row in rows]


async def on_hand_at(
    conn: psycopg.AsyncConnection[Any],
    spells: Sequence[tuple[str, str, datetime, datetime]],
) -> dict[str, tuple[int, bool]]:
    """Return what the books say of (sku, site, first_at, at): what stood there by `at`.

    Returns:
        Per SKU that has a number: on hand by `at`, and whether units came or left there after
        `first_at` and by `at`.
    """
    if not spells:
        return {}
    cursor = await conn.execute(
        _queries.on_hand_at,
        {
            "codes": [sku for sku, *_ in spells],
            "sites": [site for _, site, *_ in spells],
            "firsts": [first_at for *_, first_at, _ in spells],
            "ats": [at for *_, at in spells],
        },
    )
    return {sku: (on_hand, moved) for sku, on_hand, moved in await cursor.fetchall()}


async def skus_at_site(
    conn: psycopg.AsyncConnection[Any], site: str, *, count: int = 5000
) -> list[str]:
    """Return the SKUs of which the books say that units lie at a site."""
    rows = await fetch_rows(conn, _queries.skus_at_site, site=site, count=count)
    return [row["code"] for row in rows]


async def newest_moves(
    conn: psycopg.AsyncConnection[Any], *, after: int, count: int = 5000
) -> list[Row]:
    """Return the SKUs that moved since an event, among the newest postings."""
    return await fetch_rows(conn, _queries.newest_moves, after=after, count=count)


async def newest_sales(
    conn: psycopg.AsyncConnection[Any], skus: Sequence[str], *, count: int = 200
) -> list[Row]:
    """Return the newest sales of some SKUs, oldest first: when, and how many units."""
    return await fetch_rows(conn, _queries.newest_sales, codes=list(skus), count=count)


async def sold_days(
    conn: psycopg.AsyncConnection[Any], since: datetime
) -> tuple[dict[str, int], list[tuple[str, date, int, int]]]:
    """Return what every counted SKU has left now, and what its days sold.

    Returns:
        What is available by SKU; and (sku, day, units sold, change of what is available) of each
        day since an instant on which anything moved, by SKU and day.
    """
    cursor = await conn.execute(_queries.available_of_all)
    available = dict(await cursor.fetchall())
    cursor = await conn.execute(_queries.every_day, {"since": since})
    return available, list(await cursor.fetchall())
