"""Which rows of one side come to one row of the other: all ways, to know which is the only one."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from trueup.reconcile.money.graph import Group, components
from trueup.reconcile.money.pairs import Move


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        proven: left refs, right refs, and how many sums were tried to know that it is the only one.
        ambiguous: left refs, right refs, and why nothing is proven.
    """

    proven: tuple[tuple[tuple[str, ...], tuple[str, ...], int], ...]
    ambiguous: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...]


class _Way(msgspec.Struct, frozen=True):
    """One way in which rows come to a row of the other side."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    tried: int


class _Search(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a search, the same for every row."""

    days_max: int
    tolerances: Mapping[str, Decimal]
    rows_max: int
    candidates_max: int
    steps_max: int


class _Cut(Exception):
    """A search came to its bound, so that other ways may exist."""


def find_sums(
    left: Mapping[str, Move],
    right: Mapping[str, Move],
    *,
    days_max: int,
    tolerances: Mapping[str, Decimal],
    rows_max: int,
    candidates_max: int,
    steps_max: int,
) -> Sums:
    """Find rows of one side that come to one row of the other, in both directions.

    A way is proven if the searches for its rows were not cut short and no other way, of any row,
    uses one of its rows. What shares rows is ambiguous together.

    Args:
        left: moves by ref; amounts are not zero.
        right: moves by ref, likewise.
        days_max: how many days may lie between a row and what comes to it.
        tolerances: per currency, by how much sums may differ; none where it is not named.
        rows_max: how many rows may come to one, from two on.
        candidates_max: with more rows near one, its search is cut: nothing of them is proven.
        steps_max: after as many partial sums its search is cut as well.
    """
    search = _Search(
        days_max=days_max,
        tolerances=tolerances,
        rows_max=rows_max,
        candidates_max=candidates_max,
        steps_max=steps_max,
    )
    ways: list[_Way] = []
    unproven: set[tuple[bool, str]] = set()
    for is_right, ones, many in ((True, right, left), (False, left, right)):
        for ref, move in ones.items():
            near = _near(move, many, search)
            try:
                found, tried = _ways(move, near, many, search)
            except _Cut:
                unproven.add((is_right, ref))
                unproven |= {(not is_right, other) for other in near}
                continue
            for group in found:
                one = (ref,)
                ways.append(_Way(group, one, tried) if is_right else _Way(one, group, tried))
    return _judge(ways, unproven)


def _judge(ways: Sequence[_Way], unproven: set[tuple[bool, str]]) -> Sums:
    """Sort out which ways share no row with another, nor with a search that was cut."""
    edges = {(left, right) for way in ways for left in way.left for right in way.right}
    proven, ambiguous = [], []
    by_left: dict[str, list[_Way]] = {}
    for way in ways:
        by_left.setdefault(way.left[0], []).append(way)
    for group in components(edges):
        inside = [way for ref in group[0] for way in by_left.get(ref, ())]
        left, right = group
        if len(inside) > 1:
            ambiguous.append((left, right, f"{len(inside)} sums fit, and share rows"))
        elif _touches(group, unproven):
            told = "the sum fits, and too many rows lie near to prove that no other does"
            ambiguous.append((left, right, told))
        else:
            proven.append((left, right, inside[0].tried))
    return Sums(proven=tuple(proven), ambiguous=tuple(ambiguous))


def _touches(group: Group, unproven: set[tuple[bool, str]]) -> bool:
    left, right = group
    return any((False, ref) in unproven for ref in left) or any(
        (True, ref) in unproven for ref in right
    )


def _near(move: Move, many: Mapping[str, Move], search: _Search) -> list[str]:
    currency, on, _ = move
    return [
        ref
        for ref, (other, day, _) in many.items()
        if other == currency and abs((day - on).days) <= search.days_max
    ]


def _ways(
    move: Move, near: Sequence[str], many: Mapping[str, Move], search: _Search
) -> tuple[list[tuple[str, ...]], int]:
    """Return all sets of two or more rows that come to a move, and how many sums were tried.

    Raises:
        _Cut: there are more rows or more sums than may be tried.
    """
    if len(near) < 2:
        return [], 0
    if len(near) > search.candidates_max:
        raise _Cut
    slack = search.tolerances.get(move[0], Decimal(0))
    rows = sorted(((many[ref][2], ref) for ref in near), key=lambda row: (-abs(row[0]), row[1]))
    walk = _Walk(rows, move[2], slack, search)
    found = [tuple(sorted(group)) for group in walk.groups(0, Decimal(0), ())]
    return found, walk.tried


class _Walk:
    """A walk through all sums of rows that can still come to the goal."""

    def __init__(
        self, rows: Sequence[tuple[Decimal, str]], goal: Decimal, slack: Decimal, search: _Search
    ) -> None:
        self._rows = rows
        self._goal = goal
        self._slack = slack
        self._search = search
        self.tried = 0
        # What the rows from each place on can add at most and at least.
        self._most = [Decimal(0)] * (len(rows) + 1)
        self._least = [Decimal(0)] * (len(rows) + 1)
        for place in range(len(rows) - 1, -1, -1):
            self._most[place] = self._most[place + 1] + max(rows[place][0], Decimal(0))
            self._least[place] = self._least[place + 1] + min(rows[place][0], Decimal(0))

    def groups(
        self, place: int, reached: Decimal, taken: tuple[str, ...]
    ) -> Iterator[tuple[str, ...]]:
        """Give every set of rows from a place on that comes to the goal with those taken."""
        if len(taken) > 1 and abs(self._goal - reached) <= self._slack:
            yield taken
        if len(taken) == self._search.rows_max:
            return
        for at in range(place, len(self._rows)):
            left = self._goal - reached
            if not self._least[at] - self._slack <= left <= self._most[at] + self._slack:
                return
            self.tried += 1
            if self.tried > self._search.steps_max:
                raise _Cut
            amount, ref = self._rows[at]
            yield from self.groups(at + 1, reached + amount, (*taken, ref))
