"""Ways to reorder, played on the days that were: what ran out, and what lay there too long. Pure.

Each way sees only what it would have known: its own stock, its own sales, and days without stock as
days that say nothing. What was wanted on a day on which there really was nothing to sell is not
known; it counts as what was usual on the days before. SKUs of one supplier are played beside each
other, because an order is of all of them.

What the rule is held against is the policy that most entrants of the VN2 inventory competition
(2025) did not beat: once a week, what the mean of the newest 13 weeks sells until the next order
can have come and for a week more. Because more stock always loses fewer sales, that policy is
played once more with as many days more as it needs to lose as little as the rule: what it holds
then says which is better.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from trueup.decisions.purchasing.basket import Stock, basket_of, spent_on, urgent_of, within
from trueup.decisions.purchasing.budget import Budget, least
from trueup.decisions.purchasing.quantity import Terms, coming_by, levels_of
from trueup.kernel.money import Money
from trueup.ledger.demand import FIRST_DAYS, STEADY_DAYS, Arrival, Day, Demand, steady_demand

_WEEK: Final = 7
_DEVIATIONS: Final = 8
"""Stock so many standard deviations above what is sold is not sold out, and is not worked out."""

_MORE_DAYS_MAX: Final = 128
_USUAL: Final = 0.1


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU to be played.

    Attributes:
        supplier: who sends it: what is ordered there on one day is one order.
        past: its days, oldest first; those before the play begins are known to every way.
        terms: of its supplier.
        cost: of one unit; None where nobody told.
    """

    sku: str
    supplier: str
    past: Sequence[Day]
    terms: Terms
    cost: Money | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU in the morning of a day, as a way to reorder sees it.

    Attributes:
        seen: the days before, as this way saw them.
        available: units that are there.
        arrivals: what is on its way.
    """

    item: Item
    seen: Sequence[Day]
    available: int
    arrivals: Sequence[Arrival]

    def there_by(self, day: date) -> int:
        """Return what is there and arrives by a day."""
        return self.available + coming_by(self.arrivals, day)


Policy = Callable[[date, Sequence[Standing]], Sequence[int]]
"""How many units of each SKU are ordered in the morning of a day."""


Learn = Callable[[date, Sequence[Standing]], Mapping[str, Demand]]
"""The demand of SKUs as something learned tells it in the morning of a day."""


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """What a way to reorder came to; all SKUs together, or one.

    Attributes:
        days: played.
        sold_out_days: on which more was wanted than was there.
        wanted, missed: units; what was missed was wanted and not there.
        held: unit-days in stock, by the evenings.
        excess: of these, beyond what was wanted until the order after the next could have come.
    """

    days: int = 0
    sold_out_days: int = 0
    wanted: int = 0
    missed: int = 0
    held: int = 0
    excess: int = 0

    def __add__(self, other: "Came") -> "Came":
        """Return both together."""
        names = self.__struct_fields__
        return Came(**{name: getattr(self, name) + getattr(other, name) for name in names})


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What a way came to, SKU by SKU, and with how many orders at suppliers."""

    came: Mapping[str, Came]
    orders: int

    @property
    def total(self) -> Came:
        """All SKUs together."""
        return sum(self.came.values(), Came())


class _Rule:
    """The rule: on any day, once stock may not last until more could come, within a budget."""

    def __init__(self, budget: Budget, learn: Learn | None) -> None:
        self._budget = budget
        self._learn = learn
        self._spent: list[tuple[date, str, Mapping[str, Decimal]]] = []

    def __call__(self, today: date, standings: Sequence[Standing]) -> list[int]:
        groups: dict[str, list[Standing]] = defaultdict(list)
        learned = {} if self._learn is None else self._learn(today, standings)
        for each in standings:
            groups[each.item.supplier].append(each)
        units: dict[str, int] = {}
        for supplier, group in sorted(groups.items()):
            units |= self._ordered(today, supplier, group, learned)
        return [units.get(each.item.sku, 0) for each in standings]

    def _ordered(
        self,
        today: date,
        supplier: str,
        group: Sequence[Standing],
        learned: Mapping[str, Demand],
    ) -> dict[str, int]:
        """Return what is ordered at one supplier, by SKU."""
        demands = {
            each.item.sku: learned.get(each.item.sku) or steady_demand(each.seen[-STEADY_DAYS:])
            for each in group
        }
        near = _stocks(group, demands, today, 0)
        if not urgent_of(near, today):
            return {}
        days = max(each.item.terms.review_days for each in group)
        lines = basket_of(_stocks(group, demands, today, days), today)
        lines = within(lines, self._left(today, supplier), today)
        self._spent.append((today, supplier, spent_on(lines)))
        return {line.stock.sku: line.units for line in lines}

    def _left(self, today: date, supplier: str) -> dict[str, Decimal]:
        """Return what may be spent today, by currency."""
        budget = self._budget
        reviewed = today - timedelta(days=budget.review_days)
        week = today - timedelta(days=_WEEK)
        of_order, of_week = dict(budget.per_order), dict(budget.per_week)
        for on, at, spent in self._spent:
            for currency, amount in spent.items():
                if at == supplier and on > reviewed and currency in of_order:
                    of_order[currency] -= amount
                if on > week and currency in of_week:
                    of_week[currency] -= amount
        return least(of_order, of_week)


