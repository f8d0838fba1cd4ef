"""What customers ask in tickets: read in sets, with texts opened only to be read there and then.

A text leaves this file only as what whoever reads it makes of it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
import psycopg

from trueup.canon.message import Direction, Message, MessagePerson
from trueup.canon.record import decode
from trueup.canon.ticket import Priority, Ticket, TicketPerson, TicketStatus
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.govern.persons import read_keys
from trueup.govern.vault import Vault
from trueup.records.sealed import open_row

_queries = load_queries("trueup.records")

Conn = psycopg.AsyncConnection[Any]
ReadT = TypeVar("ReadT")
Hears = Callable[[str, str | None], ReadT]
"""Makes something of a message and the subject it stands under, or of a subject alone (then None),
that tells nobody who wrote it."""

TICKETS_MAX = 5_000
"""So many tickets are looked at once, the newest first."""

TICKETS_EACH = 20
"""So many tickets of one customer are looked at, the newest first."""


class Said(msgspec.Struct, Generic[ReadT], frozen=True, kw_only=True):
    """One message of a ticket.

    Attributes:
        read: what was made of its text; None where it was not opened, or is dark.
    """

    record_id: int
    ref: str
    direction: Direction
    at: datetime
    read: ReadT | None = None


class AskedTicket(msgspec.Struct, Generic[ReadT], frozen=True, kw_only=True):
    """A ticket with what was said in it, oldest first.

    Attributes:
        person: whose it is; None where nobody is named.
        subject: what was made of its subject.
    """

    record_id: int
    connection_id: int
    ticket: Ticket
    person: bytes | None
    said: tuple[Said[ReadT], ...]
    subject: ReadT | None = None


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Which tickets are looked at.

    Attributes:
        since, until: when they were made.
        statuses: of those they have now; None: any.
        one: (connection_id, ref) of one alone.
    """

    since: datetime
    until: datetime
    statuses: frozenset[TicketStatus] | None = None
    one: tuple[int, str] | None = None


async def asked_tickets(
    conn: Conn, vault: Vault, span: Span, read: Hears[ReadT]
) -> list[AskedTicket[ReadT]]:
    """Return tickets with what was said in them, newest first.

    Of a person who was erased nothing is opened.

    Args:
        conn: any session.
        vault: opens texts.
        span: which tickets.
        read: what is made of each text.
    """
    number, ref = span.one or (None, None)
    rows = await fetch_rows(
        conn,
        _queries.tickets_of,
        statuses=None if span.statuses is None else sorted(each.value for each in span.statuses),
        since=span.since,
        until=span.until,
        connection_id=number,
        ref=ref,
        count=TICKETS_MAX,
    )
    return await _opened(conn, vault, rows, read)


async def tickets_of_persons(
    conn: Conn,
    vault: Vault,
    persons: Collection[bytes],
    connection_ids: Collection[int],
    *,
    since: datetime,
    statuses: Collection[TicketStatus],
    read: Hears[ReadT],
) -> list[AskedTicket[ReadT]]:
    """Return the tickets of some persons with what was said in them, newest first.

    Args:
        conn: any session.
        vault: opens texts.
        persons: whose.
        connection_ids: of helpdesks.
        since: made then or later.
        statuses: that they have now.
        read: as of `asked_tickets`.
    """
    rows = await fetch_rows(
        conn,
        _queries.tickets_of_persons,
        persons=sorted(persons),
        connection_ids=sorted(connection_ids),
        statuses=sorted(each.value for each in statuses),
        since=since,
        count=TICKETS_EACH,
    )
    return await _opened(conn, vault, rows, read)


async def is_answerable(
    conn: Conn, connection_id: int, ref: str, statuses: Collection[TicketStatus]
) -> bool:
    """Tell whether a ticket is there and has one of some statuses now."""
    return bool(
        await fetch_rows(
            conn,
            _queries.ticket_stands,
            connection_id=connection_id,
            ref=ref,
            statuses=sorted(each.value for each in statuses),
        )
    )


