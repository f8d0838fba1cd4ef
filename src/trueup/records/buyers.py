"""Who bought when, and for how much, over all shops: whole histories, to learn from."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.records.people import SHARED_MAX

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]


class Bought(msgspec.Struct, frozen=True, kw_only=True):
    """Purchases as columns, one row a person, day and currency.

    Attributes:
        customers: the place of the customer in `persons`.
        amounts: less what was given back; an estimate, never booked.
        persons: of each customer the first of their persons, which is the customer's id.
    """

    customers: list[int]
    days: list[date]
    currencies: list[str]
    amounts: list[float]
    persons: tuple[bytes, ...]


async def read_purchases(
    conn: Conn, sellers: Collection[int], spaces: Collection[str], until: datetime
) -> Bought:
    """Read every purchase before an instant; persons who share a name are one customer.

    Args:
        conn: any session; one snapshot holds both reads together.
        sellers: connections whose orders count; others hold copies of them.
        spaces: the kinds of names that join people.
        until: does not count itself.
    """
    asked = {"connection_ids": sorted(sellers), "until": until, "persons": None}
    cursor = await conn.execute(_queries.purchases, asked)
    rows = await cursor.fetchall()
    cursor = await conn.execute(
        _queries.persons_of_names, {"namespaces": sorted(spaces), "shared_max": SHARED_MAX}
    )
    first_of = first_persons(persons for (persons,) in await cursor.fetchall())
    return _bought(rows, [first_of.get(bytes(row[0]), bytes(row[0])) for row in rows])


async def read_purchases_of(
    conn: Conn, sellers: Collection[int], persons: Sequence[bytes], until: datetime
) -> Bought:
    """Read the purchases of one customer before an instant.

    Args:
        conn: any session.
        sellers: connections whose orders count.
        persons: all of the customer's; the first is the customer's id.
        until: does not count itself.
    """
    asked = {"connection_ids": sorted(sellers), "until": until, "persons": list(persons)}
    cursor = await conn.execute(_queries.purchases, asked)
    rows = await cursor.fetchall()
    return _bought(rows, [persons[0]] * len(rows))


def _bought(rows: Sequence[tuple[Any, ...]], customers: Sequence[bytes]) -> Bought:
    persons = tuple(sorted(set(customers)))
    place = {person: number for number, person in enumerate(persons)}
    return Bought(
        customers=[place[person] for person in customers],
        days=[row[1] for row in rows],
        currencies=[row[2] for row in rows],
        amounts=[row[3] for row in rows],
        persons=persons,
    )


async def read_shares(
    conn: Conn, sellers: Collection[int], since: datetime, until: datetime
) -> list[tuple[str, int, int]]:
    """Return (sku, connection_id, units) that orders asked for, by SKU and connection."""
    cursor = await conn.execute(
        _queries.units_by_channel,
        {"connection_ids": sorted(sellers), "since": since, "until": until},
    )
    return list(await cursor.fetchall())


async def read_products(conn: Conn) -> dict[str, str]:
    """Return to which product each SKU belongs, by any name that is the same for siblings."""
    cursor = await conn.execute(_queries.products_of_skus)
    return dict(await cursor.fetchall())


def first_persons(joined: Iterable[Sequence[bytes]]) -> dict[bytes, bytes]:
    """Return the first person of everybody who is one customer, over any number of steps.

    Args:
        joined: persons who share a name.
    """
    above: dict[bytes, bytes] = {}

    def top(person: bytes) -> bytes:
        while (higher := above.setdefault(person, person)) != person:
            above[person] = above[higher]
            person = higher
        return person

    for persons in joined:
        first, *others = (top(bytes(person)) for person in persons)
        for other in others:
            first, lower = min(first, other), max(first, other)
            above[lower] = first
    return {person: top(person) for person in above}
