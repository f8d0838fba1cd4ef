"""Instants written as text, where a wrong one is no fault of the body."""

from datetime import UTC, datetime

_CHARS_MAX = 40


def instant_of(text: str | None) -> datetime | None:
    """Return the instant in UTC; None where it can not be read or has no zone."""
    if not text or len(text) > _CHARS_MAX:
        return None
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    except (ValueError, OverflowError):
        return None
