"""Hold what was ordered beside what came. Pure: the same lines, the same answer, in any order."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date

import msgspec


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a purchase order or transfer; `told_arrived` is what its own system says came."""

    line_ref: str
    sku: str | None
    quantity: int
    told_arrived: int = 0
    expected_on: date | None = None


class Arrived(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU that came; `line_ref` where somebody said for which line."""

    sku: str
    units: int
    line_ref: str | None = None


class LineProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one line has come.

    Attributes:
        arrived: units that our arrivals tell of.
        left: what is still to come; of our arrivals and the order's own system the one that knows
            of more counts, because both may tell of the same units.
        over: how many more than ordered arrived.
    """

    line_ref: str
    sku: str | None
    quantity: int
    arrived: int
    left: int
    over: int
    expected_on: date | None = None


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a purchase order or transfer; `unexpected` are SKUs that stand in no line."""

    lines: tuple[LineProgress, ...]
    unexpected: tuple[tuple[str, int], ...] = ()

    @property
    def left(self) -> int:
        """Return how many units are still to come."""
        return sum(line.left for line in self.lines)


def match_lines(expected: Sequence[Expected], arrived: Iterable[Arrived]) -> Match:
    """Say which line what arrived belongs to.

    A line that somebody named gets its units. The others fill the lines of their SKU, the one
    expected first before the others; what is more than all of them is over on the last.
    """
    lines = sorted(expected, key=_first)
    named: Counter[str] = Counter()
    loose: Counter[str] = Counter()
    skus = {line.line_ref: line.sku for line in lines}
    for each in arrived:
        if each.line_ref is not None and skus.get(each.line_ref) == each.sku:
            named[each.line_ref] += each.units
        else:
            loose[each.sku] += each.units
    last = {line.sku: line.line_ref for line in lines}
    progress: list[LineProgress] = []
    for line in lines:
        units = named[line.line_ref]
        if line.sku is not None:
            room = max(0, line.quantity - units)
            takes = loose[line.sku] if last[line.sku] == line.line_ref else room
            takes = min(takes, loose[line.sku])
            loose[line.sku] -= takes
            units += takes
        progress.append(
            LineProgress(
                line_ref=line.line_ref,
                sku=line.sku,
                quantity=line.quantity,
                arrived=units,
                left=max(0, line.quantity - max(units, line.told_arrived)),
                over=max(0, units - line.quantity),
                expected_on=line.expected_on,
            )
        )
    unexpected = tuple(sorted((sku, units) for sku, units in loose.items() if units > 0))
    return Match(lines=tuple(progress), unexpected=unexpected)


def _first(line: Expected) -> tuple[bool, date, str]:
    """Order lines by when they are expected; those of which nobody knows are the last."""
    return (line.expected_on is None, line.expected_on or date.min, line.line_ref)
