"""Instants as BigCommerce writes them: RFC 2822 in orders, seconds in webhooks, else RFC 3339."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from trueup.contract.fault import Unsound

_CHARS_MAX = 60


def instant_of(text: str | None) -> datetime | None:
    """Return the instant; None where none is told.

    Raises:
        Unsound: it is no time with a zone.
    """
    if not text:
        return None
    try:
        read = datetime.fromisoformat if text[0].isdigit() else parsedate_to_datetime
        instant = read(text[:_CHARS_MAX])
        zoned = instant.astimezone(UTC) if instant.tzinfo is not None else None
    except (ValueError, TypeError, OverflowError, IndexError) as fault:
        raise Unsound("another value", "a time with its zone") from fault
    if zoned is None:
        raise Unsound("a time without its zone", "a time with its zone")
    return zoned


def needed_instant(*texts: str | None) -> datetime:
    """Return the first instant that is told.

    Raises:
        Unsound: none is.
    """
    for text in texts:
        if (instant := instant_of(text)) is not None:
            return instant
    raise Unsound("nothing", "a time")


def of_seconds(seconds: int | None) -> datetime | None:
    """Return the instant of a webhook; None where it can not be one."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
