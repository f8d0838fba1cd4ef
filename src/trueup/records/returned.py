"""What is told of returns and sales, entity by entity; and what customers' orders came to."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
from psycopg.rows import class_row

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]
Key = tuple[int, str]
"""Connection and entity."""


class CustomerValue(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer's orders at one connection came to, in one currency.

    Attributes:
        ordered: the orders' totals, taxes and shipping included; without cancelled ones.
        refunded: what was paid back of these orders.
    """

    connection_id: int
    currency: str
    orders: int
    ordered: Decimal
    refunds: int
    refunded: Decimal

    @property
    def value(self) -> Decimal:
        """Orders less refunds."""
        return self.ordered - self.refunded


async def entities_returned(
    conn: Conn, *, connection_id: int | None = None, count: int, beside: bool = False
) -> list[Key]:
    """Return the entities of which something came back, or may, or was refunded.

    Args:
        conn: any session.
        connection_id: only of this connection; None: of all.
        count: of those told by returns, refunds and graded returns, the newest.
        beside: also those of which only a marketplace's account or a carrier tells: every entry
            and parcel is looked at.
    """
    rows = await fetch_rows(
        conn, _queries.entities_returned, connection_id=connection_id, count=count
    )
    if beside:
        rows += await fetch_rows(
            conn, _queries.entities_returned_beside, connection_id=connection_id
        )
    return list(dict.fromkeys((row["connection_id"], row["entity"]) for row in rows))


async def records_of_entities(conn: Conn, keys: Sequence[Key], kinds: Collection[str]) -> list[Row]:
    """Return the records of some entities that are of some kinds, without what is personal."""
    return await fetch_rows(
        conn,
        _queries.records_of_entities,
        connection_ids=[number for number, _ in keys],
        entities=[entity for _, entity in keys],
        kinds=sorted(kinds),
    )


async def parcels_returned(conn: Conn, keys: Sequence[Key]) -> list[Row]:
    """Return the parcels of some entities' shipments that are back at the sender."""
    return await fetch_rows(
        conn,
        _queries.parcels_returned,
        connection_ids=[number for number, _ in keys],
        entities=[entity for _, entity in keys],
    )


async def entity_of_record(conn: Conn, record_id: int) -> Key | None:
    """Return to which entity a record belongs; None where there is no such record."""
    rows = await fetch_rows(conn, _queries.entity_of_record, record_id=record_id)
    return (rows[0]["connection_id"], rows[0]["entity"]) if rows else None


async def value_of_persons(
    conn: Conn, persons: Collection[bytes], connection_ids: Collection[int]
) -> list[CustomerValue]:
    """Return what some persons' orders came to, less refunds, by connection and currency.

    Args:
        conn: any session.
        persons: who are one customer.
        connection_ids: of shops; what other systems tell of the same orders counts nothing.
    """
    async with conn.cursor(row_factory=class_row(CustomerValue)) as cursor:
        await cursor.execute(
            _queries.value_of_persons,
            {"persons": sorted(persons), "connection_ids": sorted(connection_ids)},
        )
        return await cursor.fetchall()
