"""Cycle counts: a sheet that says what to count, what people counted, and what was decided."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from trueup.canon.record import Record, register


class SheetState(StrEnum):
    """How far a count sheet is."""

    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


@register
class CountSheet(Record, frozen=True, kw_only=True):
    """What shall be counted at a site.

    Attributes:
        skus: to be counted; none named: all that lie there.
        blind: who counts is never told what the books say.
        tolerance_units, tolerance_percent: a variance up to the greater of both is booked at once.
        by: who opened it.
    """

    kind: ClassVar[str] = "count_sheet"

    site: str
    state: SheetState
    skus: tuple[str, ...] = ()
    blind: bool = True
    tolerance_units: int = 0
    tolerance_percent: int = 0
    created_at: datetime | None = None
    by: str | None = None


@register
class CountEntry(Record, frozen=True, kw_only=True):
    """What somebody counted of one SKU, in one bin where a SKU lies in several.

    Attributes:
        sheet: ref of the count sheet.
        round: 1, and one more for each count of this SKU that was refused.
        counted_at: when; units that came or left later are not in it.
        deleted: it was entered by mistake.
    """

    kind: ClassVar[str] = "count_entry"

    sheet: str
    sku: str
    quantity: int
    counted_at: datetime
    by: str
    round: int = 1
    bin: str = ""

    def entity(self) -> str:
        """Return the sheet's entity."""
        return f"{CountSheet.kind}/{self.sheet}"


class LineState(StrEnum):
    """What became of one counted SKU."""

    POSTED = "posted"  # within tolerance
    WAITING = "waiting"  # for another person
    APPROVED = "approved"
    REFUSED = "refused"  # to be counted again


@register
class CountLine(Record, frozen=True, kw_only=True):
    """What was counted of a SKU in all its bins, beside what the books said at that instant.

    Attributes:
        round: of its entries.
        counted_at: of its last entry; as of this instant it is booked.
        moved: units came or left between its first and its last entry, so nobody can say what
            they counted together.
        counted_by: everybody who counted; none of them approves it.
        by: who decided.
    """

    kind: ClassVar[str] = "count_line"

    sheet: str
    sku: str
    round: int
    counted: int
    book: int
    counted_at: datetime
    state: LineState
    moved: bool = False
    counted_by: tuple[str, ...] = ()
    by: str | None = None

    def entity(self) -> str:
        """Return the sheet's entity."""
        return f"{CountSheet.kind}/{self.sheet}"

    @property
    def variance(self) -> int:
        """Return how many more than the books said were counted."""
        return self.counted - self.book
