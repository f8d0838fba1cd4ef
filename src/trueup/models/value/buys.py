"""When customers bought: as it was read, and summed up as of a day. Pure.

What a model of buying needs of a customer are three numbers: how often they bought again (x), when
they did last (t_x) and for how long they are known (T), the latter two from their first purchase on
and in weeks. Several orders of one day are one purchase.
"""

from datetime import date, timedelta
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WEEK_DAYS: Final = 7.0
BINS_MAX: Final = 20_000
"""Customers who are alike are counted, not listed; more kinds than this are told apart less."""

_EPOCH: Final = date(1970, 1, 1)


class Purchases(NamedTuple):
    """One row a customer and day, by customer and day.

    Attributes:
        customers: 0, 1, 2 and so on; each is there.
        days: since 1970-01-01.
        amounts: an estimate needs no exact amount; none of these is ever booked.
        currencies: which of `names`.
        names: of the currencies.
        persons: of each customer, the id under which they are known.
        until: the last day that is known whole.
    """

    customers: Ints
    days: Ints
    amounts: Floats
    currencies: Ints
    names: tuple[str, ...]
    persons: tuple[bytes, ...]
    until: int

    def before(self, until: int) -> "Purchases":
        """Return what was known on the evening of a day; customers keep their numbers."""
        known = self.days <= until
        return self._replace(
            customers=self.customers[known],
            days=self.days[known],
            amounts=self.amounts[known],
            currencies=self.currencies[known],
            until=until,
        )


class Seen(NamedTuple):
    """Customers summed up as of a day, one row each.

    Attributes:
        customers: their numbers.
        x: further purchases after the first.
        t_x: weeks from the first to the last.
        known: weeks from the first until now: the T of the literature.
        spend: mean amount of a purchase.
        again: mean amount of the further purchases alone; 0 where there are none.
        currencies: of the newest purchase.
        gap_logs: the sum of the logarithms of the days between purchases.
    """

    customers: Ints
    x: Floats
    t_x: Floats
    known: Floats
    spend: Floats
    again: Floats
    currencies: Ints
    gap_logs: Floats


class Bins(NamedTuple):
    """Customers who are alike, and how many they are."""

    x: Floats
    t_x: Floats
    known: Floats
    weights: Floats


def day_number(day: date) -> int:
    """Return the days since 1970-01-01."""
    return (day - _EPOCH).days


def day_of(number: float) -> date:
    """Return the day that is so many days after 1970-01-01; a part of a day counts to the next."""
    return _EPOCH + timedelta(days=int(np.ceil(number)))


def gather(
    customers: Ints,
    days: Ints,
    amounts: Floats,
    currencies: Ints,
    names: tuple[str, ...],
    persons: tuple[bytes, ...],
    until: int,
) -> Purchases:
    """Return purchases by customer and day, those of one day as one, until a day."""
    known = days <= until
    customers, days = customers[known], days[known]
    amounts, currencies = amounts[known], currencies[known]
    order = np.lexsort((currencies, days, customers))
    customers, days = customers[order], days[order]
    first = np.ones(len(days), dtype=bool)
    first[1:] = (customers[1:] != customers[:-1]) | (days[1:] != days[:-1])
    starts = np.flatnonzero(first)
    return Purchases(
        customers=customers[starts],
        days=days[starts],
        amounts=_sums(amounts[order], starts),
        currencies=currencies[order][starts],
        names=names,
        persons=persons,
        until=until,
    )


def see(purchases: Purchases) -> Seen:
    """Sum up every customer who has bought."""
    customers, days, amounts = purchases.customers, purchases.days, purchases.amounts
    starts = np.flatnonzero(np.r_[True, customers[1:] != customers[:-1]][: len(customers)])
    counts = np.diff(np.r_[starts, len(customers)])
    ends = starts + counts - 1
    x = (counts - 1).astype(np.float64)
    total, first = _sums(amounts, starts), amounts[starts]
    gaps = np.zeros(len(days))
    gaps[1:] = np.log(np.maximum(days[1:] - days[:-1], 1))
    gaps[starts] = 0.0
    return Seen(
        customers=customers[starts],
        x=x,
        t_x=(days[ends] - days[starts]) / WEEK_DAYS,
        known=(purchases.until - days[starts]) / WEEK_DAYS,
        spend=total / counts,
        again=np.where(x > 0, (total - first) / np.maximum(x, 1), 0.0),
        currencies=purchases.currencies[ends],
        gap_logs=_sums(gaps, starts),
    )


def came_of(purchases: Purchases, seen: Seen, since: int, until: int) -> Ints:
    """Return how often each customer bought from a day on until another, both included."""
    within = (purchases.days >= since) & (purchases.days <= until)
    counts = np.bincount(purchases.customers[within], minlength=len(purchases.persons))
    return counts[seen.customers].astype(np.int64)


def bins_of(seen: Seen) -> Bins:
    """Count customers who are alike; where there are too many kinds, days are told apart less."""
    x = seen.x.astype(np.int64)
    t_x = np.rint(seen.t_x * WEEK_DAYS).astype(np.int64)
    known = np.rint(seen.known * WEEK_DAYS).astype(np.int64)
    grain = 1
    while True:
        most = int(known.max(initial=0)) // grain + 1
        kinds, inverse, counts = np.unique(
            (x * most + t_x // grain) * most + known // grain,
            return_inverse=True,
            return_counts=True,
        )
        if len(kinds) <= BINS_MAX or most == 1:
            break
        grain *= 2
    weights = counts.astype(np.float64)
    return Bins(
        x=np.bincount(inverse, seen.x) / weights,
        t_x=np.bincount(inverse, seen.t_x) / weights,
        known=np.bincount(inverse, seen.known) / weights,
        weights=weights,
    )


def _sums(values: Floats, starts: Ints) -> Floats:
    """Return the sum of each run of values."""
    return np.add.reduceat(values, starts) if len(values) else np.zeros(0)
