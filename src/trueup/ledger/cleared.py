"""Payouts on clearing: what their entries tell, beside what they tell themselves."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows

_queries = load_queries("trueup.ledger")

Conn = psycopg.AsyncConnection[Any]


class Cleared(msgspec.Struct, frozen=True, kw_only=True):
    """One payout on clearing, as its entries tell it and as it tells itself.

    Attributes:
        entries, payouts: how many postings are theirs, and its own.
        entered: what the entries come to.
        paid: what the payout says.
        first_on, last_on: days on which its money moved.
    """

    connection_id: int
    item: str
    currency: str
    entries: int
    entered: Decimal
    payouts: int
    paid: Decimal
    first_on: date
    last_on: date


async def money_cleared(conn: Conn, *, connection_id: int | None = None) -> list[Cleared]:
    """Return every payout on clearing; the entries that name none are none's."""
    async with conn.cursor(row_factory=class_row(Cleared)) as cursor:
        await cursor.execute(_queries.money_cleared, {"connection_id": connection_id})
        return await cursor.fetchall()


async def entries_of_payout(conn: Conn, connection_id: int, item: str) -> list[int]:
    """Return the records of the entries that went out with a payout."""
    rows = await fetch_rows(
        conn, _queries.entries_of_payout, connection_id=connection_id, item=item
    )
    return [row["record_id"] for row in rows]
