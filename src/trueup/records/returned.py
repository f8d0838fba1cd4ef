"""What is told of returns and sales, entity by entity; and what customers' orders came to."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import psycopg

from trueup.canon.parcel import ParcelStatus
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


async def parcels_of_entities(
    conn: Conn, keys: Sequence[Key], statuses: Collection[ParcelStatus] | None = None
) -> list[Row]:
    """Return the parcels of some entities' shipments, of some statuses or of all."""
    return await fetch_rows(
        conn,
        _queries.parcels_of_entities,
        connection_ids=[number for number, _ in keys],
        entities=[entity for _, entity in keys],
        statuses=None if statuses is None else sorted(each.value for each in statuses),
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
    values = await values_of_persons(conn, persons, connection_ids)
    return sum_values(value for each in values.values() for value in each)


async def values_of_persons(
    conn: Conn, persons: Collection[bytes], connection_ids: Collection[int]
) -> dict[bytes, list[CustomerValue]]:
    """Return what each of some persons' orders came to; as `value_of_persons`, one by one."""
    rows = await fetch_rows(
        conn,
        _queries.values_of_persons,
        persons=sorted(persons),
        connection_ids=sorted(connection_ids),
    )
    found: dict[bytes, list[CustomerValue]] = defaultdict(list)
    for row in rows:
        value = {name: row[name] for name in CustomerValue.__struct_fields__}
        found[bytes(row["person"])].append(CustomerValue(**value))
    return found


def sum_values(values: Iterable[CustomerValue]) -> list[CustomerValue]:
    """Return what several persons' orders came to together, by connection and currency."""
    sums: dict[tuple[int, str], CustomerValue] = {}
    for each in values:
        key = (each.connection_id, each.currency)
        known = sums.get(key)
        sums[key] = (
            each
            if known is None
            else CustomerValue(
                connection_id=each.connection_id,
                currency=each.currency,
                orders=known.orders + each.orders,
                ordered=known.ordered + each.ordered,
                refunds=known.refunds + each.refunds,
                refunded=known.refunded + each.refunded,
            )
        )
    return [sums[key] for key in sorted(sums)]
