"""Tickets and messages as the simulated helpdesk keeps them, and how it writes them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class Customer:
    """Somebody who writes; `orders` are numbers of the shop that the helpdesk is tied to."""

    id: int
    email: str
    name: str
    phone: str | None = None
    orders: tuple[str, ...] = ()

    def view(self, *, full: bool = True) -> dict[str, Any]:
        """Return the customer as the API writes it; lists leave the shop's data out."""
        first, _, last = self.name.partition(" ")
        told: dict[str, Any] = {
            "id": self.id,
            "email": self.email,
            "name": self.name,
            "firstname": first,
            "lastname": last,
        }
        if full:
            phones = [{"type": "phone", "address": self.phone, "preferred": True}]
            told["channels"] = phones if self.phone else []
            orders = [{"id": 9000 + n, "name": name} for n, name in enumerate(self.orders)]
            shop = {"__integration_type__": "shopify", "orders": orders}
            told["integrations"] = {"6": shop} if orders else {}
        return told


@dataclass
class Message:
    """One message or note."""

    id: int
    ticket_id: int
    created_at: datetime
    text: str
    channel: str = "email"
    from_agent: bool = False
    public: bool = True
    external_id: str | None = None
    sender: dict[str, Any] | None = None
    receiver: dict[str, Any] | None = None
    source: dict[str, Any] = field(default_factory=dict)
    subject: str | None = None
    sent_at: datetime | None = None
    failed_at: datetime | None = None

    def view(self) -> dict[str, Any]:
        """Return the message as the API writes it."""
        failed = {"code": "bounced", "error": "the mailbox is full"} if self.failed_at else None
        return {
            "id": self.id,
            "uri": f"/api/tickets/{self.ticket_id}/messages/{self.id}/",
            "ticket_id": self.ticket_id,
            "message_id": f"<{self.id}@helpdesk.example>" if self.public else None,
            "external_id": self.external_id,
            "public": self.public,
            "channel": self.channel,
            "via": "api" if self.external_id else "email",
            "source": self.source or {"type": self.channel},
            "sender": self.sender,
            "receiver": self.receiver,
            "from_agent": self.from_agent,
            "subject": self.subject,
            "body_text": self.text,
            "body_html": None,
            "stripped_text": None,
            "attachments": [],
            "meta": None,
            "last_sending_error": failed,
            "created_datetime": stamp(self.created_at),
            "sent_datetime": stamp(self.sent_at),
            "failed_datetime": stamp(self.failed_at),
            "opened_datetime": None,
            "deleted_datetime": None,
        }


@dataclass
class Ticket:
    """One ticket; it is not to be seen by the API before `visible_at` (a late commit)."""

    id: int
    customer: Customer
    subject: str
    created_at: datetime
    updated_at: datetime
    visible_at: datetime
    channel: str = "email"
    status: str = "open"
    priority: str | None = "normal"
    external_id: str | None = None
    tags: list[str] = field(default_factory=list)
    meta: dict[str, Any] | None = None
    spam: bool = False
    score: int | None = None
    assignee: int | None = None
    team: int | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    snoozed_until: datetime | None = None
    trashed_at: datetime | None = None
    heard_at: datetime | None = None
    messages: list[Message] = field(default_factory=list)

    def view(self, *, full: bool = True) -> dict[str, Any]:
        """Return the ticket as the API writes it: a list leaves its messages out."""
        told: dict[str, Any] = {
            "id": self.id,
            "uri": f"/api/tickets/{self.id}/",
            "external_id": self.external_id,
            "status": self.status,
            "priority": self.priority,
            "channel": self.channel,
            "via": self.channel,
            "from_agent": False,
            "spam": self.spam,
            "customer": self.customer.view(full=full),
            "assignee_user": {"id": self.assignee, "email": "kim@helpdesk.example", "name": "Kim"}
            if self.assignee
            else None,
            "assignee_team": {"id": self.team, "name": "Parcels"} if self.team else None,
            "subject": self.subject,
            "meta": self.meta,
            "tags": [{"id": 100 + n, "name": name} for n, name in enumerate(self.tags)],
            "satisfaction_survey": {"score": self.score} if self.score else None,
            "created_datetime": stamp(self.created_at),
            "opened_datetime": stamp(self.opened_at),
            "last_received_message_datetime": stamp(self.heard_at),
            "last_message_datetime": stamp(self.last_message_at),
            "updated_datetime": stamp(self.updated_at),
            "closed_datetime": stamp(self.closed_at),
            "snooze_datetime": stamp(self.snoozed_until),
            "trashed_datetime": stamp(self.trashed_at),
        }
        if full:
            told["messages"] = [message.view() for message in self.messages]
        return told

    @property
    def last_message_at(self) -> datetime | None:
        """When the last message was made."""
        return max((message.created_at for message in self.messages), default=None)


def stamp(at: datetime | None) -> str | None:
    """Write an instant as the API does."""
    return None if at is None else at.isoformat(timespec="microseconds")
