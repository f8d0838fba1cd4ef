"""Tickets: what customers ask for at a helpdesk. What is said in them is a `Message`."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final

import msgspec

from trueup.canon.record import Record, register


class TicketStatus(StrEnum):
    """Whose turn it is."""

    NEW = "new"  # nobody has looked
    OPEN = "open"  # the team's turn
    PENDING = "pending"  # the customer's turn
    ON_HOLD = "on_hold"  # somebody else's turn
    SOLVED = "solved"
    CLOSED = "closed"
    UNKNOWN = "unknown"


UNSOLVED: Final = frozenset(
    (TicketStatus.NEW, TicketStatus.OPEN, TicketStatus.PENDING, TicketStatus.ON_HOLD)
)
"""Of a ticket in which customers can still be answered."""


class Priority(StrEnum):
    """How soon a ticket wants an answer."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"
    UNKNOWN = "unknown"


class TicketPerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is personal in a ticket."""

    email: str | None = None
    phone: str | None = None
    name: str | None = None
    subject: str | None = None
    tags: tuple[str, ...] = ()


@register
class Ticket(Record, frozen=True, kw_only=True):
    """One ticket.

    Attributes:
        medium: how it came: "email", "chat", "phone", "whatsapp", as the helpdesk says.
        assignee_ref: who of the team has it.
        first_reply_at: of the team, to the customer.
        satisfaction: the customer's rating as the helpdesk words it.
    """

    kind: ClassVar[str] = "ticket"

    status: TicketStatus
    status_code: str | None = None
    priority: Priority = Priority.UNKNOWN
    medium: str | None = None
    created_at: datetime | None = None
    first_reply_at: datetime | None = None
    solved_at: datetime | None = None
    closed_at: datetime | None = None
    last_customer_message_at: datetime | None = None
    assignee_ref: str | None = None
    team_ref: str | None = None
    customer_ref: str | None = None
    satisfaction: str | None = None
    spam: bool = False
    person: TicketPerson | None = None
