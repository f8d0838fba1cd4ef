"""The bodies as Zendesk writes them, as far as Trueup reads them. Unknown fields are skipped.

A ticket or a comment comes with the users that it names beside it, so each of our pieces holds one
of them and its users: `{"ticket": ..., "users": [...]}`.
"""

from datetime import datetime
from typing import Annotated

import msgspec

Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Author = Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)]
Text = Annotated[str, msgspec.Meta(max_length=2_000_000)]
Word = Annotated[str, msgspec.Meta(max_length=255)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One object of a body."""


class UserShape(Shape, frozen=True, kw_only=True):
    """A person: `role` is "end-user", "agent" or "admin"."""

    id: Id
    name: Word | None = None
    email: Word | None = None
    phone: Word | None = None
    role: Word | None = None
    active: bool | None = None
    verified: bool | None = None
    suspended: bool | None = None
    locale: Word | None = None
    external_id: Word | int | None = None
    notes: Text | None = None
    tags: list[Word] | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


class PlaceShape(Shape, frozen=True, kw_only=True):
    """One end of a way: an address, where the channel has one."""

    name: Word | None = None
    address: Word | None = None
    phone: Word | None = None


class RouteShape(Shape, frozen=True, kw_only=True):
    """Both ends of a way."""

    to: PlaceShape | None = None


class ViaShape(Shape, frozen=True, kw_only=True):
    """How something came; some channels are told by number."""

    channel: Word | int | None = None
    source: RouteShape | None = None


class RatingShape(Shape, frozen=True, kw_only=True):
    """What the customer thought of it."""

    score: Word | None = None


class TicketShape(Shape, frozen=True, kw_only=True):
    """One ticket."""

    id: Id
    status: Word | None = None
    priority: Word | None = None
    via: ViaShape | None = None
    subject: Text | None = None
    requester_id: Author | None = None
    assignee_id: Author | None = None
    group_id: Id | None = None
    tags: list[Word] | None = None
    satisfaction_rating: RatingShape | None = None
    created_at: Instant | None = None
    updated_at: Instant | None = None


class AttachmentShape(Shape, frozen=True, kw_only=True):
    """A file, of which only the name is kept."""

    file_name: Word | None = None


class MetadataShape(Shape, frozen=True, kw_only=True):
    """What came along with a comment; `custom` is ours, where we made it."""

    custom: msgspec.Raw = msgspec.Raw(b"null")


class CommentShape(Shape, frozen=True, kw_only=True):
    """One comment of a ticket."""

    id: Id
    author_id: Author | None = None
    public: bool | None = None
    body: Text | None = None
    plain_body: Text | None = None
    via: ViaShape | None = None
    attachments: list[AttachmentShape] | None = None
    metadata: MetadataShape | None = None
    created_at: Instant | None = None


class TicketPiece(Shape, frozen=True, kw_only=True):
    """A ticket with the users that it names."""

    ticket: TicketShape
    users: list[UserShape] | None = None


class CommentPiece(Shape, frozen=True, kw_only=True):
    """A comment with its ticket's id and its author."""

    comment: CommentShape
    ticket_id: Id
    users: list[UserShape] | None = None
