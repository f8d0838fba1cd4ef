"""Inspections: what somebody at the dock found in a parcel that came back."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

import msgspec

from trueup.canon.record import Record, register


class Grade(StrEnum):
    """What becomes of a unit that came back."""

    GOOD = "sellable"  # back on the shelf
    QUARANTINE = "quarantine"  # set aside: to be repaired, cleaned or sent on
    SCRAP = "scrap"  # thrown away


class InspectionLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whole units of one SKU and grade; `note` says what is wrong, `serials` which they are."""

    sku: str
    quantity: int
    grade: Grade
    note: str | None = None
    serials: tuple[str, ...] = ()


@register
class Inspection(Record, frozen=True, kw_only=True):
    """Units that came back from a customer, as they were graded; its newest version restates it.

    With an `order_ref` it is about that order, beside what its channel tells; without one nobody
    knows of which order they were.

    Attributes:
        site: where they were graded, and lie.
        occurred_at: when they were graded; `updated_at` is when it was told.
        deleted: it was entered by mistake.
    """

    kind: ClassVar[str] = "inspection"

    site: str
    lines: tuple[InspectionLine, ...]
    occurred_at: datetime
    by: str | None = None
    reason: str | None = None
