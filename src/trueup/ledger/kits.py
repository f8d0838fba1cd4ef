"""Kits: what a code that is sold stands for, at any instant. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from trueup.kernel.limits import KIT_DEPTH_MAX

Parts = Mapping[str, int]
"""Whole units by SKU."""


class Definition(NamedTuple):
    """What one unit of a code is made of, from an instant on; nothing: it is no kit any more."""

    code: str
    since: datetime
    parts: Parts
    edition: int = 0


class Kits:
    """Every definition of every kit.

    An order moves what a kit was made of when it was placed; what was sold before the kit was first
    defined, what it was made of at first.

    Attributes:
        edition: of the newest definition.
    """

    def __init__(self, definitions: Iterable[Definition] = ()) -> None:
        self._told: dict[str, dict[datetime, Definition]] = {}
        self.edition = 0
        for each in definitions:
            self._told.setdefault(each.code, {})[each.since] = each
            self.edition = max(self.edition, each.edition)
        self._parts = {code: parts for code in self._told if (parts := self.parts_of(code))}
        self._within: dict[str, set[str]] = {}
        for code, parts in self._parts.items():
            for part in parts:
                self._within.setdefault(part, set()).add(code)

    def extended(self, definitions: Iterable[Definition]) -> "Kits":
        """Return these kits with further definitions; one of the same instant is replaced."""
        known = [each for told in self._told.values() for each in told.values()]
        return Kits([*known, *definitions])

    def parts_of(self, code: str, at: datetime | None = None) -> Parts | None:
        """Return what one unit is made of in the end, kits in it taken apart; None: it is no kit.

        Args:
            code: as it is sold.
            at: when it was sold; None: by the newest definitions.
        """
        if code not in self._told:
            return None
        found: Counter[str] = Counter()
        if not self._take_apart(code, 1, at, (), found):
            return None
        return dict(found)

    def now(self) -> Mapping[str, Parts]:
        """Return every kit by its newest definition, taken apart to the end."""
        return self._parts

    def containing(self, codes: Iterable[str]) -> set[str]:
        """Return the kits of which one of some SKUs is a part now."""
        return {kit for code in codes for kit in self._within.get(code, ())}

    def ever_containing(self, code: str) -> set[str]:
        """Return a code with every kit of which it was ever a part, near or far."""
        found, frontier = {code}, {code}
        while frontier:
            frontier = {
                kit
                for kit, told in self._told.items()
                if kit not in found and any(frontier & each.parts.keys() for each in told.values())
            }
            found |= frontier
        return found

    def ever_parts(self, codes: Iterable[str]) -> set[str]:
        """Return every SKU that is or was a part of some codes, near or far."""
        found: set[str] = set()
        frontier = {code for code in codes if code in self._told}
        while frontier:
            parts = {p for c in frontier for each in self._told[c].values() for p in each.parts}
            frontier = {part for part in parts - found if part in self._told}
            found |= parts
        return found

    def is_circular(self, code: str) -> bool:
        """Whether a code is a part of itself by the newest definitions, or nested too deep."""
        return self._reaches(code, code, KIT_DEPTH_MAX)

    def _reaches(self, code: str, goal: str, depth: int) -> bool:
        definition = self._definition(code, None)
        if definition is None or not definition.parts:
            return False
        if depth == 0 or goal in definition.parts:
            return True
        return any(self._reaches(part, goal, depth - 1) for part in definition.parts)

    def _definition(self, code: str, at: datetime | None) -> Definition | None:
        told = self._told.get(code)
        if not told:
            return None
        if at is None:
            return told[max(told)]
        return told[max((since for since in told if since <= at), default=min(told))]

    def _take_apart(
        self,
        code: str,
        units: int,
        at: datetime | None,
        within: tuple[str, ...],
        found: Counter[str],
    ) -> bool:
        """Add what so many units of a code are made of; False where it stands for itself."""
        definition = self._definition(code, at)
        if definition is None or not definition.parts or code in within:
            return False
        for part, each in definition.parts.items():
            if not self._take_apart(part, units * each, at, (*within, code), found):
                found[part] += units * each
        return True


NO_KITS = Kits()


def kit_available(parts: Parts, available: Mapping[str, int]) -> int:
    """Return how many kits can be put together: of each part there must be enough.

    Below zero where a part is short: so many kits too many were sold.
    """
    return min(available.get(part, 0) // units for part, units in parts.items())
