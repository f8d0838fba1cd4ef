"""Messages: what was said to or by a customer, on any medium."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.price import Price
from trueup.canon.record import Record, register


class Direction(StrEnum):
    """Who speaks."""

    IN = "in"  # the customer
    OUT = "out"  # the brand
    INTERNAL = "internal"  # a note that the customer never sees
    UNKNOWN = "unknown"


class MessageState(StrEnum):
    """How far an outgoing message has come."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    RECEIVED = "received"  # of an incoming one
    UNKNOWN = "unknown"


class MessagePerson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is personal in a message: nearly all of it."""

    email: str | None = None
    phone: str | None = None
    name: str | None = None
    subject: str | None = None
    text: str | None = None
    attachments: tuple[str, ...] = ()  # names or addresses, never content


@register
class Message(Record, frozen=True, kw_only=True):
    """One message.

    Attributes:
        medium: "email", "whatsapp", "sms", "slack", "chat"...
        ticket_ref: the ticket of the same system that it belongs to.
        template: the name of the template it was made from.
        error_code: the vendor's own, where it failed.
        price: what sending cost, where the vendor says.
        opt_out: the customer asks not to be written to any more on this medium.
        command_ref: our own name of the command that made it, where the vendor gives it back.
    """

    kind: ClassVar[str] = "message"

    direction: Direction
    state: MessageState
    medium: str
    created_at: datetime | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    ticket_ref: str | None = None
    template: str | None = None
    error_code: str | None = None
    price: Price | None = None
    opt_out: bool = False
    command_ref: str | None = None
    person: MessagePerson | None = None

    def entity(self) -> str:
        """Return the ticket's entity where it has one, so that its messages stay in order."""
        if self.order_ref is None and self.ticket_ref is not None:
            return f"ticket/{self.ticket_ref}"
        return super().entity()
