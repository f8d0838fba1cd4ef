"""How often somebody buys: their own interval, drawn a little to that of the others. Pure.

It is the rule below the model `value`, and the only one that knows of a single SKU.
"""

import itertools
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from statistics import NormalDist, fmean, pstdev
from typing import Final, NamedTuple

PURCHASES_MIN: Final = 3
"""Below three purchases nobody has an interval of their own."""

_OTHERS: Final = 1.0
"""The others' mean counts as so many gaps of one's own."""

_SPREAD_MIN: Final = 0.15


class Interval(NamedTuple):
    """How often somebody buys.

    Attributes:
        days: from one purchase to the next.
        spread: how far the gaps differ: their standard deviation over their mean.
    """

    days: int
    spread: float

    def next_on(self, last_on: date) -> date:
        """Return the day of the purchase after one."""
        return last_on + timedelta(days=self.days)


def gaps_of(days: Sequence[date]) -> list[int]:
    """Return the days between purchases; several on one day are one purchase."""
    told = sorted(set(days))
    return [(after - before).days for before, after in itertools.pairwise(told)]


def mean_gap(purchases: Iterable[Sequence[date]]) -> float | None:
    """Return the mean gap of all who have an interval; None where nobody has."""
    gaps = [gap for days in purchases if len(set(days)) >= PURCHASES_MIN for gap in gaps_of(days)]
    return fmean(gaps) if gaps else None


def interval_of(days: Sequence[date], others: float | None) -> Interval | None:
    """Return the interval of somebody; None below three purchases.

    Args:
        days: of their purchases.
        others: the mean gap of all who buy the same.
    """
    gaps = gaps_of(days)
    if len(gaps) < PURCHASES_MIN - 1:
        return None
    own = fmean(gaps)
    prior = own if others is None else others
    drawn = (sum(gaps) + _OTHERS * prior) / (len(gaps) + _OTHERS)
    return Interval(days=max(1, round(drawn)), spread=pstdev(gaps) / own)


def chance_of_buying(interval: Interval, *, since: int, within: int) -> float:
    """Return how likely the next purchase comes within days from now, as it has not come so far.

    Args:
        interval: of them.
        since: days since the last purchase.
        within: days from now.
    """
    spread = max(_SPREAD_MIN, interval.spread) * interval.days
    gap = NormalDist(mu=interval.days, sigma=spread)
    not_yet = 1.0 - gap.cdf(since)
    if not_yet < 1e-6:
        return 0.0
    return (gap.cdf(since + within) - gap.cdf(since)) / not_yet


def chance_alive(interval: Interval, since: int) -> float:
    """Return how likely somebody still buys: half for each further interval that went by unused.

    The first interval, and what it differs by, is nobody's leaving.
    """
    late = since / interval.days - 1.0 - min(1.0, interval.spread)
    return 1.0 if late <= 0 else float(0.5**late)
