"""Delhivery's times: without a zone they are India's, which has no summer time."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

INDIA: Final = timezone(timedelta(hours=5, minutes=30))
_FORM: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)


def instant_of(text: str | None) -> tuple[datetime, bool] | None:
    """Return the instant in UTC, and whether it was written without a zone; None: unreadable."""
    if not text or not _FORM.fullmatch(text):
        return None
    try:
        instant = datetime.fromisoformat(text)
        is_local = instant.tzinfo is None
        return (instant.replace(tzinfo=INDIA) if is_local else instant).astimezone(UTC), is_local
    except (ValueError, OverflowError):
        return None


def day_of(text: str | None) -> date | None:
    """Return the day as it is in India; None where it can not be read."""
    found = instant_of(text)
    return found[0].astimezone(INDIA).date() if found else None
