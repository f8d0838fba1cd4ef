"""Ways to reorder, played on the days that were: what ran out, and what lay there too long. Pure.

Each way sees only what it would have known: its own stock, its own sales, and days without stock as
days that say nothing. What was wanted on a day on which there really was nothing to sell is not
known; it counts as what was usual on the days before.

What the rule is held against is the policy that most entrants of the VN2 inventory competition
(2025) did not beat: once a week, what the mean of the newest 13 weeks sells until the next order
can have come and for a week more. Because more stock always loses fewer sales, that policy is
played once more with as many days more as it needs to lose as little as the rule: what it holds
then says which is better.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from trueup.decisions.purchasing.quantity import Terms, quantity_of
from trueup.ledger.demand import FIRST_DAYS, STEADY_DAYS, Arrival, Day, steady_demand

_WEEK: Final = 7
_DEVIATIONS: Final = 8
"""Stock so many standard deviations above what is sold is not sold out, and is not worked out."""

_MORE_DAYS_MAX: Final = 128
_USUAL: Final = 0.1

Policy = Callable[[Sequence[Day], int, Sequence[Arrival], date, Terms], int]
"""What is ordered in the morning of a day: by the days before, what is there and on its way."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU to be played.

    Attributes:
        past: its days, oldest first; those before the play begins are known to every way.
        terms: of its supplier.
    """

    past: Sequence[Day]
    terms: Terms


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """What a way to reorder came to; all SKUs together, or one.

    Attributes:
        days: played.
        sold_out_days: on which more was wanted than was there.
        wanted, missed: units; what was missed was wanted and not there.
        held: unit-days in stock, by the evenings.
        excess: of these, beyond what was wanted until the order after the next could have come.
        orders: how many.
    """

    days: int = 0
    sold_out_days: int = 0
    wanted: int = 0
    missed: int = 0
    held: int = 0
    excess: int = 0
    orders: int = 0

    def __add__(self, other: "Came") -> "Came":
        """Return both together."""
        names = self.__struct_fields__
        return Came(**{name: getattr(self, name) + getattr(other, name) for name in names})


def reorder(
    past: Sequence[Day], available: int, arrivals: Sequence[Arrival], today: date, terms: Terms
) -> int:
    """Order as the rule does: on any day, once stock may not last until more could come."""
    demand = steady_demand(past)
    days = terms.lead_days + 1
    spread = math.sqrt(demand.per_day * days * demand.dispersion * (1 + days * demand.doubt))
    there = available + sum(each.units for each in arrivals)
    if there > demand.per_day * days + _DEVIATIONS * spread + 1:
        return 0
    found = quantity_of(demand, available, arrivals, today, terms)
    return 0 if found is None else found.units


def thirteen_weeks(more_days: int = 0) -> Policy:
    """Return the policy of the competition, with some days of sales more in stock."""

    def order(
        past: Sequence[Day], available: int, arrivals: Sequence[Arrival], today: date, terms: Terms
    ) -> int:
        known = [each.units for each in past[-STEADY_DAYS:] if each.open or each.units > 0]
        if today.weekday() or not known:
            return 0
        wanted = math.ceil(sum(known) * (terms.lead_days + 2 * _WEEK + more_days) / len(known))
        missing = wanted - available - sum(each.units for each in arrivals)
        return terms.sent(missing) if missing > 0 else 0

    return order


def matched(items: Sequence[Item], since: date, missed_max: int) -> int | None:
    """Return how many days more the 13 weeks' mean needs to miss no more; None: beyond all."""
    low, high = 0, _MORE_DAYS_MAX
    if play_all(items, since, thirteen_weeks(high)).missed > missed_max:
        return None
    while low < high:
        middle = (low + high) // 2
        if play_all(items, since, thirteen_weeks(middle)).missed <= missed_max:
            high = middle
        else:
            low = middle + 1
    return high


def play_all(items: Iterable[Item], since: date, policy: Policy) -> Came:
    """Play several SKUs since a day."""
    return sum((play_past(each.past, since, policy, each.terms) for each in items), Came())


def play_past(past: Sequence[Day], since: date, policy: Policy, terms: Terms) -> Came:
    """Play one SKU's days since a day.

    Args:
        past: all its days, oldest first.
        since: the first that is played; a SKU without two weeks before it begins later.
        policy: how it is reordered.
        terms: of its supplier.
    """
    first = max(FIRST_DAYS, sum(each.on < since for each in past))
    wanted = _wanted(past)
    seen = list(past[:first])
    there = max(0, past[first - 1].left) if past[first:] else 0
    coming: list[Arrival] = []
    sold_out_days = missed = held = excess = orders = 0
    for n, day in enumerate(past[first:], first):
        there += sum(each.units for each in coming if each.on <= day.on)
        coming = [each for each in coming if each.on > day.on]
        units = policy(seen, there, coming, day.on, terms)
        if units:
            orders += 1
            coming.append(Arrival(on=day.on + timedelta(days=terms.lead_days), units=units))
        sold = min(there, wanted[n])
        seen.append(Day(on=day.on, units=sold, open=there > 0, left=there - sold))
        there -= sold
        missed += wanted[n] - sold
        sold_out_days += wanted[n] > sold
        held += there
        excess += max(0, there - sum(wanted[n + 1 : n + 1 + terms.days]))
    return Came(
        days=len(past[first:]),
        sold_out_days=sold_out_days,
        wanted=sum(wanted[first:]),
        missed=missed,
        held=held,
        excess=excess,
        orders=orders,
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
