"""Twilio's message resource, as far as Trueup reads it; fields that are not named are skipped."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated

import msgspec

Sid = Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}[0-9a-f]{32}$")]
Word = Annotated[str, msgspec.Meta(max_length=60)]


class MessageShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One message, from us or to us."""

    sid: Sid
    direction: Word
    status: Word
    date_created: str | None = None
    date_sent: str | None = None
    date_updated: str | None = None
    sender: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    body: str | None = None
    price: Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,8})?$")] | None = None
    price_unit: Word | None = None
    error_code: int | None = None

    @property
    def is_ours(self) -> bool:
        """Tell whether the brand sent it."""
        return self.direction.startswith("outbound")

    @property
    def created_at(self) -> datetime | None:
        """When Twilio took it in."""
        return instant(self.date_created)

    @property
    def updated_at(self) -> datetime | None:
        """When something changed last."""
        return instant(self.date_updated) or instant(self.date_sent) or self.created_at


class PageShape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A page of messages, newest first; the next one's address is below the host."""

    messages: list[msgspec.Raw]
    next_page_uri: str | None = None

    @property
    def next_query(self) -> str | None:
        """The query that asks for the next page; None on the last."""
        return (self.next_page_uri or "").partition("?")[2] or None


def instant(text: str | None) -> datetime | None:
    """Return an instant of RFC 2822 in UTC; None where it can not be read or has no zone."""
    if not text or len(text) > 60:
        return None
    try:
        at = parsedate_to_datetime(text)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
