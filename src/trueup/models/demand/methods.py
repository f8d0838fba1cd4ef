"""Ways to tell how much a period sells, each for all rows at once. Pure.

All tell one level for every period to come. Simple smoothing (Brown), Teunter, Syntetos and Babai
(2011) for demand that may end, and aggregation over periods (Nikolopoulos et al. 2011; the mean
over all of them, Petropoulos and Kourentzes 2015). A loop goes over periods, never over rows.
"""

from typing import Final

import numpy as np

from trueup.models.demand.series import Floats, Panel, launched

SMOOTHINGS: Final = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3)
AGGREGATION_MAX: Final = 28


def simple(values: Floats, smoothings: tuple[float, ...] = SMOOTHINGS) -> Floats:
    """Return the smoothed level of each row, with what smoothing told its own past best."""
    first = values[:, :12].mean(1)
    levels = np.repeat(first[None, :], len(smoothings), axis=0)
    alphas = np.array(smoothings)[:, None]
    squares = np.zeros_like(levels)
    for period in range(values.shape[1]):
        off = values[None, :, period] - levels
        squares += off * off
        levels += alphas * off
    best = squares.argmin(0)
    return np.asarray(levels[best, np.arange(values.shape[0])])


def dying(panel: Panel, smoothing: float) -> Floats:
    """Return the chance of a sale times its size, the chance smoothed in every known period."""
    units, live = panel.units, panel.known & launched(panel)
    sells = units > 0
    size = units.sum(1) / np.maximum(sells.sum(1), 1)
    early = live & (live.cumsum(1) <= 12)
    chance = (sells & early).sum(1) / np.maximum(early.sum(1), 1)
    for period in range(units.shape[1]):
        now, sold = live[:, period], sells[:, period]
        chance = np.where(now, chance + smoothing * (sold - chance), chance)
        size = np.where(now & sold, size + 0.1 * (units[:, period] - size), size)
    return np.asarray(chance * size)


def aggregated(values: Floats, gaps: Floats) -> Floats:
    """Return the mean of the levels told by sums over 1, 2 and more periods.

    Args:
        values: of each period.
        gaps: of each row the mean periods between two that sell: so many are summed at most.
    """
    rows, periods = values.shape
    deepest = np.clip(np.rint(gaps), 1, AGGREGATION_MAX)
    total, counts = np.zeros(rows), np.zeros(rows)
    for together in range(1, int(deepest.max(initial=1)) + 1):
        whole = periods // together
        wanted = np.flatnonzero(deepest >= together)
        if whole < 2 or not len(wanted):
            break
        some = values[wanted, periods - whole * together :]
        sums = some.reshape(len(wanted), whole, together).sum(2)
        total[wanted] += simple(sums) / together
        counts[wanted] += 1
    return total / np.maximum(counts, 1.0)


def recent(values: Floats, periods: int) -> Floats:
    """Return the mean of the newest periods: the rule below all others."""
    return np.asarray(values[:, -periods:].mean(1))


def profile(values: Floats, season: int, pull: float = 8.0) -> Floats:
    """Return how much each place of a season sells over the mean, drawn to that of all rows.

    Args:
        values: of each period.
        season: periods of one.
        pull: seasons' worth of all rows that each row's own are mixed with, by units sold.
    """
    periods = values.shape[1] // season * season
    if season == 1 or periods < 4 * season:
        return np.ones((values.shape[0], season))
    newest = values[:, -min(periods, 26 * season) :]
    newest = newest[:, newest.shape[1] % season :]
    # The last column is the last place of a season; the first to come is the first.
    sums = newest.reshape(len(values), -1, season).sum(1)
    every = sums.sum(0) / max(float(sums.sum()), 1e-9) * season
    own = (sums + pull * every) / (sums.sum(1, keepdims=True) / season + pull)
    return np.asarray(own / own.mean(1, keepdims=True))
