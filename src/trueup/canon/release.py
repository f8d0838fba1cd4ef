"""Releases: units that we let go for an order that will never take them."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self

import msgspec

from trueup.canon.record import Record, register


class ReleaseReason(StrEnum):
    """Why an order will not take its units any more."""

    GONE = "gone"  # its vendor knows no such order any more
    CLOSED = "closed"  # its vendor has closed it, and nothing is to be sent
    UNPAID = "unpaid"  # it was never paid, and will not be
    SHIPPED = "shipped"  # another system sent it out: the units have left
    PERSON = "person"  # a person says so


class ReleaseLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Units of one line of the order.

    Attributes:
        units: let go; 0 takes it back.
        order_at: the order's own last-change stamp when it was decided.
        shipped_at: when the units left, where they did.
        by: "hub", or who decided.
        evidence: what shows it; nothing personal.
    """

    line_ref: str
    units: int
    reason: ReleaseReason
    decided_at: datetime
    order_at: datetime
    shipped_at: datetime | None = None
    by: str = "hub"
    evidence: tuple[str, ...] = ()


@register
class Release(Record, frozen=True, kw_only=True):
    """Everything that was let go for one order; `ref` is the order's. Each telling tells a part."""

    kind: ClassVar[str] = "release"
    unites: ClassVar[bool] = True

    lines: tuple[ReleaseLine, ...] = ()

    def united(self, other: Self) -> Self:
        """Return what both tell: of each line and reason the last decision."""
        newest: dict[tuple[str, str], ReleaseLine] = {}
        for line in sorted((*self.lines, *other.lines), key=_rank):
            newest[line.line_ref, line.reason.value] = line
        lines = tuple(newest[key] for key in sorted(newest))
        later = max(self, other, key=lambda each: each.updated_at)
        return msgspec.structs.replace(later, lines=lines)


def _rank(line: ReleaseLine) -> tuple[datetime, bytes]:
    return line.decided_at, msgspec.json.encode(line)
