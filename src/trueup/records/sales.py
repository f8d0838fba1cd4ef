"""Sales and what belongs to them, in sets: orders by time, bodies by number, entries by payment."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]


async def places_of_records(conn: Conn, record_ids: Collection[int]) -> dict[int, Row]:
    """Return of each record its connection, entity, kind and ref."""
    rows = await fetch_rows(conn, _queries.places_of_records, record_ids=sorted(record_ids))
    return {row["record_id"]: row for row in rows}


async def bodies_of_records(conn: Conn, record_ids: Collection[int]) -> list[Row]:
    """Return what some records say now, without what is personal; those that are gone left out."""
    return await fetch_rows(conn, _queries.bodies_of_records, record_ids=sorted(record_ids))


async def orders_placed(
    conn: Conn, since: datetime, until: datetime, connection_ids: Collection[int], *, count: int
) -> list[tuple[int, str]]:
    """Return the (connection_id, entity) of orders placed since an instant and before another."""
    rows = await fetch_rows(
        conn,
        _queries.orders_placed,
        since=since,
        until=until,
        connection_ids=sorted(connection_ids),
        count=count,
    )
    return [(row["connection_id"], row["entity"]) for row in rows]


async def entries_of_orders(
    conn: Conn, keys: Sequence[tuple[int, str]], paying: Collection[int]
) -> list[Row]:
    """Return the entries of providers' accounts that are of some orders, by names they share.

    Args:
        conn: any session.
        keys: the orders' connections and entities.
        paying: connections that pay out what others sold.
    """
    return await fetch_rows(
        conn,
        _queries.entries_of_orders,
        connection_ids=[number for number, _ in keys],
        entities=[entity for _, entity in keys],
        paying_ids=sorted(paying),
    )
