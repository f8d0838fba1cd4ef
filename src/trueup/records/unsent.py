"""Orders of which nothing has left: read in sets, with what is personal opened to be judged there.

Addresses leave this file only as what whoever reads them makes of them.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
import psycopg

from trueup.canon.order import Order, OrderPerson
from trueup.canon.record import decode
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.govern.persons import read_keys
from trueup.govern.vault import Vault
from trueup.records.sealed import identity_of

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]
ReadT = TypeVar("ReadT")

ORDERS_MAX = 20_000
"""So many orders are looked at once, the newest first."""


class Placed(msgspec.Struct, Generic[ReadT], frozen=True, kw_only=True):
    """One order.

    Attributes:
        order: without what is personal.
        person: whose it is; None where nobody is named.
        read: what was made of what is personal; None where it is dark.
    """

    connection_id: int
    order: Order
    person: bytes | None
    read: ReadT | None


async def placed_orders(
    conn: Conn,
    vault: Vault,
    span: tuple[datetime, datetime],
    connection_ids: Collection[int],
    read: Callable[[OrderPerson], ReadT],
    *,
    unsent: bool = True,
    one: tuple[int, str] | None = None,
) -> list[Placed[ReadT]]:
    """Return orders placed in a span, newest first.

    Args:
        conn: any session.
        vault: opens what is personal; of who was erased nothing is opened.
        span: when they were placed, both included.
        connection_ids: of shops.
        read: makes something of an order's person that tells nobody who they are.
        unsent: only those that may still be sent, and of which nothing was.
        one: (connection_id, ref) of one alone.
    """
    number, ref = one or (None, None)
    rows = await fetch_rows(
        conn,
        _queries.unsent_orders,
        since=span[0],
        until=span[1],
        connection_ids=sorted(connection_ids),
        unsent=unsent,
        connection_id=number,
        ref=ref,
        count=ORDERS_MAX,
    )
    persons = {bytes(row["person"]) for row in rows if row["person"] is not None}
    keys = await read_keys(conn, vault, persons) if persons else {}
    found = []
    for row in rows:
        person = None if row["person"] is None else bytes(row["person"])
        key = None if person is None else keys.get(person)
        opened = None
        if key is not None and row["personal"] is not None:
            identity = identity_of(row["connection_id"], Order.kind, row["ref"])
            opened = vault.open_personal(bytes(row["personal"]), key, identity)
        found.append(
            Placed(
                connection_id=row["connection_id"],
                order=msgspec.convert(decode(Order.kind, row["body"]), Order),
                person=person,
                read=None
                if opened is None
                else read(msgspec.json.decode(opened, type=OrderPerson)),
            )
        )
    return found
