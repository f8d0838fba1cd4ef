"""Cost layers: what the units of a SKU cost when they came, and so when they went. Pure.

Worked out from everything that came and went, by when it did, so a fact that is told late changes
what it must and the order of telling changes nothing. What went before anything came waits for the
next units.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from trueup.kernel.money import Money
from trueup.ledger.money import EXACT
from trueup.margin.shares import part_upto

_NOTHING: Final = Decimal(0)


class Certainty(StrEnum):
    """How an amount is known."""

    TOLD = "told"
    ESTIMATED = "estimated"
    UNKNOWN = "unknown"


def least_known(certainties: Iterable[Certainty]) -> Certainty:
    """Return how a sum is known by how its parts are."""
    found = set(certainties)
    return next((b for b in (Certainty.UNKNOWN, Certainty.ESTIMATED) if b in found), Certainty.TOLD)


class Method(StrEnum):
    """By which rule units that went have their cost."""

    FIFO = "fifo"  # first in, first out
    AVERAGE = "average"  # the mean of what lies there, weighted


class Layer(NamedTuple):
    """Units of one SKU that came at once.

    Attributes:
        key: what names it; layers of one instant are taken in its order.
        units: above zero.
        cost: of all of them together, landed; None: nobody knows.
        how: where the cost is from, in words.
    """

    at: datetime
    key: str
    units: int
    cost: Money | None
    certainty: Certainty
    how: str


class Gone(NamedTuple):
    """Units of one SKU that went: to a customer, or lost; `key` says with what."""

    at: datetime
    key: str
    units: int


class Taken(NamedTuple):
    """What units cost: exact sums by currency, of `known` units, and how each part is known."""

    units: int
    known: int
    cost: dict[str, Decimal]
    certainties: frozenset[Certainty]
    how: tuple[str, ...]

    @property
    def certainty(self) -> Certainty:
        """How the whole is known: as well as its least known part."""
        lacking = {Certainty.UNKNOWN} if self.known < self.units else set()
        return least_known(self.certainties | lacking)


class Costed(NamedTuple):
    """What everything that went cost, by its key, and what is left: units with their cost."""

    gone: dict[str, Taken]
    left: Taken


class _Sum:
    """Adds up what units cost."""

    def __init__(self) -> None:
        self.units = self.known = 0
        self.cost: dict[str, Decimal] = defaultdict(Decimal)
        self.certainties: set[Certainty] = set()
        self.how: dict[str, None] = {}

    def add(self, units: int, layer: Layer, cost: Decimal | None) -> None:
        self.units += units
        self.certainties.add(layer.certainty)
        self.how[layer.how] = None
        if layer.cost is not None and cost is not None:
            self.known += units
            self.cost[layer.cost.currency] = EXACT.add(self.cost[layer.cost.currency], cost)

    def taken(self) -> Taken:
        cost = {code: amount for code, amount in sorted(self.cost.items()) if amount}
        return Taken(self.units, self.known, cost, frozenset(self.certainties), tuple(self.how))


def cost_of_gone(layers: Iterable[Layer], gone: Iterable[Gone], method: Method) -> Costed:
    """Return what everything that went of one SKU cost, and what is left.

    The costs of what went and of what is left come to what the layers cost, to the last digit.

    Args:
        layers: what came, in any order.
        gone: what went, in any order; of several of one key the sum is told.
        method: which units went.
    """
    came = sorted(layers, key=lambda each: (each.at, each.key))
    went = sorted(gone, key=lambda each: (each.at, each.key))
    return _fifo(came, went) if method is Method.FIFO else _average(came, went)


def _fifo(came: Sequence[Layer], went: Sequence[Gone]) -> Costed:
    sums: dict[str, _Sum] = defaultdict(_Sum)
    number = used = 0
    for each in went:
        open_units = each.units
        while open_units and number < len(came):
            layer = came[number]
            units = min(open_units, layer.units - used)
            sums[each.key].add(units, layer, _between(layer, used, used + units))
            used, open_units = used + units, open_units - units
            if used == layer.units:
                number, used = number + 1, 0
        sums[each.key].units += open_units
    left = _Sum()
    for layer in came[number:]:
        left.add(layer.units - used, layer, _between(layer, used, layer.units))
        used = 0
    return Costed({key: each.taken() for key, each in sums.items()}, left.taken())


def _between(layer: Layer, start: int, end: int) -> Decimal | None:
    """Return what some of a layer's units cost; of all parts the sum is the layer's cost."""
    if layer.cost is None:
        return None
    amount, currency = layer.cost.amount, layer.cost.currency
    upto = part_upto(amount, end, layer.units, currency)
    return EXACT.subtract(upto, part_upto(amount, start, layer.units, currency))


class _Pool:
    """What lies there, as one heap: units, how many of them have a cost, and all their cost."""

    def __init__(self) -> None:
        self.units = self.known = 0
        self.cost: dict[str, Decimal] = defaultdict(Decimal)
        self.certainties: set[Certainty] = set()
        self.how: dict[str, None] = {}

    def put(self, layer: Layer) -> None:
        """Lay units on the heap; what is known of one that is empty counts no more."""
        if not self.units:
            self.certainties, self.how = set(), {}
        self.units += layer.units
        self.certainties.add(layer.certainty)
        self.how[layer.how] = None
        if layer.cost is not None:
            self.known += layer.units
            code = layer.cost.currency
            self.cost[code] = EXACT.add(self.cost[code], layer.cost.amount)

    def take(self, units: int, into: _Sum) -> None:
        """Take units out of the heap, each at what the mean of all costs."""
        known = self.known * units // self.units
        for code, amount in self.cost.items():
            part = part_upto(amount, units, self.units, code)
            self.cost[code] = EXACT.subtract(amount, part)
            into.cost[code] = EXACT.add(into.cost[code], part)
        into.units, into.known = into.units + units, into.known + known
        into.certainties |= self.certainties
        into.how |= self.how
        self.units, self.known = self.units - units, self.known - known


def _average(came: Sequence[Layer], went: Sequence[Gone]) -> Costed:
    sums: dict[str, _Sum] = defaultdict(_Sum)
    pool, waiting = _Pool(), deque[Gone]()
    moves: list[tuple[datetime, int, str, Layer | Gone]] = [
        *((each.at, 0, each.key, each) for each in came),
        *((each.at, 1, each.key, each) for each in went),
    ]
    for _, _, _, move in sorted(moves, key=lambda each: each[:3]):
        if isinstance(move, Layer):
            pool.put(move)
        else:
            waiting.append(move)
        _serve(pool, waiting, sums)
    for each in waiting:
        sums[each.key].units += each.units
    left = _Sum()
    if pool.units:
        pool.take(pool.units, left)
    return Costed({key: each.taken() for key, each in sums.items()}, left.taken())


def _serve(pool: _Pool, waiting: deque[Gone], sums: dict[str, _Sum]) -> None:
    """Give those that wait, the first first, what lies there."""
    while waiting and pool.units:
        first = waiting.popleft()
        units = min(first.units, pool.units)
        pool.take(units, sums[first.key])
        if units < first.units:
            waiting.appendleft(first._replace(units=first.units - units))
