"""Whom a notice goes to: found in the records at the moment when it is ordered."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import psycopg

from trueup.canon.command import ReplyToTicket, SendMessage
from trueup.decisions.contact.permit import TICKET, InTicket, Way
from trueup.decisions.contact.settings import ContactSettings
from trueup.decisions.contact.texts import Text
from trueup.hub import Hub
from trueup.records.contactable import Contactable, Reached, find_contactable, person_of_record

Conn = psycopg.AsyncConnection[Any]

_PARTS: Final = 3  # connection, kind, ref


class Place(msgspec.Struct, frozen=True):
    """A record that a notice names."""

    connection_id: int
    kind: str
    ref: str


def place_of(to: str) -> Place | bytes | None:
    """Return the record that a notice names, or the person; None where it is neither."""
    if to.startswith("person/"):
        try:
            return bytes.fromhex(to.removeprefix("person/"))
        except ValueError:
            return None
    parts = to.removeprefix("connection/").split("/", _PARTS - 1)
    if not to.startswith("connection/") or len(parts) != _PARTS or not parts[0].isdecimal():
        return None
    return Place(int(parts[0]), parts[1], parts[2])


async def find_addressee(conn: Conn, hub: Hub, to: str) -> Contactable | None:
    """Return who is named by a record or as a person; None where nobody is known.

    Of who was forgotten nothing is known by which they can be reached.
    """
    place = place_of(to)
    if place is None or isinstance(place, bytes):
        person, first = place, None
    else:
        person = await person_of_record(conn, place.connection_id, place.kind, place.ref)
        first = (place.connection_id, place.kind, place.ref)
    if person is None:
        return None
    return await find_contactable(conn, hub.vault, hub.keys, person, first)


def ways_to(
    hub: Hub,
    who: Contactable,
    settings: ContactSettings,
    name: str,
    text: Text,
    ticket: InTicket | None = None,
) -> list[Way]:
    """Return how somebody can be written to with a text, in the brand's order of media.

    Args:
        hub: with the connections as they are now.
        who: is written to.
        settings: name the media.
        name: of the text.
        text: in the language that is used.
        ticket: that is open about the same; None where there is none.
    """
    found = []
    for medium in settings.media:
        if medium == TICKET:
            found += [] if ticket is None else [_answer(ticket)]
            continue
        reached = reached_by(who, medium)
        connection_id = _sender(hub, settings, medium)
        if reached is None or connection_id is None:
            continue
        approved = name in settings.templates and text.template is not None
        found.append(
            Way(
                medium=medium,
                connection_id=connection_id,
                address=reached.address,
                needs_window=medium == "whatsapp" and not approved,
            )
        )
    return found


def _answer(ticket: InTicket) -> Way:
    return Way(
        medium=TICKET,
        connection_id=ticket.connection_id,
        address=ticket.address or "",
        needs_window=ticket.over == "whatsapp",
        ticket=ticket,
    )


def reached_by(who: Contactable, medium: str) -> Reached | None:
    """Return the address of somebody that a medium takes."""
    return who.email if medium == "email" else who.phone


def _sender(hub: Hub, settings: ContactSettings, medium: str) -> int | None:
    """Return the connection that sends a medium: the chosen one, else the first."""
    able = [number for number in sorted(hub.connections) if medium_of(hub, number) == medium]
    return next(iter(_chosen(hub, settings, medium, able)), None)


def helpdesks_of(hub: Hub, settings: ContactSettings) -> list[int]:
    """Return the helpdesks in whose tickets customers are answered: the chosen one, else all."""
    if TICKET not in settings.media:
        return []
    able = [number for number in sorted(hub.connections) if answers_in(hub, number) is not None]
    return _chosen(hub, settings, TICKET, able)


def _chosen(hub: Hub, settings: ContactSettings, medium: str, able: Sequence[int]) -> list[int]:
    chosen = dict(settings.connections).get(medium)  # type: ignore[call-overload]
    names = hub.names()
    return [number for number in able if chosen is None or names[number] == chosen]


def answers_in(hub: Hub, connection_id: int) -> str | None:
    """Return the command by which a helpdesk answers customers in tickets; None: by none."""
    folder = hub.folder_of(connection_id)
    if folder is None:
        return None
    reply = folder.manifest.action(ReplyToTicket.command)
    if reply is not None and not reply.notes_only:
        return ReplyToTicket.command
    message = folder.manifest.action(SendMessage.command)
    return SendMessage.command if message is not None and message.in_tickets else None


def medium_of(hub: Hub, connection_id: int) -> str | None:
    """Return the medium over which a connection reaches customers; None: it reaches none."""
    folder = hub.folder_of(connection_id)
    action = None if folder is None else folder.manifest.action(SendMessage.command)
    return None if action is None else action.medium
