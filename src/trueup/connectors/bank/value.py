"""Amounts and days as the formats of statements write them, each with its place in the file."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final

from trueup.errors import ConfigError

Refuse = Callable[[str, str], ConfigError]
"""Makes the error for a place: what was expected, what was found."""

NONE_WORDS: Final = frozenset(
    (
        "",
        "NONREF",
        "NOTPROVIDED",
        "NOTAVAILABLE",
        "NOREF",
        "NONE",
        "N/A",
        "NICHT ANGEGEBEN",
        "KREF+",
        "EREF",
    )
)
"""What banks write where there is no reference, or where it stands elsewhere (`KREF+`)."""

_ISO_AMOUNT: Final = re.compile(r"\+?([0-9]{1,18}(\.[0-9]{0,17})?|\.[0-9]{1,17})")
_ISO_DAY: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


def reference(text: str | None) -> str | None:
    """Return a reference; None where the bank's words say that there is none."""
    word = (text or "").strip()
    return None if word.upper() in NONE_WORDS else word


def iso_amount(text: str, refuse: Refuse) -> Decimal:
    """Return an amount as XML schemas write decimals; its sign stands elsewhere."""
    if not _ISO_AMOUNT.fullmatch(text):
        raise refuse("an amount such as 12.50", "other text" if text else "nothing")
    return Decimal(text)


def currency_of(text: str, refuse: Refuse) -> str:
    """Return an ISO 4217 code."""
    if not _CURRENCY.fullmatch(text):
        raise refuse("a currency such as EUR", "other text" if text else "nothing")
    return text


def iso_day(text: str, refuse: Refuse) -> date:
    """Return a day as XML schemas write it, with or without a zone, or the day of an instant."""
    plain = _ISO_DAY.fullmatch(text)
    try:
        return date.fromisoformat(plain[1] if plain else text[:10])
    except ValueError as error:
        expected = "a day such as 2026-01-31"
        raise refuse(expected, "other text" if text else "nothing") from error


def iso_instant(text: str, refuse: Refuse) -> datetime:
    """Return an instant as XML schemas write it, in UTC; without a zone it counts as UTC."""
    midnight = "T24:00:00" in text
    try:
        found = datetime.fromisoformat(text.replace("T24:00:00", "T00:00:00"))
        found += timedelta(days=midnight)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        expected = "an instant such as 2026-01-31T09:00:00+01:00"
        raise refuse(expected, "other text" if text else "nothing") from error


def end_of(day: date) -> datetime:
    """Return the last second of a day, UTC: by then all that was said in its course was said."""
    return datetime.combine(day, time(23, 59, 59), UTC)


def start_of(day: date) -> datetime:
    """Return the first second of a day, UTC."""
    return datetime.combine(day, time(), UTC)
