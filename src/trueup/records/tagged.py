"""What customers asked and how the team tagged it: opened for models, written down nowhere."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.canon.message import MessagePerson
from trueup.canon.ticket import TicketPerson
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.govern.persons import read_keys
from trueup.govern.vault import Vault
from trueup.records.sealed import identity_of

_queries = load_queries("trueup.records")


class Tagged(msgspec.Struct, frozen=True, kw_only=True):
    """What one ticket asks.

    Attributes:
        text: the subject and the customer's first message.
        tags: of the team.
    """

    at: datetime
    text: str
    tags: tuple[str, ...]


async def tickets_tagged(
    conn: psycopg.AsyncConnection[Any], vault: Vault, since: datetime, *, count: int
) -> list[Tagged]:
    """Return what customers asked since an instant, oldest first.

    Of a person who was erased nothing can be opened: their tickets are left out.

    Args:
        conn: any session.
        vault: opens what is personal.
        since: tickets of which nothing was told since then are left out.
        count: tickets at most; the newest.
    """
    rows = await fetch_rows(conn, _queries.tickets_tagged, since=since, count=count)
    persons = {bytes(row[of]) for row in rows for of in ("person", "message_person") if row[of]}
    keys = await read_keys(conn, vault, persons) if persons else {}
    found = [asked for row in rows if (asked := _tagged(vault, row, keys)) is not None]
    return sorted(found, key=lambda each: each.at)


def _tagged(vault: Vault, row: Row, keys: Mapping[bytes, bytes]) -> Tagged | None:
    key = None if row["person"] is None else keys.get(bytes(row["person"]))
    if key is None:
        return None
    identity = identity_of(row["connection_id"], "ticket", row["ref"])
    opened = vault.open_personal(bytes(row["personal"]), key, identity)
    if opened is None:
        return None
    ticket = msgspec.json.decode(opened, type=TicketPerson)
    text = "\n".join(each for each in (ticket.subject, _said(vault, row, keys)) if each)
    if not text:
        return None
    return Tagged(at=datetime.fromisoformat(row["asked_at"]), text=text, tags=ticket.tags)


def _said(vault: Vault, row: Row, keys: Mapping[bytes, bytes]) -> str:
    """Return the first message of a ticket; empty where there is none, or it can not be opened."""
    person, personal = row["message_person"], row["message_personal"]
    key = None if person is None else keys.get(bytes(person))
    if key is None or personal is None:
        return ""
    identity = identity_of(row["connection_id"], "message", row["message_ref"])
    opened = vault.open_personal(bytes(personal), key, identity)
    return "" if opened is None else msgspec.json.decode(opened, type=MessagePerson).text or ""