async def _opened(
    conn: Conn, vault: Vault, rows: Sequence[Row], read: Hears[ReadT]
) -> list[AskedTicket[ReadT]]:
    """Return tickets with what was said in them; of who was erased nothing is opened."""
    said = await fetch_rows(
        conn,
        _queries.messages_of_entities,
        connection_ids=[row["connection_id"] for row in rows],
        entities=[row["entity"] for row in rows],
    )
    persons = {bytes(row["person"]) for row in (*rows, *said) if row["person"] is not None}
    keys = await read_keys(conn, vault, persons) if persons else {}
    opener = _Opener(vault, keys, read)
    subjects = {(row["connection_id"], row["entity"]): opener.subject_of(row) for row in rows}
    messages: dict[tuple[int, str], list[Said[ReadT]]] = defaultdict(list)
    for row in said:
        place = (row["connection_id"], row["entity"])
        messages[place].append(opener.said(row, subjects[place]))
    return [
        opener.ticket(row, messages[place], subjects[place])
        for row in rows
        if (place := (row["connection_id"], row["entity"]))
    ]


class _Opener(Generic[ReadT]):
    """Opens what is sealed of tickets and messages, and lets it be read."""

    def __init__(self, vault: Vault, keys: Mapping[bytes, bytes], read: Hears[ReadT]) -> None:
        self._vault, self._keys, self._made_of = vault, keys, read

    def said(self, row: Row, subject: str | None) -> Said[ReadT]:
        message = msgspec.convert(decode(Message.kind, row["body"]), Message)
        is_in = message.direction is Direction.IN
        return Said(
            record_id=row["record_id"],
            ref=row["ref"],
            direction=message.direction,
            at=message.sent_at or message.created_at or message.updated_at,
            read=self._read(self._text_of(row), subject or "") if is_in else None,
        )

    def ticket(
        self, row: Row, said: Sequence[Said[ReadT]], subject: str | None
    ) -> AskedTicket[ReadT]:
        return AskedTicket(
            record_id=row["record_id"],
            connection_id=row["connection_id"],
            ticket=msgspec.convert(decode(Ticket.kind, row["body"]), Ticket),
            person=None if row["person"] is None else bytes(row["person"]),
            said=tuple(sorted(said, key=lambda each: (each.at, each.record_id))),
            subject=self._read(subject, None),
        )

    def _read(self, text: str | None, subject: str | None) -> ReadT | None:
        return None if text is None else self._made_of(text, subject)

    def _text_of(self, row: Row) -> str | None:
        opened = open_row(self._vault, row, Message.kind, self._keys)
        return None if opened is None else msgspec.json.decode(opened, type=MessagePerson).text

    def subject_of(self, row: Row) -> str | None:
        opened = open_row(self._vault, row, Ticket.kind, self._keys)
        return None if opened is None else msgspec.json.decode(opened, type=TicketPerson).subject


async def orders_of_persons(
    conn: Conn,
    persons: Collection[bytes],
    connection_ids: Collection[int],
    *,
    since: datetime,
    count: int,
) -> dict[bytes, list[Row]]:
    """Return the newest orders of each of some persons, newest first.

    Args:
        conn: any session.
        persons: whose.
        connection_ids: of shops.
        since: placed then or later.
        count: of each person at most.
    """
    rows = await fetch_rows(
        conn,
        _queries.orders_of_persons,
        persons=sorted(persons),
        connection_ids=sorted(connection_ids),
        since=since,
        count=count,
    )
    found: dict[bytes, list[Row]] = defaultdict(list)
    for row in rows:
        found[bytes(row["person"])].append(row)
    return found


async def count_tickets(
    conn: Conn, persons: Collection[bytes], *, since: datetime
) -> dict[bytes, int]:
    """Return how many tickets each of some persons opened since an instant."""
    rows = await fetch_rows(conn, _queries.count_tickets_of, persons=sorted(persons), since=since)
    return {bytes(row["person"]): row["tickets"] for row in rows}


class WaitingTicket(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket for which it is the team's turn.

    Attributes:
        event_id: told it last.
        priority, medium: None where the helpdesk does not say.
        waits_since: when the customer wrote last, as far as that was told; else when it was made.
    """

    connection_id: int
    ref: str
    event_id: int
    priority: Priority | None
    medium: str | None
    waits_since: datetime


async def waiting_tickets(conn: Conn, since: datetime, *, count: int) -> list[WaitingTicket]:
    """Return tickets made since an instant that wait for the team, who waits longest first."""
    rows = await fetch_rows(
        conn,
        _queries.waiting_tickets,
        statuses=[TicketStatus.NEW.value, TicketStatus.OPEN.value],
        since=since,
        count=count,
    )
    return [msgspec.convert(row, WaitingTicket) for row in rows]
