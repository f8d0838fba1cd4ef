"""Shiprocket's times: two forms, one of them day first, and both India's without saying so."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

INDIA: Final = timezone(timedelta(hours=5, minutes=30))
_DAY_FIRST: Final = re.compile(r"(\d\d)[ /-](\d\d)[ /-](\d{4}) (\d\d:\d\d:\d\d)", re.ASCII)
_YEAR_FIRST: Final = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d{1,9})?", re.ASCII)
_ZONED: Final = re.compile(r"\d{4}-\d\d-\d\d[ T][\d:.]{8,18}(Z|[+-]\d\d:?\d\d)", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def instant_of(text: str | None) -> tuple[datetime, bool] | None:
    """Return the instant in UTC, and whether it was written without a zone; None: unreadable."""
    if not text or len(text) > 40:
        return None
    if found := _DAY_FIRST.fullmatch(text):
        day, month, year, clock = found.groups()
        text = f"{year}-{month}-{day}T{clock}"
    elif not _YEAR_FIRST.fullmatch(text) and not _ZONED.fullmatch(text):
        return None
    try:
        instant = datetime.fromisoformat(text)
        is_local = instant.tzinfo is None
        return (instant.replace(tzinfo=INDIA) if is_local else instant).astimezone(UTC), is_local
    except (ValueError, OverflowError):
        return None


def day_of(text: str | None) -> date | None:
    """Return the day as it is in India; None where it can not be read."""
    if text and _DAY.fullmatch(text):
        text = f"{text} 00:00:00"
    found = instant_of(text)
    return found[0].astimezone(INDIA).date() if found else None
