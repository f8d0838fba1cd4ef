"""Whom customers heard from us: kept by digest, so that caps hold across rules and restarts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg

from trueup.canon.command import Purpose
from trueup.canon.link import normal_email, normal_phone
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.decisions.contact.notice import Notice, Urgency
from trueup.decisions.contact.permit import TICKET, Contact, Send
from trueup.govern.vault import Vault
from trueup.records.contactable import Contactable

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]


class Ended(NamedTuple):
    """What came of a message: when it left (None: as was thought), or that it reached nobody."""

    ref: str
    left_at: datetime | None
    void: bool


async def lock_customer(conn: Conn, vault: Vault, who: Contactable) -> None:
    """Let nobody else decide about a customer until the caller's transaction ends."""
    digests = sorted({*who.persons, *_addresses(vault, who)})
    await conn.execute(_queries.lock_customer, {"digests": digests})


async def contacts_with(
    conn: Conn, vault: Vault, who: Contactable, since: datetime
) -> list[Contact]:
    """Return what a customer got since an instant, or may still get."""
    rows = await fetch_rows(
        conn,
        _queries.contacts_of,
        persons=list(who.persons),
        addresses=_addresses(vault, who),
        since=since,
    )
    return [msgspec.convert(row, Contact) for row in rows]


async def note_contact(
    conn: Conn, vault: Vault, notice: Notice, send: Send, *, ref: str, person: bytes
) -> None:
    """Keep that a message was ordered, as of the latest moment at which it may leave.

    Args:
        conn: in the transaction that orders it.
        vault: makes the digest of its address.
        notice: that it carries out.
        send: how and until when it may be sent.
        ref: of its command, which names its decision.
        person: whose key seals it.
    """
    await conn.execute(
        _queries.note_contact,
        {
            "ref": ref,
            "decision_id": int(ref.split("/")[1]),
            "person": person,
            "address": address_digest(vault, send.way.address),
            "purpose": Purpose(notice.purpose).value,
            "medium": send.way.medium,
            "about": notice.about,
            "urgency": int(notice.urgency),
            "at": send.not_after,
        },
    )


async def note_answer(conn: Conn, *, ref: str, person: bytes, about: str, now: datetime) -> None:
    """Keep that a rule answers a customer in their own ticket: it counts as a message of service.

    Args:
        conn: in the transaction that orders it.
        ref: of its command, which names its decision.
        person: whose ticket it is.
        about: the ticket, as a notice names a record.
        now: of the order.
    """
    await conn.execute(
        _queries.note_contact,
        {
            "ref": ref,
            "decision_id": int(ref.split("/")[1]),
            "person": person,
            "address": b"",
            "purpose": Purpose.SERVICE.value,
            "medium": TICKET,
            "about": about,
            "urgency": int(Urgency.NORMAL),
            "at": now,
        },
    )


async def close_contacts(conn: Conn, ended: Sequence[Ended]) -> None:
    """Keep what came of messages."""
    if ended:
        await conn.execute(
            _queries.close_contacts,
            {
                "refs": [each.ref for each in ended],
                "ats": [each.left_at for each in ended],
                "voids": [each.void for each in ended],
            },
        )


async def contacts_of_decisions(conn: Conn, numbers: Sequence[int]) -> list[Row]:
    """Return the messages of some decisions, oldest first."""
    return await fetch_rows(conn, _queries.contacts_of_decisions, decision_ids=list(numbers))


def address_digest(vault: Vault, address: str) -> bytes:
    """Return the digest under which a guest with an address is known too."""
    return vault.index("guest", normal_email(address) if "@" in address else normal_phone(address))


def _addresses(vault: Vault, who: Contactable) -> list[bytes]:
    reached = [each for each in (who.email, who.phone) if each is not None]
    return [address_digest(vault, each.address) for each in reached]
