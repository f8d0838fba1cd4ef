"""When a customer buys next: by their own interval, drawn to that of all customers. Pure.

The days between two purchases of one customer are spread as a gamma of shape k: 1 is pure chance,
and the greater, the more regular. Customers' rates are spread as another gamma (r, alpha), so that
the interval of somebody with few purchases is drawn to that of the others; and after a purchase a
customer leaves for good with the chance `leaves`. All four are found by maximum likelihood, with
the time since the last purchase counted as what it is: somebody who left, or has yet to come.
It is the CNBD-k of Platzer and Reutterer ("Ticking away the moments", Marketing Science 35, 2016)
with one chance of leaving for all.

What is known of a customer makes their rate a gamma again, so the next interval is a beta prime,
and its quantiles are exact.
"""

from datetime import date
from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import betainc, betaincinv, expit, gammaln

from trueup.models.value.buys import WEEK_DAYS, Floats, Seen, day_of

GAPS_MIN: Final = 2
"""Below three purchases nobody has an interval of their own; no date is told."""

EARLY, SOON, MIDDLE, LATE = 0.1, 0.25, 0.5, 0.9
_CUSTOMERS_MAX: Final = 20_000
"""So many tell the four parameters; more are taken evenly from all."""

_BOUNDS: Final = ((-4.0, 5.0), (-5.0, 7.0), (-5.0, 12.0), (-7.0, 4.0))
_SHAPES: Final = (1.0, 4.0)


class Regularity(NamedTuple):
    """The parameters; alpha in days."""

    k: float
    r: float
    alpha: float
    leaves: float


class Gaps(NamedTuple):
    """The days between the purchases of customers who bought again.

    Attributes:
        counts: of gaps.
        sums: of their days.
        logs: the sum of their logarithms.
        since: days since the last purchase.
    """

    counts: Floats
    sums: Floats
    logs: Floats
    since: Floats


class Next(NamedTuple):
    """When a customer buys next, if they do within the horizon.

    Attributes:
        chance: that they do at all within it.
        early_on, late_on: between which it lies in eight of ten cases.
        soon_on, expected_on: the first quarter and the half: when to speak to them.
    """

    chance: float
    early_on: date
    soon_on: date
    expected_on: date
    late_on: date


def gaps_of(seen: Seen) -> Gaps:
    """Return the gaps of all customers."""
    return Gaps(
        counts=seen.x,
        sums=seen.t_x * WEEK_DAYS,
        logs=seen.gap_logs,
        since=(seen.known - seen.t_x) * WEEK_DAYS,
    )


def fit(gaps: Gaps) -> Regularity:
    """Return the likeliest parameters; the same every time."""
    step = max(1, -(-len(gaps.counts) // _CUSTOMERS_MAX))
    some = Gaps(*(column[::step] for column in gaps))
    mean = float(some.sums.sum() / max(some.counts.sum(), 1.0))

    def loss(logs: Floats) -> float:
        k, r, alpha = np.exp(logs[:3])
        own = Regularity(k=k, r=r, alpha=alpha, leaves=float(expit(logs[3])))
        value = float(np.mean(_log_likelihoods(own, some)))
        return -value if np.isfinite(value) else 1e10

    found = [
        minimize(
            loss,
            [np.log(shape), np.log(2.0), np.log(2.0 * max(mean, 1.0) / shape), -1.0],
            method="L-BFGS-B",
            jac="3-point",
            bounds=_BOUNDS,
        )
        for shape in _SHAPES
    ]
    best = min(found, key=lambda each: float(each.fun))
    k, r, alpha = (float(each) for each in np.exp(best.x[:3]))
    return Regularity(k=k, r=r, alpha=alpha, leaves=float(expit(best.x[3])))


def quantiles(own: Regularity, gaps: Gaps, horizon_days: float, share: float) -> Floats:
    """Return the days from the last purchase to the next, if it comes within the horizon from now.

    Args:
        own: the parameters.
        gaps: of the customers.
        horizon_days: from now.
        share: of the cases in which it has come by then.
    """
    shape, scale = own.r + gaps.counts * own.k, own.alpha + gaps.sums
    until_now = _by(own, gaps, gaps.since)
    by_horizon = _by(own, gaps, gaps.since + horizon_days)
    wanted = until_now + share * (by_horizon - until_now)
    part = betaincinv(own.k, shape, np.clip(wanted, 0.0, 1.0 - 1e-12))
    days = scale * part / (1.0 - part)
    return np.asarray(np.clip(days, gaps.since, gaps.since + horizon_days))


def chances(own: Regularity, gaps: Gaps, horizon_days: float) -> Floats:
    """Return how likely each customer buys again within the horizon from now."""
    not_yet = 1.0 - _by(own, gaps, gaps.since)
    within = _by(own, gaps, gaps.since + horizon_days) - _by(own, gaps, gaps.since)
    stays = 1.0 - own.leaves
    return np.asarray(stays * within / (own.leaves + stays * not_yet))


def next_of(own: Regularity, gaps: Gaps, today: int, horizon_days: float) -> Next | None:
    """Return when one customer buys next; None where they bought less than three times.

    Args:
        own: the parameters.
        gaps: of the one customer.
        today: as `day_number` counts.
        horizon_days: from today.
    """
    if gaps.counts[0] < GAPS_MIN:
        return None
    last = today - gaps.since[0]
    early, soon, middle, late = (
        day_of(last + quantiles(own, gaps, horizon_days, share)[0])
        for share in (EARLY, SOON, MIDDLE, LATE)
    )
    return Next(
        chance=float(chances(own, gaps, horizon_days)[0]),
        early_on=early,
        soon_on=soon,
        expected_on=middle,
        late_on=late,
    )


def _by(own: Regularity, gaps: Gaps, days: Floats) -> Floats:
    """Return the chance that the next purchase has come by so many days, if they stayed."""
    scale = own.alpha + gaps.sums
    return np.asarray(betainc(own.k, own.r + gaps.counts * own.k, days / (scale + days)))


def _log_likelihoods(own: Regularity, gaps: Gaps) -> Floats:
    k, r, alpha, leaves = own
    shape = r + gaps.counts * k
    bought = (
        r * np.log(alpha)
        + gammaln(shape)
        - gammaln(r)
        - gaps.counts * gammaln(k)
        + (k - 1) * gaps.logs
        - shape * np.log(alpha + gaps.sums)
        + gaps.counts * np.log1p(-leaves)
    )
    not_yet = 1.0 - _by(own, gaps, gaps.since)
    return np.asarray(bought + np.log(leaves + (1.0 - leaves) * not_yet))
