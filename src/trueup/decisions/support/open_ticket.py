"""The ticket in which a customer can be answered about an order: one of theirs, open, about it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from trueup.canon.command import SendMessage
from trueup.canon.link import LinkSpace
from trueup.canon.order import Order
from trueup.canon.ticket import UNSOLVED, Ticket
from trueup.decisions.contact.addressee import Place, answers_in, place_of
from trueup.decisions.contact.permit import InTicket
from trueup.decisions.rule import Look
from trueup.decisions.support.about import Placed, choose, read_placed
from trueup.models.tickets.hearing import Heard, Listener, hear_all
from trueup.models.tickets.matters import Matter
from trueup.records.asked import AskedTicket, tickets_of_persons
from trueup.records.bridged import order_links
from trueup.records.contactable import Contactable, find_contactable

_TICKETS_SINCE: Final = timedelta(days=60)
_ORDERS_SINCE: Final = timedelta(days=365)
_BY_ITSELF: Final = frozenset(("whatsapp", "sms"))
"""Media over which a helpdesk answers as it was asked; over all others it answers by e-mail."""


async def find_ticket(
    look: Look, who: Contactable, to: str, helpdesks: Sequence[int]
) -> InTicket | None:
    """Return the newest open ticket of somebody that is surely about an order.

    Args:
        look: what is read with.
        who: whose ticket it is.
        to: the order, as a notice names a record; of anything else there is no ticket.
        helpdesks: connections that take answers to customers.
    """
    place = place_of(to)
    if not helpdesks or not isinstance(place, Place) or place.kind != Order.kind:
        return None
    tickets = await tickets_of_persons(
        look.conn,
        look.hub.vault,
        who.persons,
        helpdesks,
        since=look.now - _TICKETS_SINCE,
        statuses=UNSOLVED,
        read=Listener(),
    )
    if not tickets:
        return None
    placed = await read_placed(look, who.persons, look.now - _ORDERS_SINCE)
    theirs = [order for person in who.persons for order in placed.get(person, ())]
    theirs.sort(key=lambda each: each.seen.placed_at, reverse=True)
    links = await order_links(look.conn, {each.record_id for each in tickets})
    wanted = f"{look.hub.names().get(place.connection_id)}/order/{place.ref}"
    for each in tickets:
        if _is_about(look, each, theirs, links.get(each.record_id, ()), wanted):
            found = await _in_ticket(look, each)
            if found is not None:
                return found
    return None


def _is_about(
    look: Look,
    ticket: AskedTicket[Heard],
    theirs: Sequence[Placed],
    linked: Sequence[bytes],
    wanted: str,
) -> bool:
    """Whether it is known that a ticket is about an order, and about which."""
    read = [each.read for each in ticket.said if each.read is not None]
    read += [] if ticket.subject is None else [ticket.subject]
    heard = hear_all(read) if read else Heard(matter=Matter.OTHER)
    named = {look.hub.vault.index(LinkSpace.ORDER, number) for number in heard.numbers}
    order = choose(theirs, heard, named, linked)
    return order is not None and order.sure and order.name == wanted


async def _in_ticket(look: Look, ticket: AskedTicket[Heard]) -> InTicket | None:
    """Return how somebody is answered in a ticket; None where its helpdesk could not reach them."""
    if ticket.person is None:
        return None
    place = (ticket.connection_id, Ticket.kind, ticket.ticket.ref)
    who = await find_contactable(
        look.conn, look.hub.vault, look.hub.keys, ticket.person, first=place
    )
    by_message = answers_in(look.hub, ticket.connection_id) == SendMessage.command
    address = None if who.email is None else who.email.address
    if by_message and address is None:
        return None
    medium = ticket.ticket.medium or ""
    return InTicket(
        connection_id=ticket.connection_id,
        ref=ticket.ticket.ref,
        person=ticket.person,
        over=medium if medium in _BY_ITSELF and not by_message else "email",
        address=address,
        by_message=by_message,
    )
