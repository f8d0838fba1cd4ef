"""What the team is told of an order in a note; nothing in it tells who somebody is. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from trueup.canon.command import ReplyToTicket
from trueup.decisions.model import Action
from trueup.decisions.support.about import OrderSeen, ParcelSeen
from trueup.decisions.support.asked import Waiting

_HOW = {
    "named": "its number stands in the text",
    "linked": "the helpdesk names it",
    "only": "it is their only one of late",
    "likely": "nothing says so for sure",
}


def lines_of(waiting: Waiting) -> list[str]:
    """Return why a customer asks, as far as it is known, and what is known of their order."""
    why = [f"By the records: {' '.join(waiting.why)}"] if waiting.why else []
    return [*why, *_order_lines(waiting.order)]


def _order_lines(order: OrderSeen | None) -> list[str]:
    """Return what is known of an order and its parcels, scan by scan."""
    if order is None:
        return ["No order of theirs is known."]
    placed = f"Order {order.number} of {order.placed_at.date()}, {order.total.rounded()}"
    lines = [f"{placed} ({_HOW[order.how]})."]
    if order.cancelled:
        lines.append("It was cancelled.")
    if order.shipped_at is not None:
        lines.append(f"It was sent on {order.shipped_at.date()}.")
    elif not order.parcels:
        lines.append("Nothing of it was sent yet.")
    for parcel in order.parcels:
        lines += _parcel_lines(parcel)
    return lines


def _parcel_lines(parcel: ParcelSeen) -> list[str]:
    carrier = parcel.carrier or "a carrier"
    lines = [f"A parcel with {carrier}: {_words(parcel.status)}."]
    if parcel.expected_on is not None and parcel.delivered_at is None:
        lines.append(f"The carrier promises {parcel.expected_on}.")
    if parcel.attempts:
        lines.append(f"{parcel.attempts} failed attempts at delivery.")
    for scan in parcel.scans:
        place = f", {scan.place}" if scan.place else ""
        lines.append(f"- {_stamp(scan.at)}: {_words(scan.status)}{place}")
    return lines


def note(waiting: Waiting, lines: Sequence[str], what: str) -> Action:
    """Return the action that puts lines into a ticket where only the team sees them."""
    return Action(
        connection_id=waiting.connection_id,
        key=waiting.key,
        content=ReplyToTicket(ticket_ref=waiting.ticket_ref, text="\n".join(lines)),
        what=what,
    )


def reply(waiting: Waiting, text: str, what: str) -> Action:
    """Return the action that answers the customer in their own ticket."""
    return Action(
        connection_id=waiting.connection_id,
        key=waiting.key,
        content=ReplyToTicket(ticket_ref=waiting.ticket_ref, text=text, public=True),
        what=what,
    )


def duration(span: timedelta) -> str:
    """Return how long something is, in whole hours or, from three days on, days."""
    hours = int(span.total_seconds() // 3600)
    return f"{hours} h" if hours < 72 else f"{hours // 24} days"


def _words(word: str) -> str:
    return word.replace("_", " ")


def _stamp(at: datetime) -> str:
    return at.strftime("%d %b %H:%M UTC")
