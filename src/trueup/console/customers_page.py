"""The pages of customers: who is worth most, and one customer's history in every system.

Who somebody is stays dark until a form asks for it, which the trail keeps.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath, QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.access.trail import Did, note_deed_of
from trueup.api.guard import doer_of, door_of
from trueup.api.reading import write_session
from trueup.canon.customer import Address
from trueup.canon.record import decode
from trueup.console.elsewhere import told_of
from trueup.console.fact import Money
from trueup.console.orders_page import OrderRow, rows_of_orders
from trueup.console.readings import Session
from trueup.console.render import answer
from trueup.db.rows import Row
from trueup.decisions.patrons.known import Known, known_of, page_known
from trueup.hub import Hub
from trueup.models.value.rfm import Tier
from trueup.records.contactable import find_contactable
from trueup.records.people import Joined, join_persons
from trueup.records.reads import records_of_persons
from trueup.records.returned import value_of_persons

_log = structlog.get_logger("trueup.console")

Req = Request[Any, Any, Any]

ROWS_MAX: Final = 50
PAGE_MAX: Final = 200
HISTORY_MAX: Final = 200
_APART: Final = frozenset(("order", "customer"))
"""Kinds that have places of their own on the page."""


class PatronRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was worked out of one customer; amounts are estimates of a year and of a purchase.

    Attributes:
        person: the customer's id.
        alive: the chance in percent that they still buy.
        channel, order_ref: of their newest order.
    """

    person: str
    tier: Tier
    purchases: int
    last_on: date
    next_on: date | None
    interval_days: int | None
    alive: int
    worth: Money
    spend: Money
    told_by: str
    worked_on: date
    channel: str
    order_ref: str


class CustomersPage(msgspec.Struct, frozen=True, kw_only=True):
    """Customers, who is worth most first; `page` from 1, `more` says that another follows."""

    tier: Tier | None
    rows: tuple[PatronRow, ...]
    page: int
    more: bool


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer's orders came to at a shop, and less refunds."""

    channel: str
    orders: int
    ordered: Money
    refunds: int
    refunded: Money
    value: Money


class Join(msgspec.Struct, frozen=True, kw_only=True):
    """By which kind of name two persons are one customer, since when."""

    by: str
    since: datetime


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in a customer's history, newest first, with the event that told it last."""

    kind: str
    ref: str
    connection: str
    told: str
    at: datetime
    event_id: int


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """Who a customer is, by the newest that their records tell; empty where it is dark."""

    email: str
    phone: str
    name: str
    home: tuple[str, ...]


class CustomerPage(msgspec.Struct, frozen=True, kw_only=True):
    """One customer.

    Attributes:
        person: the customer's id.
        persons: how many persons of several systems they are.
        shared: names that too many have, and that therefore join nobody: (kind, persons).
        who: None until it is asked for.
    """

    person: str
    persons: int
    known: PatronRow | None
    came: tuple[Came, ...]
    orders: tuple[OrderRow, ...]
    history: tuple[Told, ...]
    joins: tuple[Join, ...]
    shared: tuple[tuple[str, int], ...]
    systems: tuple[str, ...]
    who: Who | None = None


@get(["/customers", "/customers.json"], right="customers.read")
async def show_customers(
    request: Req,
    session: NamedDependency[Session],
    tier: Annotated[str, QueryParameter(max_length=20, required=False)] = "",
    page: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, required=False)] = 1,
) -> Response[Any]:
    """Show customers, who is worth most first."""
    try:
        wanted = Tier(tier) if tier else None
    except ValueError as error:
        raise ValidationException(str(error)) from error
    skip = (page - 1) * ROWS_MAX
    found = await page_known(session, wanted, skip=skip, count=ROWS_MAX + 1)
    names = request.app.state.hub.names()
    facts = CustomersPage(
        tier=wanted,
        rows=tuple(_patron(each, names) for each in found[:ROWS_MAX]),
        page=page,
        more=len(found) > ROWS_MAX and page < PAGE_MAX,
    )
    return answer(request, "customers.html", facts, tiers=list(Tier))


@get("/customers/{person:str}", right="customers.read")
async def show_customer(
    request: Req, session: NamedDependency[Session], person: FromPath[str]
) -> Response[Any]:
    """Show one customer's history, without who they are."""
    joined = await _joined(request, session, person)
    return answer(request, "customer.html", await _read(request, session, joined))


