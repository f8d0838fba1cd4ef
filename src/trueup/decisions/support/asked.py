"""Tickets that wait for the team: since when, what they ask, whose they are, about which order.

All are read together: no query for a single ticket. Texts are opened to be classed, and only what
they were classed as comes out: by their words, and where these say nothing by a trained reader, if
one was measured to be right there on the brand's own tickets.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from trueup.canon.link import LinkSpace
from trueup.canon.message import Direction
from trueup.canon.ticket import Priority, TicketStatus
from trueup.config import Amounts
from trueup.decisions.rule import Look
from trueup.decisions.support.about import OrderSeen, choose, read_placed
from trueup.kernel.money import Money
from trueup.models.tickets.cause import Cause, cause_of
from trueup.models.tickets.hearing import Heard, Listener, hear_all
from trueup.models.tickets.matters import Matter
from trueup.models.tickets.reads import sure_reader
from trueup.records.asked import (
    TICKETS_MAX,
    AskedTicket,
    Said,
    Span,
    asked_tickets,
    count_tickets,
)
from trueup.records.bridged import order_links
from trueup.records.people import join_each
from trueup.records.returned import CustomerValue, sum_values, values_of_persons

TEAMS_TURN: Final = frozenset((TicketStatus.NEW, TicketStatus.OPEN))
_NOTHING: Final = Heard(matter=Matter.OTHER)
_UNKNOWN: Final = frozenset((Cause.NO_ORDER, Cause.NO_FACTS))


class Spell(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a customer waits for an answer, or waited.

    Attributes:
        first_ref: the first message that nobody had answered.
        since: when that was written.
        messages: so many of them there are.
        answered_at: None where nobody has.
    """

    first_ref: str
    since: datetime
    messages: int
    heard: Heard
    answered_at: datetime | None = None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """One ticket that waits for the team.

    Attributes:
        name: by which it is found: "helpdesk/ticket/5".
        answered_before: they waited in this ticket before, and were answered.
        asked_before: other tickets of the customer in the days that were looked at.
        worth: what the customer's orders came to, less refunds, by currency.
        order: that it is about; None where nothing tells.
        why: why they ask, by the records of the order, where these answer it.
    """

    connection_id: int
    ticket_ref: str
    name: str
    priority: Priority
    assignee_ref: str | None
    team_ref: str | None
    spell: Spell
    answered_before: bool
    asked_before: int
    worth: tuple[Money, ...]
    order: OrderSeen | None
    why: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """What a decision about it is about."""
        return f"ticket/{self.connection_id}/{self.ticket_ref}"

    @property
    def key(self) -> str:
        """What is done to the ticket is done in turn."""
        return f"ticket/{self.ticket_ref}"

    @property
    def evidence(self) -> tuple[str, ...]:
        """What it was read from."""
        order = self.order
        named = () if order is None else (order.name, *(parcel.name for parcel in order.parcels))
        return (self.name, *dict.fromkeys(named))

    def worth_of(self, amounts: Amounts) -> Decimal:
        """Return what share of some amounts the customer, or the order, is worth; the largest.

        Of a currency that is not named it is nothing.
        """
        limits: Mapping[str, Decimal] = dict(amounts)
        known = (*self.worth, *(() if self.order is None else (self.order.total,)))
        shares = [
            each.amount / limits[each.currency] for each in known if limits.get(each.currency)
        ]
        return max(shares, default=Decimal(0))


def spells_of(ticket: AskedTicket[Heard]) -> list[Spell]:
    """Return each time that a ticket's customer waited, oldest first. A note answers nobody.

    Of a helpdesk that tells no messages, the ticket's own instants count.
    """
    found: list[Spell] = []
    waits: list[Said[Heard]] = []
    spoken = [each for each in ticket.said if each.direction in (Direction.IN, Direction.OUT)]
    for each in spoken:
        if each.direction is Direction.IN:
            waits.append(each)
        elif waits:
            found.append(_spell(waits, ticket.subject, each.at))
            waits = []
    if waits:
        found.append(_spell(waits, ticket.subject, None))
    told = ticket.ticket
    since = told.last_customer_message_at or told.created_at
    if spoken or since is None:
        return found
    heard = ticket.subject or _NOTHING
    return [
        Spell(
            first_ref=told.ref,
            since=since,
            messages=1,
            heard=heard,
            answered_at=told.first_reply_at,
        )
    ]


def _spell(
    said: Sequence[Said[Heard]], subject: Heard | None, answered_at: datetime | None
) -> Spell:
    heard = hear_all([each.read for each in said if each.read is not None] or [_NOTHING])
    if subject is not None:
        first = subject if heard.matter is Matter.OTHER else heard
        numbers = tuple(dict.fromkeys((*heard.numbers, *subject.numbers)))
        heard = msgspec.structs.replace(heard, matter=first.matter, by=first.by, numbers=numbers)
    return Spell(
        first_ref=said[0].ref,
        since=said[0].at,
        messages=len(said),
        heard=heard,
        answered_at=answered_at,
    )


