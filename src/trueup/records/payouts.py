"""What payouts are made of: the entries of a provider's account, in sums and one by one."""

from collections.abc import Collection
from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]


async def sum_entries(conn: Conn, record_ids: Collection[int]) -> list[Row]:
    """Return what some entries of a provider's account come to, by kind and currency.

    Rows: entry, currency, entries, gross, fee, net; what came in most first.
    """
    return await fetch_rows(conn, _queries.sum_entries, record_ids=sorted(record_ids))


async def list_entries(conn: Conn, record_ids: Collection[int], *, count: int) -> list[Row]:
    """Return some entries of a provider's account, the newest first: event_id and body."""
    return await fetch_rows(conn, _queries.list_entries, record_ids=sorted(record_ids), count=count)
