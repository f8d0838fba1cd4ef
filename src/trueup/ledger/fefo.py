"""What is left of each lot: first expired, first out, by when things happened. Pure.

Nobody posts which lot a parcel took, unless somebody said so. What is left is worked out of all
that came to a shelf and left it, sorted by the instant at which it happened, never by when it was
told. Everything of one instant is taken together: first what came, then what left a lot that was
named, then what just left. None of these steps depends on an order within the instant, so every
order of arrival gives the same lots. What is told late takes its place in time, and what followed
it is worked out anew.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from datetime import date, datetime

import msgspec


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What came to one shelf and left it at one instant.

    Attributes:
        came, went: whole units, both positive, named lots included.
        lots: units that came in named lots, or left them with a minus.
    """

    at: datetime
    came: int = 0
    went: int = 0
    lots: tuple[tuple[str, int], ...] = ()


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """What of one lot lies on a shelf."""

    code: str
    units: int
    expires_on: date | None = None


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """What lies on a shelf: lots in the order in which they are picked, and units without a lot.

    Attributes:
        unlotted: below zero where more left than ever came; then there are no lots either.
    """

    lots: tuple[Lot, ...] = ()
    unlotted: int = 0

    @property
    def units(self) -> int:
        """Return what lies there together: what the books call on hand."""
        return sum(lot.units for lot in self.lots) + self.unlotted


def fill_shelf(flows: Iterable[Flow], expires_on: Mapping[str, date | None], today: date) -> Shelf:
    """Return what is left on a shelf.

    Args:
        flows: in any order, one an instant.
        expires_on: the last good day of each lot.
        today: decides in which order the rest is picked.
    """
    lots = _Lots(expires_on)
    unlotted = owed = 0  # owed: what left beyond all that ever came
    for flow in sorted(flows, key=lambda each: each.at):
        loose = flow.went - flow.came
        for lot, units in flow.lots:
            loose += units
            lots.put(lot, max(0, units))
        for lot, units in flow.lots:
            # A lot that had less gives what it has: the rest was taken elsewhere.
            loose += max(0, -units) - lots.take(lot, max(0, -units))
        # What came without a lot pays for what just left, and the other way round.
        unlotted, owed = max(0, unlotted - owed - loose), max(0, owed + loose - unlotted)
        if owed:
            owed = lots.take_first(owed, flow.at.date())
    return Shelf(lots=lots.in_order(today), unlotted=unlotted - owed)


class _Lots:
    """What is left of each lot, kept in the order in which they expire: without a day last."""

    def __init__(self, expires_on: Mapping[str, date | None]) -> None:
        self._expires_on = expires_on
        self._left: dict[str, int] = {}
        self._order: list[tuple[date, str]] = []

    def put(self, code: str, units: int) -> None:
        """Add units to a lot."""
        if not units:
            return
        if code not in self._left:
            insort(self._order, self._key(code))
        self._left[code] = self._left.get(code, 0) + units

    def take(self, code: str, units: int) -> int:
        """Take units of one lot; returns how many it had."""
        taken = min(units, self._left.get(code, 0))
        if taken:
            self._left[code] -= taken
            if not self._left[code]:
                del self._left[code]
                self._order.remove(self._key(code))
        return taken

    def take_first(self, units: int, day: date) -> int:
        """Take units of which nobody said the lot; returns how many are owed still.

        The lot that expires first; what is expired lies there and is taken only where nothing
        else is.
        """
        owed = units
        while owed and self._order:
            good = self._good(day)
            _, code = self._order[good if good < len(self._order) else 0]
            owed -= self.take(code, owed)
        return owed

    def in_order(self, day: date) -> tuple[Lot, ...]:
        """Return the lots as they are picked on a day: those that are expired at the end."""
        good = self._good(day)
        return tuple(
            Lot(code=code, units=self._left[code], expires_on=self._expires_on.get(code))
            for _, code in (*self._order[good:], *self._order[:good])
        )

    def _good(self, day: date) -> int:
        """Return where the lots begin that are not expired on a day."""
        return bisect_left(self._order, (day, ""))

    def _key(self, code: str) -> tuple[date, str]:
        return (self._expires_on.get(code) or date.max, code)


def pick(shelf: Shelf, units: int, today: date) -> tuple[tuple[str, int], ...]:
    """Return what to take for an order, lot by lot; "" is without a lot. Expired lots stay.

    It may be less than was asked for: there is no more that is good.
    """
    wanted: list[tuple[str, int]] = []
    rest = units
    first = [Lot(code="", units=shelf.unlotted)] if shelf.unlotted > 0 else []
    for lot in (*first, *shelf.lots):
        if lot.expires_on is not None and lot.expires_on < today:
            continue
        taken = min(rest, lot.units)
        rest -= taken
        if taken:
            wanted.append((lot.code, taken))
    return tuple(wanted)
