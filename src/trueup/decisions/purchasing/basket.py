"""What is ordered at one supplier at once, and what of it where money does not suffice. Pure.

An order is for the SKUs that need one now. Those that would need one until the next review join
it, because an order of their own costs more than a few days in stock (a can-order policy, Balintfy
1964).

Where a budget does not suffice, each next unit goes where it is likeliest to be wanted before the
order after this one has come: sales are worth what their units cost, so that is what a unit of
money saves. Margins would weigh better, and are known for orders, not for what is not sold yet.
"""

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from trueup.decisions.purchasing.quantity import Levels, Terms, coming_by, quantity_of
from trueup.kernel.money import Money
from trueup.ledger.demand import Arrival, Demand, chance_sold_out

_STEPS_MAX: Final = 24
"""In so many parts at most a line is cut."""

_SAMPLES: Final = (1 / 6, 1 / 2, 5 / 6)
"""Where within a part it is looked how likely a unit is wanted."""


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU of a supplier: what is there, how fast it is sold, and by what it is ordered.

    Attributes:
        available: units, without what is on its way.
        arrivals: what is on its way.
        cost: of one unit; None where nobody told.
    """

    sku: str
    available: int
    arrivals: tuple[Arrival, ...]
    demand: Demand
    levels: Levels
    terms: Terms
    cost: Money | None = None

    def chance(self, today: date, units: int = 0) -> float:
        """Return how likely it is sold out before the order after this one can have come."""
        there = self.available + units + self._coming(today)
        return chance_sold_out(self.demand, there, (), today, self.terms.days)

    def _coming(self, today: date) -> int:
        return coming_by(self.arrivals, today + timedelta(days=self.terms.days))


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an order.

    Attributes:
        units: that are ordered; 0 where money does not suffice for any.
        wanted: units without a budget.
        missing: of the level, before packs and the fewest that are sent.
        urgent: it needs an order now; else it joins one.
    """

    stock: Stock
    units: int
    wanted: int
    missing: int
    urgent: bool

    @property
    def money(self) -> Money | None:
        """What it costs; None where nobody told."""
        cost = self.stock.cost
        return None if cost is None else Money(cost.amount * self.units, cost.currency)


class _Part(NamedTuple):
    """Some units of a line: the likelier they are wanted the sooner they are taken."""

    unlikely: float
    sku: str
    place: int
    units: int
    price: Decimal
    currency: str


def urgent_of(stocks: Sequence[Stock], today: date) -> list[str]:
    """Return the SKUs that need an order now."""
    return [
        each.sku
        for each in stocks
        if quantity_of(each.levels, each.available, each.arrivals, today, each.terms) is not None
    ]


def near_of(stocks: Sequence[Stock], today: date) -> tuple[Stock, ...]:
    """Return what needs an order now, or would join one."""
    return tuple(
        each
        for each in stocks
        if quantity_of(each.levels, each.available, each.arrivals, today, each.terms, joins=True)
        or quantity_of(each.levels, each.available, each.arrivals, today, each.terms)
    )


def basket_of(stocks: Sequence[Stock], today: date) -> list[Line]:
    """Return the lines of an order, those that need it now first; none where nothing does."""
    urgent = set(urgent_of(stocks, today))
    if not urgent:
        return []
    lines = []
    for each in stocks:
        now = each.sku in urgent
        found = quantity_of(
            each.levels, each.available, each.arrivals, today, each.terms, joins=not now
        )
        if found is not None:
            lines.append(
                Line(
                    stock=each,
                    units=found.units,
                    wanted=found.units,
                    missing=found.missing,
                    urgent=now,
                )
            )
    return sorted(lines, key=lambda line: (not line.urgent, line.stock.sku))


def within(lines: Sequence[Line], left: Mapping[str, Decimal], today: date) -> list[Line]:
    """Return lines as far as money suffices; a line of which none is bought has 0 units.

    Where nothing that needs an order now can be bought, nothing is: what joins waits with it.

    Args:
        lines: as they are wanted.
        left: money by currency; what costs another currency, or nobody knows what, is not cut.
        today: of the look.
    """
    rest = [_parts(line, left, today) for line in lines]
    # Of each line the next part alone is worked out: most of what is wanted may never be looked at.
    heap = [(part, parts) for parts in rest if (part := next(parts, None)) is not None]
    money, bought = dict(left), {part.sku: 0 for part, _ in heap}
    heapq.heapify(heap)
    while heap:
        part, parts = heapq.heappop(heap)
        if part.price > money[part.currency]:
            continue  # a later part of it may fit, but never without this one
        money[part.currency] -= part.price
        bought[part.sku] += part.units
        following = next(parts, None)
        if following is not None:
            heapq.heappush(heap, (following, parts))
    found = [
        msgspec.structs.replace(line, units=bought.get(line.stock.sku, line.units))
        for line in lines
    ]
    if not any(line.units for line in found if line.urgent):
        return [msgspec.structs.replace(line, units=0) for line in found]
    return found


def spent_on(lines: Sequence[Line]) -> dict[str, Decimal]:
    """Return what lines cost, by currency, as far as somebody told."""
    spent: dict[str, Decimal] = {}
    for line in lines:
        money = line.money
        if money is not None and money:
            spent[money.currency] = spent.get(money.currency, Decimal(0)) + money.amount
    return spent


def _parts(line: Line, left: Mapping[str, Decimal], today: date) -> Iterator[_Part]:
    """Give the parts of a line in order: first the fewest that are sent, then packs."""
    cost, terms = line.stock.cost, line.stock.terms
    if cost is None or cost.currency not in left:
        return
    first = min(terms.sent(1), line.wanted)
    packs = math.ceil((line.wanted - first) / (_STEPS_MAX - 1) / terms.pack)
    size, bought, place = max(1, packs) * terms.pack, 0, 0
    while bought < line.wanted:
        units = first if not bought else min(size, line.wanted - bought)
        wanted = [
            line.stock.chance(today, bought + math.floor(units * sample)) for sample in _SAMPLES
        ]
        yield _Part(
            unlikely=-math.fsum(wanted) / len(wanted),
            sku=line.stock.sku,
            place=place,
            units=units,
            price=cost.amount * units,
            currency=cost.currency,
        )
        bought, place = bought + units, place + 1
