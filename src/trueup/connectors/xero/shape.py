"""Xero's bodies as far as they are read."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Final

import msgspec

_STAMP: Final = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")
_PLAIN_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")

Text = str | None
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=60)]


class LineShape(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """One line; a debit is above zero."""

    line_amount: Decimal | None = None
    account_code: Text = None
    account_id: Text = msgspec.field(default=None, name="AccountID")
    description: Text = None


class JournalShape(msgspec.Struct, frozen=True, kw_only=True, gc=False, rename="pascal"):
    """One manual journal."""

    id: Id = msgspec.field(name="ManualJournalID")
    narration: Text = None
    date: Text = None
    status: Text = None
    updated: Text = msgspec.field(default=None, name="UpdatedDateUTC")
    journal_lines: list[LineShape] = []


def instant_of(told: str | None) -> datetime | None:
    """Return an instant that stands in Xero's own form, in UTC; None where it is none."""
    found = _STAMP.fullmatch(told or "")
    if found is None:
        return None
    try:
        return datetime.fromtimestamp(int(found[1]) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def day_of(told: str | None) -> date | None:
    """Return a day, in Xero's own form or as others write it; None where it is none."""
    if told is not None and _PLAIN_DAY.fullmatch(told[:10]):
        try:
            return date.fromisoformat(told[:10])
        except ValueError:
            return None
    at = instant_of(told)
    return None if at is None else at.date()
