"""What others may know of the outbox."""

from datetime import datetime
from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows

_queries = load_queries("trueup.outbox")


async def list_intents(
    conn: psycopg.AsyncConnection[Any],
    *,
    sku: str | None = None,
    state: str | None = None,
    count: int = 500,
) -> list[Row]:
    """Return what shall stand where, and what is believed to."""
    return await fetch_rows(conn, _queries.list_intents, sku=sku, state=state, count=count)


async def count_outbox(conn: psycopg.AsyncConnection[Any]) -> Row:
    """Return how much is due, in flight, given up, and how many calls were made."""
    return (await fetch_rows(conn, _queries.count_outbox))[0]


async def call_latency(conn: psycopg.AsyncConnection[Any], *, count: int = 10_000) -> Row:
    """Return how long after an event its call left, in ms, over the newest intents called."""
    return (await fetch_rows(conn, _queries.call_latency, count=count))[0]


async def calls_of_sku(
    conn: psycopg.AsyncConnection[Any], sku: str, *, count: int = 50
) -> list[Row]:
    """Return what was said to the channels of a SKU, newest first."""
    return await fetch_rows(conn, _queries.calls_of_sku, sku=sku, count=count)


async def list_dead(conn: psycopg.AsyncConnection[Any], *, count: int = 100) -> list[Row]:
    """Return intents that were given up, with the vendor's last word on them."""
    return await fetch_rows(conn, _queries.list_dead, count=count)


async def revive_dead(
    conn: psycopg.AsyncConnection[Any], *, skus: list[str] | None = None
) -> list[Row]:
    """Put intents that were given up back to work; all of them where `skus` is None."""
    return await fetch_rows(conn, _queries.revive_dead, skus=skus)


async def intents_of_skus(conn: psycopg.AsyncConnection[Any], skus: list[str]) -> list[Row]:
    """Return what shall stand where, of some SKUs, and what is believed to."""
    return await fetch_rows(conn, _queries.intents_of_skus, skus=skus)


async def calls_since(
    conn: psycopg.AsyncConnection[Any], skus: list[str], since: datetime
) -> list[Row]:
    """Return what was first said to each channel of some SKUs after an instant."""
    return await fetch_rows(conn, _queries.calls_since, skus=skus, since=since)


async def list_budgets(conn: psycopg.AsyncConnection[Any]) -> list[Row]:
    """Return what may still be spent at each vendor, by connection and scope."""
    return await fetch_rows(conn, _queries.list_budgets)
