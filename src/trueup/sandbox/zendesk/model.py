"""People, tickets and comments as the simulated helpdesk keeps them, and how it writes them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass
class User:
    """Somebody who writes, or one of the team."""

    id: int
    email: str
    name: str
    created_at: datetime
    updated_at: datetime
    role: str = "end-user"
    phone: str | None = None
    external_id: str | None = None

    def view(self) -> dict[str, Any]:
        """Return the user as the API writes it."""
        return {
            "id": self.id,
            "name": self.name,
            "email": self.email,
            "phone": self.phone,
            "role": self.role,
            "active": True,
            "verified": True,
            "suspended": False,
            "locale": "en-GB",
            "external_id": self.external_id,
            "notes": "",
            "tags": [],
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
        }


@dataclass
class Comment:
    """One comment; `custom` is what came as metadata of its audit."""

    id: int
    author: User
    text: str
    created_at: datetime
    public: bool = True
    channel: str = "email"
    custom: dict[str, Any] = field(default_factory=dict)

    def view(self) -> dict[str, Any]:
        """Return the comment as the API writes it."""
        return {
            "id": self.id,
            "type": "Comment",
            "author_id": self.author.id,
            "body": self.text,
            "html_body": f"<div>{self.text}</div>",
            "plain_body": self.text,
            "public": self.public,
            "attachments": [],
            "audit_id": self.id + 1_000_000,
            "via": {"channel": self.channel, "source": {"from": {}, "to": {}, "rel": None}},
            "created_at": stamp(self.created_at),
            "metadata": {"system": {"ip_address": "192.0.2.7"}, "custom": self.custom},
        }


@dataclass
class Ticket:
    """One ticket; `generated_at`: when the export last wrote it; `gone`: it is deleted."""

    id: int
    requester: User
    subject: str
    created_at: datetime
    updated_at: datetime
    generated_at: datetime
    channel: str = "email"
    status: str = "new"
    priority: str | None = None
    external_id: str | None = None
    tags: list[str] = field(default_factory=list)
    assignee_id: int | None = None
    group_id: int | None = None
    score: str = "unoffered"
    gone: bool = False
    comments: list[Comment] = field(default_factory=list)

    def view(self) -> dict[str, Any]:
        """Return the ticket as the API writes it."""
        return {
            "id": self.id,
            "url": f"https://north.zendesk.com/api/v2/tickets/{self.id}.json",
            "external_id": self.external_id,
            "via": {"channel": self.channel, "source": {"from": {}, "to": {}, "rel": None}},
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
            "generated_timestamp": int(self.generated_at.timestamp()),
            "type": None,
            "subject": self.subject,
            "raw_subject": self.subject,
            "description": self.comments[0].text if self.comments else "",
            "priority": self.priority,
            "status": "deleted" if self.gone else self.status,
            "requester_id": self.requester.id,
            "submitter_id": self.requester.id,
            "assignee_id": self.assignee_id,
            "group_id": self.group_id,
            "tags": self.tags,
            "custom_fields": [],
            "satisfaction_rating": {"score": self.score},
        }


def stamp(at: datetime) -> str:
    """Write an instant as the API does: in whole seconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