@post("/customers/{person:str}/reveal", status_code=200, right="customers.personal.reveal")
async def reveal_customer(
    request: Req, session: NamedDependency[Session], person: FromPath[str]
) -> Response[Any]:
    """Show who a customer is; that it was shown stands in the trail before it is."""
    joined = await _joined(request, session, person)
    shown = joined.persons[0].hex()
    _log.warning("customer_revealed", person=shown)
    async with write_session(request.app.state) as conn:
        now = door_of(request.app.state).clock.now()
        about = f"customer/{shown}"
        await note_deed_of(conn, doer_of(request), Did.REVEALED, at=now, about=about)
    page = await _read(request, session, joined)
    who = await _who(session, request.app.state.hub, joined)
    return answer(request, "customer.html", msgspec.structs.replace(page, who=who))


def customers_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the pages of customers."""
    return [show_customers, show_customer, reveal_customer]


async def _joined(request: Req, session: Session, text: str) -> Joined:
    """Return everybody who is the same customer as a person.

    Raises:
        NotFoundException: nobody has this id.
    """
    hub: Hub = request.app.state.hub
    try:
        person = bytes.fromhex(text.removesuffix(".json"))
    except ValueError:
        person = b""
    if not person or not await records_of_persons(session, [person]):
        raise NotFoundException("There is no such customer.")
    return await join_persons(session, [person], hub.keys)


async def _read(request: Req, session: Session, joined: Joined) -> CustomerPage:
    hub: Hub = request.app.state.hub
    names = hub.names()
    rows = [row for row in await records_of_persons(session, joined.persons) if not row["deleted"]]
    rows.reverse()
    sellers = set(hub.sellers())
    orders = [r for r in rows if r["kind"] == "order" and r["connection_id"] in sellers]
    known = await known_of(session, joined.persons)
    came = await value_of_persons(session, joined.persons, hub.sellers())
    return CustomerPage(
        person=joined.persons[0].hex(),
        persons=len(joined.persons),
        known=None if known is None else _patron(known, names),
        came=tuple(
            Came(
                channel=names.get(each.connection_id, "removed"),
                orders=each.orders,
                ordered=Money(amount=f"{each.ordered:f}", currency=each.currency),
                refunds=each.refunds,
                refunded=Money(amount=f"{each.refunded:f}", currency=each.currency),
                value=Money(amount=f"{each.value:f}", currency=each.currency),
            )
            for each in came
        ),
        orders=await rows_of_orders(session, orders[:ROWS_MAX], names),
        history=_history(rows, names),
        joins=tuple(Join(by=each.namespace, since=each.since) for each in joined.joins),
        shared=joined.shared,
        systems=tuple(
            sorted({names[r["connection_id"]] for r in rows if r["connection_id"] in names})
        ),
    )


def _history(rows: Sequence[Row], names: dict[int, str]) -> tuple[Told, ...]:
    told = [row for row in rows if row["kind"] not in _APART][:HISTORY_MAX]
    return tuple(
        Told(
            kind=row["kind"],
            ref=row["number"] or row["ref"],
            connection=names.get(row["connection_id"], "removed"),
            told=told_of(decode(row["kind"], row["body"])),
            at=row["occurred_at"].astimezone(UTC),
            event_id=row["event_id"],
        )
        for row in told
    )


async def _who(session: Session, hub: Hub, joined: Joined) -> Who:
    found = await find_contactable(session, hub.vault, hub.keys, joined.persons[0])
    home = found.home.address if found.home else None
    return Who(
        email=found.email.address if found.email else "",
        phone=found.phone.address if found.phone else "",
        name=(home.name or "") if home else "",
        home=() if home is None else _lines(home),
    )


def _lines(home: Address) -> tuple[str, ...]:
    town = " ".join(filter(None, (home.postcode, home.city)))
    parts = (*home.lines, town, home.province, home.country)
    return tuple(part for part in parts if part)


def _patron(known: Known, names: dict[int, str]) -> PatronRow:
    return PatronRow(
        person=known.person.hex(),
        tier=known.tier,
        purchases=known.purchases,
        last_on=known.last_on,
        next_on=known.next_on,
        interval_days=known.interval_days,
        alive=round(known.alive * 100),
        worth=Money(amount=f"{known.worth:.2f}", currency=known.currency),
        spend=Money(amount=f"{known.spend:.2f}", currency=known.currency),
        told_by=known.told_by,
        worked_on=known.worked_on,
        channel=names.get(known.connection_id, "removed"),
        order_ref=known.order_ref,
    )
