"""When a SKU will be sold out, from what was sold each day and what is on its way. Pure.

**How fast.** Teunter, Syntetos and Babai's method for intermittent demand: the chance that a day
sells anything and the units of a day that does are smoothed apart, the chance on every day, so that
what is no longer wanted slows down by itself. A day on which nothing was there to sell says nothing
and is left out. One day counts for four times the median of the days that sold at most, so that a
single large order is no trend. The days of the week are not told apart.

**When.** Units sold in d days are taken as negative binomial: as uneven as the days were, and more
uneven with d, because the rate is known from about 19 days only. The date is told as the day by
which it is sold out with a chance of one half, between those of a tenth and of nine tenths. Units
on their way count from the day on which they are expected.
"""

import math
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import median
from typing import Final

import msgspec

from trueup.kernel.chance import chance_over, units_for

SMOOTHING: Final = 0.1
"""How much of a new day is taken over: what was known is halved in about a week."""

FIRST_DAYS: Final = 14
"""From so many days the smoothing starts."""

SINGLE_DAY_MAX: Final = 4
HORIZON_DAYS: Final = 730
DISPERSION_MAX: Final = 200.0
EARLY, MIDDLE, LATE = 0.1, 0.5, 0.9

STEADY_DAYS: Final = 91
"""Over so many of the newest days demand is taken as steady."""

_RATE_DOUBT: Final = SMOOTHING / (2 - SMOOTHING)


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """What one day sold of a SKU.

    Attributes:
        open: there was something to sell.
        left: what was available in the evening.
    """

    on: date
    units: int
    open: bool = True
    left: int = 0


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """Units that are expected."""

    on: date
    units: int


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """How fast a SKU is sold.

    Attributes:
        per_day: units, on average.
        dispersion: the variance of a day's units over their mean.
        days: on which there was something to sell.
        selling_days: those of them that sold some.
        doubt: one over the days that speak for the rate.
    """

    per_day: float
    dispersion: float
    days: int
    selling_days: int
    doubt: float = _RATE_DOUBT


class Outlook(msgspec.Struct, frozen=True, kw_only=True):
    """When a SKU will be sold out; None: not within two years.

    Attributes:
        expected_on: it is as likely to be sold out by then as not.
        earliest_on: with a chance of a tenth by then.
        latest_on: with a chance of nine tenths by then.
    """

    demand: Demand
    available: int
    incoming: int
    expected_on: date | None
    earliest_on: date | None
    latest_on: date | None


def demand_of(days: Sequence[Day]) -> Demand:
    """Return how fast a SKU is sold, from its days, oldest first, from its first day on."""
    known = [day for day in days if day.open or day.units > 0]
    selling = [day.units for day in known if day.units > 0]
    if not selling:
        return Demand(per_day=0.0, dispersion=1.0, days=len(known), selling_days=0)
    most = SINGLE_DAY_MAX * median(selling)
    first = known[:FIRST_DAYS]
    sold = [min(day.units, most) for day in first if day.units > 0]
    chance = len(sold) / len(first)
    size = math.fsum(sold) / len(sold) if sold else float(median(selling))
    squares = weights = 0.0
    for day in known:
        units = min(float(day.units), most)
        off = units - chance * size
        squares, weights = (
            squares * (1 - SMOOTHING) + off * off,
            weights * (1 - SMOOTHING) + 1,
        )
        if units > 0:
            size += SMOOTHING * (units - size)
        chance += SMOOTHING * ((units > 0) - chance)
    per_day = chance * size
    dispersion = squares / weights / per_day if per_day > 0 else 1.0
    return Demand(
        per_day=per_day,
        dispersion=min(max(1.0, dispersion), DISPERSION_MAX),
        days=len(known),
        selling_days=len(selling),
    )


def steady_demand(days: Sequence[Day]) -> Demand:
    """Return how fast a SKU was sold over the newest 13 weeks, every day of them alike.

    What is ordered goes by it: it follows a trend later than `demand_of`, but does not run after
    each good week, and leaves out no large order that a customer may place again.
    """
    known = [day.units for day in days[-STEADY_DAYS:] if day.open or day.units > 0]
    count, selling = len(known), sum(units > 0 for units in known)
    mean = math.fsum(known) / count if count else 0.0
    variance = math.fsum((units - mean) ** 2 for units in known) / max(1, count - 1)
    return Demand(
        per_day=mean,
        dispersion=min(max(1.0, variance / mean), DISPERSION_MAX) if mean > 0 else 1.0,
        days=count,
        selling_days=selling,
        doubt=1 / max(1, count),
    )


def chance_sold_out(
    demand: Demand, available: int, arrivals: Sequence[Arrival], today: date, days: int
) -> float:
    """Return how likely a SKU is sold out within some days, at least.

    It is looked at the last day and at each day before one on which something arrives.
    """
    until = today + timedelta(days=days)
    looks = {max(1, (each.on - today).days - 1) for each in arrivals if today < each.on <= until}
    return max(
        _chance_on(demand, available, arrivals, today, day) for day in (*looks, max(0, days))
    )


def units_lasting(demand: Demand, days: int, chance: float) -> int:
    """Return the fewest units of which some are left after so many days, but for a chance."""
    return units_for(demand.per_day * days, _spread(demand, days), chance) + 1


def look_ahead(demand: Demand, available: int, arrivals: Sequence[Arrival], today: date) -> Outlook:
    """Return when a SKU will be sold out."""

    def by(chance: float) -> date | None:
        return sold_out_by(demand, available, arrivals, today, chance)

    return Outlook(
        demand=demand,
        available=available,
        incoming=sum(each.units for each in arrivals),
        expected_on=by(MIDDLE),
        earliest_on=by(EARLY),
        latest_on=by(LATE),
    )


def sold_out_by(
    demand: Demand, available: int, arrivals: Sequence[Arrival], today: date, chance: float
) -> date | None:
    """Return the first day by which it is sold out with a chance; None: not within two years.

    The chance falls at arrivals only.
    """
    edges = sorted({(each.on - today).days for each in arrivals if each.on > today})
    starts = [0, *(edge for edge in edges if edge < HORIZON_DAYS)]
    ends = [*(start - 1 for start in starts[1:]), HORIZON_DAYS]
    for start, end in zip(starts, ends, strict=True):
        if _chance_on(demand, available, arrivals, today, end) < chance:
            continue
        low, high = start, end
        while low < high:
            middle = (low + high) // 2
            if _chance_on(demand, available, arrivals, today, middle) >= chance:
                high = middle
            else:
                low = middle + 1
        return today + timedelta(days=high)
    return None


def _chance_on(
    demand: Demand, available: int, arrivals: Sequence[Arrival], today: date, days: int
) -> float:
    """Return how likely as much is sold by the end of a day as there was until then."""
    last = today + timedelta(days=days)
    units = available + sum(each.units for each in arrivals if each.on <= last)
    if units <= 0:
        return 1.0
    return chance_over(demand.per_day * days, _spread(demand, days), units - 1)


def _spread(demand: Demand, days: int) -> float:
    """Return how uneven some days are together: more so than one, as the rate is not known well."""
    return demand.dispersion * (1 + days * demand.doubt)
