"""Order what was agreed to: its commands and its notices, in one transaction with the word of it.

Commands go at once, with their blanks filled in (`filled.py`). A notice goes when it may, and not
before what it tells of was done; until then its decision waits, and what was ordered before is not
ordered again, because each has its name.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
import psycopg

from trueup.canon.command import ReplyToTicket, SendMessage
from trueup.canon.ticket import Ticket
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.decisions.blanks import find_blanks
from trueup.decisions.commands import action_of, ref_of
from trueup.decisions.contact.addressee import (
    find_addressee,
    helpdesks_of,
    reached_by,
    ways_to,
)
from trueup.decisions.contact.contacts import (
    contacts_of_decisions,
    contacts_with,
    lock_customer,
    note_answer,
    note_contact,
)
from trueup.decisions.contact.desk import Desk
from trueup.decisions.contact.notice import Notice
from trueup.decisions.contact.permit import (
    MEND,
    TICKET,
    InTicket,
    Known,
    Permit,
    Send,
    Wait,
    Way,
    Withdraw,
    judge,
)
from trueup.decisions.contact.quiet import Quiet
from trueup.decisions.contact.settings import zone_of_brand
from trueup.decisions.contact.texts import Written, choose_language, write
from trueup.decisions.contact.zones import zones_of
from trueup.decisions.filled import order_commands
from trueup.decisions.model import State
from trueup.decisions.rule import Look
from trueup.decisions.steps import move, note_steps
from trueup.decisions.support.open_ticket import find_ticket
from trueup.errors import invariant
from trueup.hub import Hub
from trueup.outbox.command import find_commands
from trueup.outbox.enqueue import want_commands
from trueup.outbox.model import CommandState, WantedCommand
from trueup.records.contactable import Contactable, person_of_record
from trueup.records.will import read_will

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]


_BEHIND: Final = timedelta(seconds=30)
"""How soon it is looked at again whether what a notice tells of was done."""

_NOT_DONE: Final = frozenset(
    each.value
    for each in (
        *(CommandState.REFUSED, CommandState.DEAD),
        *(CommandState.DISCARDED, CommandState.WITHDRAWN),
    )
)


class _Asked(NamedTuple):
    """A notice of a decision, under the name that its command would have.

    Attributes:
        unanswered: no ticket took it before, so it goes another way.
    """

    ref: str
    notice: Notice
    unanswered: bool = False


class _Ready(NamedTuple):
    """A notice that may leave now."""

    asked: _Asked
    send: Send
    command: WantedCommand


async def order(conn: Conn, hub: Hub, desk: Desk, row: Row, now: datetime) -> State | None:
    """Order a decision that was agreed to, as far as it may be now.

    Returns:
        What it is after that; None where somebody else is at it, or it only waits on.
    """
    number = row["decision_id"]
    async with conn.transaction():
        if not await fetch_rows(conn, _queries.lock_decision, decision_id=number):
            return None
        stands, unsent = await order_commands(conn, hub, desk, row, now)
        await _count_answers(conn, row, now)
        behind = await _behind(conn, row, now)
        ready: list[_Ready] = []
        permits: list[Permit] = [] if behind is None else [behind]
        if behind is None:
            ready, permits = await _notices(conn, hub, desk, row, now)
        await want_commands(conn, hub.vault, [each.command for each in ready])
        for asked, send, command in ready:
            person = command.person or b""
            await note_contact(conn, hub.vault, asked.notice, send, ref=asked.ref, person=person)
        withdrawn = [each for each in permits if isinstance(each, Withdraw)]
        waits = [each for each in permits if isinstance(each, Wait)]
        began = bool(stands or ready or row["ordered_at"])
        return await _close(conn, row, [*unsent, *withdrawn], waits, began=began, now=now)


async def _count_answers(conn: Conn, row: Row, now: datetime) -> None:
    """Count what a rule answers in tickets by itself as messages that the customer got."""
    for n, action in enumerate(row["actions"]):
        said = action["content"]
        if action["kind"] != ReplyToTicket.command or not said.get("public"):
            continue
        number, ticket = action["connection_id"], said["ticket_ref"]
        person = await person_of_record(conn, number, Ticket.kind, ticket)
        if person is not None:
            ref, about = ref_of(row["decision_id"], n), f"connection/{number}/ticket/{ticket}"
            await note_answer(conn, ref=ref, person=person, about=about, now=now)


async def _behind(conn: Conn, row: Row, now: datetime) -> Permit | None:
    """Return why notices are held back: what they tell of is not done, or was not; else None."""
    kinds = [each["kind"] for each in row["actions"]]
    told_of = [n for n, kind in enumerate(kinds) if _is_told_of(kind)]
    if Notice.command not in kinds or not told_of:
        return None
    refs = [ref_of(row["decision_id"], n) for n in told_of]
    known = await find_commands(conn, refs)
    states = {each["state"] for each in known.values()}
    if states & _NOT_DONE or len(known) < len(refs):
        return Withdraw(because="what it tells of was not done")
    if states != {CommandState.DONE.value}:
        return Wait(until=now + _BEHIND, because="what it tells of is not done yet")
    return None


def _is_told_of(kind: str) -> bool:
    blank = find_blanks().get(kind)
    return kind != Notice.command if blank is None else blank.is_told_of


async def _close(
    conn: Conn,
    row: Row,
    withdrawn: Sequence[Withdraw],
    waits: Sequence[Wait],
    *,
    began: bool,
    now: datetime,
) -> State | None:
    """Write down how far a decision came; what waits says until when and why."""
    number = row["decision_id"]
    if waits:
        wait = min(waits, key=lambda each: each.until)
        await fetch_rows(
            conn,
            _queries.let_wait,
            decision_id=number,
            due_at=wait.until,
            waits=wait.because,
            ordered_at=now if began else None,
        )
        if row["waits"] != wait.because:
            why = f"until {wait.until.isoformat(timespec='minutes')}, because {wait.because}"
            await note_steps(conn, [(number, "waits", row["rule"], why)], now)
        return None
    state = State.ORDERED if began else State.WITHDRAWN
    rest = None if began else min((each.rest for each in withdrawn), default=None)
    rests_until = None if rest is None else now + rest
    await move(conn, number, (State.APPROVED,), state, now=now, rests_until=rests_until)
    why = "; ".join(dict.fromkeys(each.because for each in withdrawn))
    await note_steps(conn, [(number, state.value, row["rule"], why)], now)
    return state


async def _notices(
    conn: Conn, hub: Hub, desk: Desk, row: Row, now: datetime
) -> tuple[list[_Ready], list[Permit]]:
    """Return the notices that may leave now, and what is to be said of each."""
    asked = await _asked(conn, row)
    found = [(each, await find_addressee(conn, hub, each.notice.to)) for each in asked]
    known = [who for _, who in found if who is not None]
    for one in sorted(known, key=lambda each: each.persons):
        await lock_customer(conn, hub.vault, one)
    ready: list[_Ready] = []
    permits: list[Permit] = []
    for each, who in found:
        if who is None:
            permits.append(Withdraw(because="nobody knows any more whom it would go to"))
            continue
        said = await _judge(conn, hub, desk, each, who, now)
        permits.append(said[0])
        if said[1] is not None:
            ready.append(said[1])
    return ready, permits


async def _asked(conn: Conn, row: Row) -> list[_Asked]:
    """Return the notices of a decision that were not sent, and are not on their way."""
    number = row["decision_id"]
    actions = [n for n, each in enumerate(row["actions"]) if each["kind"] == Notice.command]
    times = dict.fromkeys(actions, 1)
    contacts = await contacts_of_decisions(conn, [number]) if actions else []
    known = await find_commands(conn, [each["ref"] for each in contacts])
    unanswered: set[int] = set()
    for contact in contacts:
        n, command = action_of(contact["ref"]), known.get(contact["ref"])
        if n not in times:
            continue  # an answer that its rule wrote itself
        state = None if command is None else command["state"]
        given_up = state == CommandState.DISCARDED.value
        times[n] = times[n] + 1 if contact["void"] and not given_up else 0
        if contact["medium"] == TICKET and state == CommandState.REFUSED.value:
            unanswered.add(n)
    return [
        _Asked(
            ref_of(number, n, times[n]),
            msgspec.convert(row["actions"][n]["content"], Notice, strict=False),
            n in unanswered,
        )
        for n in actions
        if times[n]
    ]


async def _judge(
    conn: Conn, hub: Hub, desk: Desk, asked: _Asked, who: Contactable, now: datetime
) -> tuple[Permit, _Ready | None]:
    notice, settings = asked.notice, desk.settings
    named = desk.texts.get(notice.text)
    if named is None:
        return Withdraw(because=f"there is no text {notice.text}", rest=MEND), None
    language = choose_language(named, who.locale, settings.language)
    phone = who.phone.address if who.phone is not None else None
    home = who.home.address if who.home is not None else None
    zones, _ = zones_of(home, phone, zone_of_brand(settings))
    desks = [] if asked.unanswered else helpdesks_of(hub, settings)
    ticket = await find_ticket(Look(conn=conn, hub=hub, now=now), who, notice.to, desks)
    known = Known(
        ways=ways_to(hub, who, settings, notice.text, named.languages[language], ticket),
        will=await read_will(conn, hub.vault, persons=who.persons, keys=hub.keys),
        quiet=Quiet(settings.quiet, zones),
        contacts=await contacts_with(conn, hub.vault, who, now - settings.memory),
    )
    permit = judge(notice, known, settings, now)
    if not isinstance(permit, Send):
        return permit, None
    try:
        written = write(named, notice, language)
    except KeyError as missing:
        because = f"the text {notice.text} names {missing}, and nobody said it"
        return Withdraw(because=because, rest=MEND), None
    content = message_of(written, notice, permit.way)
    command = WantedCommand(
        connection_id=permit.way.connection_id,
        kind=content.command,
        key=notice.about,
        ref=asked.ref,
        content=content,
        wanted_at=now,
        person=_person_of(who, permit.way),
        not_after=permit.not_after,
    )
    return permit, _Ready(asked, permit, command)


def _person_of(who: Contactable, way: Way) -> bytes | None:
    """Return under whose key a message lies: whoever has the address, or the ticket."""
    if way.ticket is not None:
        return way.ticket.person
    reached = reached_by(who, way.medium)
    invariant(reached is not None, "a way leads to an address")
    return None if reached is None else reached.person


def message_of(written: Written, notice: Notice, way: Way) -> SendMessage | ReplyToTicket:
    """Return the finished message: an answer, a mail, an approved template, or short words."""
    if way.ticket is not None:
        return _answer(written, notice, way.ticket)
    if way.medium == "email":
        return SendMessage(
            to=way.address,
            purpose=notice.purpose,
            subject=written.subject,
            text=written.text,
            html=written.html,
        )
    if way.medium == "whatsapp" and not way.needs_window:
        return SendMessage(
            to=way.address,
            purpose=notice.purpose,
            template=written.template,
            language=written.template_language,
            variables=written.variables,
        )
    return SendMessage(to=way.address, purpose=notice.purpose, text=written.short)


def _answer(written: Written, notice: Notice, ticket: InTicket) -> SendMessage | ReplyToTicket:
    """Return an answer in a ticket, as its helpdesk takes them."""
    if ticket.by_message:
        return SendMessage(
            to=ticket.address or "",
            purpose=notice.purpose,
            text=written.text,
            html=written.html,
            reply_to_ref=ticket.ref,
            over=ticket.over,
        )
    # What is written to by chat has no room for a mail.
    by_mail = ticket.over == "email"
    return ReplyToTicket(
        ticket_ref=ticket.ref,
        text=written.text.strip() if by_mail else written.short,
        html=written.html if by_mail else None,
        public=True,
        purpose=notice.purpose,
        over=ticket.over,
    )