def reorder(budget: Budget | None = None, learn: Learn | None = None) -> Policy:
    """Return the rule's own way, at its beginning: it knows what it spent.

    Args:
        budget: what it may spend; None: whatever it wants.
        learn: tells demand in the place of the newest 13 weeks, where it tells any.
    """
    return _Rule(budget or Budget(), learn)


def _stocks(
    group: Sequence[Standing], demands: Mapping[str, Demand], today: date, more_days: int
) -> list[Stock]:
    """Return what may need an order within some days; the rest is far from it."""
    found = []
    for each in group:
        item, demand = each.item, demands[each.item.sku]
        days = item.terms.lead_days + 1 + more_days
        spread = math.sqrt(demand.per_day * days * demand.dispersion * (1 + days * demand.doubt))
        far = demand.per_day * days + _DEVIATIONS * spread + 1
        if each.there_by(today + timedelta(days=days)) > far:
            continue
        found.append(
            Stock(
                sku=item.sku,
                available=each.available,
                arrivals=tuple(each.arrivals),
                demand=demand,
                levels=levels_of(demand, item.terms),
                terms=item.terms,
                cost=item.cost,
            )
        )
    return found


def thirteen_weeks(more_days: int = 0) -> Policy:
    """Return the policy of the competition, with some days of sales more in stock."""

    def one(each: Standing) -> int:
        known = [day.units for day in each.seen[-STEADY_DAYS:] if day.open or day.units > 0]
        if not known:
            return 0
        terms = each.item.terms
        wanted = math.ceil(sum(known) * (terms.lead_days + 2 * _WEEK + more_days) / len(known))
        missing = wanted - each.available - sum(coming.units for coming in each.arrivals)
        return terms.sent(missing) if missing > 0 else 0

    def order(today: date, standings: Sequence[Standing]) -> list[int]:
        return [0 if today.weekday() else one(each) for each in standings]

    return order


def matched(items: Sequence[Item], since: date, missed_max: int) -> int | None:
    """Return how many days more the 13 weeks' mean needs to miss no more; None: beyond all."""

    def missed(days: int) -> int:
        return play_all(items, since, thirteen_weeks(days)).total.missed

    low, high = 0, _MORE_DAYS_MAX
    if missed(high) > missed_max:
        return None
    while low < high:
        middle = (low + high) // 2
        if missed(middle) <= missed_max:
            high = middle
        else:
            low = middle + 1
    return high


def play_all(items: Sequence[Item], since: date, policy: Policy) -> Played:
    """Play SKUs beside each other since a day.

    Args:
        items: whose days all end on one day.
        since: the first that is played; a SKU without two weeks before it begins later.
        policy: how they are reordered.
    """
    runs = [_Run(item, since) for item in items]
    days = sorted({day.on for run in runs for day in run.item.past[run.first :]})
    orders = 0
    for today in days:
        active = [run for run in runs if run.is_on(today)]
        units = policy(today, [run.wake(today) for run in active])
        orders += len({run.item.supplier for run, n in zip(active, units, strict=True) if n})
        for run, count in zip(active, units, strict=True):
            run.live(today, count)
    return Played(came={run.item.sku: run.came() for run in runs}, orders=orders)


class _Run:
    """One SKU on its way through the days."""

    def __init__(self, item: Item, since: date) -> None:
        past = item.past
        self.item = item
        self.first = max(FIRST_DAYS, sum(day.on < since for day in past))
        self._wanted = _wanted(past)
        self._seen = list(past[: self.first])
        self._there = max(0, past[self.first - 1].left) if past[self.first :] else 0
        self._coming: list[Arrival] = []
        self._sold_out_days = self._missed = self._held = self._excess = 0

    def is_on(self, today: date) -> bool:
        """Whether a day is one of its days and next to be played."""
        n = len(self._seen)
        return n < len(self.item.past) and self.item.past[n].on == today

    def wake(self, today: date) -> Standing:
        """Take in what comes in the morning."""
        self._there += coming_by(self._coming, today)
        self._coming = [each for each in self._coming if each.on > today]
        return Standing(
            item=self.item, seen=self._seen, available=self._there, arrivals=tuple(self._coming)
        )

    def live(self, today: date, ordered: int) -> None:
        """Order, and sell what is wanted and there."""
        n, terms = len(self._seen), self.item.terms
        if ordered:
            on = today + timedelta(days=terms.lead_days)
            self._coming.append(Arrival(on=on, units=ordered))
        wanted = self._wanted[n]
        sold = min(self._there, wanted)
        left = self._there - sold
        self._seen.append(Day(on=today, units=sold, open=self._there > 0, left=left))
        self._there = left
        self._missed += wanted - sold
        self._sold_out_days += wanted > sold
        self._held += left
        self._excess += max(0, left - sum(self._wanted[n + 1 : n + 1 + terms.days]))

    def came(self) -> Came:
        """Return what it came to."""
        return Came(
            days=len(self.item.past[self.first :]),
            sold_out_days=self._sold_out_days,
            wanted=sum(self._wanted[self.first :]),
            missed=self._missed,
            held=self._held,
            excess=self._excess,
        )


def _wanted(past: Sequence[Day]) -> list[int]:
    """Return what was wanted each day: what was sold, and where nothing was there the usual."""
    found: list[int] = []
    usual = owed = 0.0
    for n, day in enumerate(past):
        if day.open or day.units > 0:
            found.append(max(0, day.units))
            usual += (_USUAL if n else 1.0) * (day.units - usual)
            continue
        owed += usual
        found.append(math.floor(owed))
        owed -= math.floor(owed)
    return found
