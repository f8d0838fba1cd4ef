"""Serials: single units of a SKU by a number of their own, as it is written on them.

A serial is unique among the units of its SKU, not beyond. It is trimmed, and otherwise kept and
compared as it is written: two that differ in their case may be two units (GS1 allows both cases),
and units that were taken for one could not be told apart again by anybody.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar

import msgspec

from trueup.canon.record import Record, register

SERIAL_CHARS_MAX = 100
SERIALS_MAX = 10_000
"""Of one record."""


class PackLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Units of one SKU in a parcel, by their serials."""

    sku: str
    serials: tuple[str, ...]


@register
class Pack(Record, frozen=True, kw_only=True):
    """Which serials left with an order; its newest version restates it.

    It moves no units: the order's own facts do. It says which units those were.

    Attributes:
        site: from where they left.
        occurred_at: when they were packed; `updated_at` is when it was told.
        deleted: it was entered by mistake.
    """

    kind: ClassVar[str] = "pack"

    site: str
    lines: tuple[PackLine, ...]
    occurred_at: datetime
    by: str | None = None


@register
class SerialRule(Record, frozen=True, kw_only=True):
    """Whether every unit of a SKU must have its serial told; `ref` is the SKU."""

    kind: ClassVar[str] = "serial_rule"

    required: bool


def trimmed(texts: Iterable[str]) -> tuple[str, ...]:
    """Return serials as they are kept: without the space around them."""
    return tuple(text.strip() for text in texts)


def typed(text: str) -> tuple[str, ...]:
    """Return the serials that somebody typed or scanned, one a line; empty lines count nothing."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def wrong_serials(serials: Iterable[str], units: int) -> str:
    """Return what was expected of a line's serials; empty where they are right.

    Args:
        serials: trimmed.
        units: of the line; there may be fewer serials, for those that nobody read.
    """
    told = tuple(serials)
    if any(not 0 < len(each) <= SERIAL_CHARS_MAX or not each.isprintable() for each in told):
        return f"serials of 1 to {SERIAL_CHARS_MAX} characters that can be printed"
    if len(set(told)) < len(told):
        return "each serial once"
    return "" if len(told) <= units else "at most as many serials as units"
