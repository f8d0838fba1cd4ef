"""What customers bought, and what is open with them now: in sets, for whoever looks at many."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.order import Order
from trueup.canon.record import decode
from trueup.canon.returns import Return, ReturnState
from trueup.canon.shipment import Shipment, ShipmentState
from trueup.canon.ticket import Ticket, TicketStatus
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.records.buyers import first_persons
from trueup.records.people import SHARED_MAX

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]

_TICKETS_OPEN: Final = frozenset(
    (TicketStatus.NEW, TicketStatus.OPEN, TicketStatus.PENDING, TicketStatus.ON_HOLD)
)
_RETURNS_OPEN: Final = frozenset((ReturnState.REQUESTED, ReturnState.OPEN))


class BoughtLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an order, as far as it tells what was bought."""

    quantity: int
    quantity_current: int | None = None
    sku: str | None = None
    variant_ref: str | None = None
    gift_card: bool = False
    tip: bool = False

    @property
    def units(self) -> int:
        """How many were bought and are still wanted."""
        return self.quantity if self.quantity_current is None else self.quantity_current


class BoughtOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order that stands."""

    person: bytes
    connection_id: int
    ref: str
    number: str
    placed_at: datetime
    currency: str
    amount: Decimal
    lines: tuple[BoughtLine, ...]


class Dealings(msgspec.Struct, frozen=True, kw_only=True):
    """What is going on with one customer.

    Attributes:
        bought_at: when they last bought each SKU; under "" when anything.
        open_order: an order of theirs has not left whole.
        open_ticket: they wait for an answer, or are asked something.
        open_return: something is on its way back.
    """

    bought_at: Mapping[str, datetime] = {}
    open_order: bool = False
    open_ticket: bool = False
    open_return: bool = False

    @property
    def is_open(self) -> bool:
        """Whether anything of theirs is open."""
        return self.open_order or self.open_ticket or self.open_return


_LINES = msgspec.json.Decoder(tuple[BoughtLine, ...])


async def orders_bought(
    conn: Conn, sellers: Collection[int], since: datetime, until: datetime
) -> AsyncIterator[BoughtOrder]:
    """Yield every order that stands, oldest first; one after the other, however many.

    Args:
        conn: any session, busy until the last was taken.
        sellers: connections whose orders count; others hold copies of them.
        since: from when on they were placed.
        until: before when.
    """
    parameters = {"connection_ids": sorted(sellers), "since": since, "until": until}
    async with conn.cursor() as cursor:
        async for person, number, ref, name, placed_at, currency, amount, lines in cursor.stream(
            _queries.orders_bought, parameters
        ):
            yield BoughtOrder(
                person=bytes(person),
                connection_id=number,
                ref=ref,
                number=name,
                placed_at=placed_at,
                currency=currency,
                amount=amount,
                lines=_LINES.decode(lines),
            )


async def first_of_persons(conn: Conn, spaces: Collection[str]) -> dict[bytes, bytes]:
    """Return the customer's id of every person who shares a name with another."""
    cursor = await conn.execute(
        _queries.persons_of_names, {"namespaces": sorted(spaces), "shared_max": SHARED_MAX}
    )
    return first_persons(persons for (persons,) in await cursor.fetchall())


async def dealings_of(
    conn: Conn,
    customers: Mapping[bytes, Sequence[bytes]],
    *,
    sellers: Collection[int],
    spaces: Collection[str],
    since: datetime,
) -> dict[bytes, Dealings]:
    """Return what is going on with some customers; also under names that came since.

    Args:
        conn: any session.
        customers: of each its persons, as far as they are known.
        sellers: connections whose orders count.
        spaces: the kinds of names that join people.
        since: older things are over.
    """
    if not customers:
        return {}
    whose = {person: each for each, persons in customers.items() for person in persons}
    near = await fetch_rows(
        conn,
        _queries.persons_near,
        persons=sorted(whose),
        namespaces=sorted(spaces),
        shared_max=SHARED_MAX,
    )
    for row in near:
        whose.setdefault(bytes(row["other"]), whose[bytes(row["person"])])
    rows = await fetch_rows(
        conn,
        _queries.dealings,
        persons=sorted(whose),
        connection_ids=sorted(sellers),
        since=since,
    )
    by_customer: dict[bytes, list[Row]] = defaultdict(list)
    for row in rows:
        by_customer[whose[bytes(row["person"])]].append(row)
    return {each: _dealings(by_customer[each]) for each in customers}


def _dealings(rows: Iterable[Row]) -> Dealings:
    bought: dict[str, datetime] = {}
    orders: dict[tuple[int, str], Order] = {}
    sent: dict[tuple[int, str], int] = defaultdict(int)
    ticket = back = False
    for row in rows:
        record, entity = decode(row["kind"], row["body"]), (row["connection_id"], row["entity"])
        if isinstance(record, Order) and not record.test and record.cancelled_at is None:
            orders[entity] = record
            for sku in ("", *(line.sku for line in record.lines if line.sku)):
                bought[sku] = max(record.placed_at, bought.get(sku, record.placed_at))
        elif isinstance(record, Shipment) and record.state is ShipmentState.SHIPPED:
            sent[entity] += sum(line.quantity for line in record.lines)
        elif isinstance(record, Return):
            back = back or record.state in _RETURNS_OPEN
        elif isinstance(record, Ticket):
            ticket = ticket or (record.status in _TICKETS_OPEN and not record.spam)
    return Dealings(
        bought_at=bought,
        open_order=any(_waits(order, sent[entity]) for entity, order in orders.items()),
        open_ticket=ticket,
        open_return=back,
    )


def _waits(order: Order, sent: int) -> bool:
    """Whether units of an order have not left; one that was put away is over."""
    wanted = sum(
        line.quantity if line.quantity_current is None else line.quantity_current
        for line in order.lines
        if line.requires_shipping
    )
    return order.closed_at is None and sent < wanted


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who wants to be told once a SKU is back."""

    sku: str
    connection_id: int
    ref: str
    person: bytes
    asked_at: datetime


async def skus_awaited(conn: Conn, since: datetime) -> list[str]:
    """Return the SKUs that somebody asked since an instant to be told of once they are back."""
    return [row["sku"] for row in await fetch_rows(conn, _queries.skus_awaited, since=since)]


async def asks_of(conn: Conn, skus: Collection[str], since: datetime, *, count: int) -> list[Ask]:
    """Return who asked for some SKUs since an instant, those who asked first coming first."""
    rows = await fetch_rows(
        conn, _queries.asks_of_skus, skus=sorted(skus), since=since, count=count
    )
    return [msgspec.convert(row, Ask) for row in rows]
