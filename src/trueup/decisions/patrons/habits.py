"""Habits as they were last worked out, and what a rule has to know beside them, in sets."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.decisions.model import State
from trueup.decisions.patrons.history import CartLine
from trueup.decisions.rule import Waited
from trueup.hub import Hub
from trueup.models.value.rfm import Tier
from trueup.records.bought import Dealings, dealings_of
from trueup.records.listings import Listing, listings_of_skus

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]

COUNT_MAX: Final = 1_000
"""So many subjects a rule looks at in one turn; those that were due first go first."""

ENDED: Final = (State.DONE.value, State.FAILED.value, State.REFUSED.value, State.LAPSED.value)
"""What has come so far is not looked at again."""

_OVER: Final = timedelta(days=180)
"""What has been open for longer is forgotten and not open."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """One habit; `persons` are all of the customer's."""

    person: bytes
    sku: str
    purchases: int
    last_on: date
    interval_days: int
    spread: Decimal
    next_on: date
    connection_id: int
    order_ref: str
    number: str
    lines: tuple[CartLine, ...]
    persons: tuple[bytes, ...]

    @property
    def subject(self) -> str:
        """What a decision about it is about."""
        return f"patron/{self.person.hex()}/{self.sku}"

    @property
    def order(self) -> str:
        """The order in which they bought it last, as a notice and `trueup show` name it."""
        return f"connection/{self.connection_id}/order/{self.order_ref}"


class Late(msgspec.Struct, frozen=True, kw_only=True):
    """One customer of whom nothing came for long."""

    person: bytes
    persons: tuple[bytes, ...]
    connection_id: int
    order_ref: str
    currency: str
    purchases: int
    last_on: date
    interval_days: int
    late_on: date
    alive: Decimal
    worth: Decimal
    spend: Decimal
    tier: Tier
    told_by: str

    @property
    def subject(self) -> str:
        """What a decision about them is about."""
        return f"patron/{self.person.hex()}"

    @property
    def order(self) -> str:
        """Their newest order, as a notice and `trueup show` name it."""
        return f"connection/{self.connection_id}/order/{self.order_ref}"


async def patrons_late(conn: Conn, rule: str, since: date, until: date) -> list[Late]:
    """Return the customers who may be leaving since some day, the first late first.

    Args:
        conn: any session.
        rule: that speaks of them; those of whom it spoke to the end are left out.
        since: the first day on which they may have been late.
        until: the last.
    """
    rows = await fetch_rows(
        conn,
        _queries.patrons_late,
        since=since,
        until=until,
        rule=rule,
        ended=list(ENDED),
        count=COUNT_MAX,
    )
    return [msgspec.convert(row, Late) for row in rows]


async def patron_late(conn: Conn, subject: str) -> list[Late]:
    """Return the customer that a subject names, where they have an interval."""
    person = bytes.fromhex(subject.removeprefix("patron/"))
    rows = await fetch_rows(conn, _queries.patron_of, person=person)
    return [msgspec.convert(row, Late) for row in rows if row["late_on"] is not None]


async def habits_due(
    conn: Conn, rule: str, since: date, until: date, *, spread_max: float
) -> list[Due]:
    """Return the habits whose next purchase lies within some days, the first due first.

    Args:
        conn: any session.
        rule: that speaks of them; those of which it spoke to the end are left out.
        since: the first day on which the next purchase may lie.
        until: the last.
        spread_max: who buys less regularly has no habit.
    """
    rows = await fetch_rows(
        conn,
        _queries.habits_due,
        since=since,
        until=until,
        rule=rule,
        ended=list(ENDED),
        spread_max=spread_max,
        count=COUNT_MAX,
    )
    return [msgspec.convert(row, Due) for row in rows]


async def habit_of(conn: Conn, subject: str) -> list[Due]:
    """Return the habit that a subject names; none where there is none any more."""
    person, sku = place_of(subject)
    rows = await fetch_rows(conn, _queries.habit_of, person=person, sku=sku)
    return [msgspec.convert(row, Due) for row in rows]


async def dealings(
    conn: Conn, hub: Hub, customers: Mapping[bytes, Sequence[bytes]], now: datetime
) -> dict[bytes, Dealings]:
    """Return what is going on with some customers, by the persons that each is."""
    return await dealings_of(
        conn,
        customers,
        sellers=hub.sellers(),
        spaces={space.value for space in hub.keys.spaces},
        since=now - _OVER,
    )


async def persons_of(conn: Conn, people: Collection[bytes]) -> dict[bytes, Sequence[bytes]]:
    """Return the persons of some customers; of one that nobody worked out, the one we know."""
    rows = await fetch_rows(conn, _queries.persons_of_patrons, people=sorted(people))
    known = {bytes(row["person"]): [bytes(each) for each in row["persons"]] for row in rows}
    return {person: known.get(person, [person]) for person in people}


async def decided_of(conn: Conn, rule: str, subjects: Sequence[str]) -> list[Row]:
    """Return how far the decisions of a rule about some subjects came."""
    return await fetch_rows(conn, _queries.decided_of, rule=rule, subjects=list(subjects))


async def listed(
    conn: Conn, lines: Iterable[tuple[int, CartLine]]
) -> dict[tuple[int, str], Listing]:
    """Return how lines are listed where they were bought and still sold, by connection, variant."""
    wanted = list(lines)
    if not wanted:
        return {}
    found = await listings_of_skus(
        conn,
        sorted({line.sku for _, line in wanted}),
        sorted({number for number, _ in wanted}),
    )
    return {(each.connection_id, each.variant_ref): each for each in found if each.active}


def place_of(subject: str) -> tuple[bytes, str]:
    """Return the customer and the SKU that a subject names; no SKU: anything."""
    person, _, sku = subject.removeprefix("patron/").partition("/")
    return bytes.fromhex(person), sku


async def bought_since(
    conn: Conn, hub: Hub, waited: Sequence[Waited], now: datetime
) -> list[Decimal | None]:
    """Return 1 where a customer bought what a subject names since then, else 0."""
    people = {place_of(each.subject)[0] for each in waited}
    known = await dealings(conn, hub, await persons_of(conn, people), now)
    found: list[Decimal | None] = []
    for each in waited:
        person, sku = place_of(each.subject)
        at = known[person].bought_at.get(sku)
        found.append(Decimal(at is not None and at > each.since))
    return found


def cart_link(
    hub: Hub, connection_id: int, lines: Sequence[CartLine], code: str = ""
) -> str | None:
    """Return a link to a cart that is filled already; None where the storefront takes none."""
    folder = hub.folder_of(connection_id)
    cart = None if folder is None else folder.manifest.cart
    if cart is None:
        return None
    told = [(line.variant_ref, line.units) for line in lines]
    return cart.link(hub.settings_of(connection_id), told, code)


def end_of(day: date) -> datetime:
    """Return the instant at which a day is over."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)