class _Asked(NamedTuple):
    ticket: AskedTicket[Heard]
    spell: Spell
    before: int


async def read_waiting(look: Look, days: int, subject: str | None) -> list[Waiting]:
    """Return the tickets that wait for the team, the newest first.

    Args:
        look: what is read with.
        days: tickets and orders that are older are not looked at.
        subject: "ticket/3/55": only that one.
    """
    since = look.now - timedelta(days=days)
    one = None if subject is None else _one(subject)
    span = Span(since=since, until=look.now, statuses=TEAMS_TURN, one=one)
    found = []
    listener = Listener(await sure_reader(look.conn))
    for ticket in await asked_tickets(look.conn, look.hub.vault, span, listener):
        spells = spells_of(ticket)
        if spells and spells[-1].answered_at is None:
            found.append(_Asked(ticket, spells[-1], len(spells) - 1))
    return await _gather(look, found, since)


async def read_waited(look: Look, since: datetime, until: datetime, *, days: int) -> list[Waiting]:
    """Return each time that somebody waited in the past; orders and worth as they are known now.

    Args:
        look: what is read with.
        since: the first instant at which waiting may have begun.
        until: the last.
        days: how much older tickets and orders may be.
    """
    before = since - timedelta(days=days)
    listener = Listener(await sure_reader(look.conn), most=TICKETS_MAX)
    span = Span(since=before, until=until)
    tickets = await asked_tickets(look.conn, look.hub.vault, span, listener)
    found = [
        _Asked(ticket, spell, n)
        for ticket in tickets
        for n, spell in enumerate(spells_of(ticket))
        if since <= spell.since <= until
    ]
    return await _gather(look, found, before)


def _one(subject: str) -> tuple[int, str]:
    _, number, ref = subject.split("/", 2)
    return int(number), ref


async def _gather(look: Look, asked: Sequence[_Asked], since: datetime) -> list[Waiting]:
    """Return tickets with whose they are, what these are worth, and which order is meant."""
    persons = {each.ticket.person for each in asked if each.ticket.person is not None}
    same = await join_each(look.conn, persons, look.hub.keys) if persons else {}
    everybody = {person for each in same.values() for person in each}
    values = await values_of_persons(look.conn, everybody, look.hub.sellers())
    placed = await read_placed(look, everybody, since)
    counts = await count_tickets(look.conn, everybody, since=since)
    links = await order_links(look.conn, {each.ticket.record_id for each in asked})
    names, index = look.hub.names(), look.hub.vault.index
    found = []
    for ticket, spell, before in asked:
        whose = same.get(ticket.person, ()) if ticket.person is not None else ()
        theirs = [order for person in whose for order in placed.get(person, ())]
        theirs.sort(key=lambda each: each.seen.placed_at, reverse=True)
        named = {index(LinkSpace.ORDER, number) for number in spell.heard.numbers}
        tickets = sum(counts.get(person, 0) for person in whose)
        order = choose(theirs, spell.heard, named, links.get(ticket.record_id, ()))
        found.append(
            Waiting(
                connection_id=ticket.connection_id,
                ticket_ref=ticket.ticket.ref,
                name=f"{names.get(ticket.connection_id, 'removed')}/ticket/{ticket.ticket.ref}",
                priority=ticket.ticket.priority,
                assignee_ref=ticket.ticket.assignee_ref,
                team_ref=ticket.ticket.team_ref,
                # Numbers in a text may be anything; only the order that they named is kept.
                spell=msgspec.structs.replace(
                    spell, heard=msgspec.structs.replace(spell.heard, numbers=())
                ),
                answered_before=before > 0,
                asked_before=max(0, tickets - 1),
                worth=_by_currency(
                    sum_values(value for person in whose for value in values.get(person, ()))
                ),
                order=order,
                why=_why(spell.heard.matter, order, look.now),
            )
        )
    return found


def _why(matter: Matter, order: OrderSeen | None, now: datetime) -> tuple[str, ...]:
    """Return why they ask; of an order that is only likely theirs nothing is concluded."""
    if order is None or not order.sure:
        return ()
    found = cause_of(matter, order.facts, now)
    return () if found.cause in _UNKNOWN else found.reasons


def _by_currency(values: Sequence[CustomerValue]) -> tuple[Money, ...]:
    sums: dict[str, Decimal] = {}
    for each in values:
        sums[each.currency] = sums.get(each.currency, Decimal(0)) + each.value
    return tuple(Money(amount, currency) for currency, amount in sorted(sums.items()))
