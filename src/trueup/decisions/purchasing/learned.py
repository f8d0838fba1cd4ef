"""Demand as the trained model tells it, in the terms by which it is ordered. Pure.

The model tells what all days until an order can have come sell together: the mean, and below what
it stays with a chance. Of these two a negative binomial is made, so that everything else that is
asked of demand is answered by the same law; where the model is surer than a Poisson stream can be,
that is what counts.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import numpy as np

from trueup.decisions.purchasing.quantity import Terms
from trueup.decisions.purchasing.replayed import Item, Standing
from trueup.kernel.chance import units_for
from trueup.ledger.demand import DISPERSION_MAX, Day, Demand
from trueup.models.demand.foretell import DAILY, Told, quantile_of_sum, tell, train_on
from trueup.models.demand.series import Panel
from trueup.models.demand.spread import Spread

TRAINED_DAYS_MIN: Final = 4 * DAILY.horizon
_REFINED: Final = 5
_STEP: Final = 1.5
_EVERY_DAYS: Final = 7
_FAR: Final = 2
"""So many times what is hardly ever sold until an order joins is far from one."""


def fitted(mean: float, quantile: float, days: int, chance: float) -> Demand:
    """Return the demand of which some days together have a mean, and a quantile.

    Args:
        mean: units of all days.
        quantile: units that they exceed with the chance.
        days: how many.
        chance: of more than the quantile.
    """
    units, before, spread = math.floor(quantile), 1.0, 1.0
    best, most = spread, units_for(mean, spread, chance)
    # Of what sells rarely a spread can be too great: nothing is then the likeliest by far.
    while most < units and spread < DISPERSION_MAX:
        before, spread = spread, min(spread * _STEP, DISPERSION_MAX)
        found = units_for(mean, spread, chance)
        if found > most:
            best, most = spread, found
    if most >= units and best > 1.0:
        best = _least(mean, units, chance, before, best)
    return Demand(per_day=mean / days, dispersion=best, days=days, selling_days=days, doubt=0.0)


def _least(mean: float, units: int, chance: float, low: float, high: float) -> float:
    """Return about the least spread by which so many units are exceeded no more rarely."""
    for _ in range(_REFINED):
        middle = math.sqrt(low * high)
        if units_for(mean, middle, chance) >= units:
            high = middle
        else:
            low = middle
    return high


def demands_of(
    told: Told, spread: Spread, asked: Mapping[int, tuple[Terms, int]]
) -> dict[int, Demand]:
    """Return the demand of rows until an order of tomorrow has come, where it is told so far.

    Args:
        told: by the model.
        spread: how far off it is.
        asked: of some rows, the terms and how many units are there and on their way: what is far
            from an order is not worked out.
    """
    found: dict[int, Demand] = {}
    wanted: dict[tuple[int, float], list[int]] = {}
    for row, (terms, _) in asked.items():
        if terms.lead_days + 1 <= DAILY.horizon:
            wanted.setdefault((terms.lead_days + 1, terms.chance), []).append(row)
    for (days, chance), rows in wanted.items():
        quantiles = quantile_of_sum(told, spread, days, 1 - chance)
        means = told.means[:, :days].sum(1)
        for row in rows:
            terms, there = asked[row]
            if there <= _FAR * (1 + quantiles[row]) * (days + terms.review_days) / days:
                found[row] = fitted(float(means[row]), float(quantiles[row]), days, chance)
    return found


def may_learn(items: Sequence[Item], since: date) -> bool:
    """Whether there are days enough before a day to learn from."""
    return any(sum(day.on < since for day in item.past) >= TRAINED_DAYS_MIN for item in items)


class Anew:
    """Trains on what a way saw, once a week, and tells the demand of each SKU since."""

    def __init__(self) -> None:
        self._trained_on: date | None = None
        self._demands: Mapping[str, Demand] = {}

    def __call__(self, today: date, standings: Sequence[Standing]) -> Mapping[str, Demand]:
        """Return what was learned by a morning, by SKU."""
        if self._trained_on is None or (today - self._trained_on).days >= _EVERY_DAYS:
            self._trained_on = today
            self._demands = _learn(standings)
        return self._demands


def _learn(standings: Sequence[Standing]) -> Mapping[str, Demand]:
    panel = panel_of([each.seen for each in standings])
    if panel.units.shape[1] < TRAINED_DAYS_MIN:
        return {}
    factor, spread = train_on(panel, DAILY)
    told = tell(panel, DAILY, factor, spread)
    # What is far from an order today may need one before it is trained anew: nothing is left out.
    demands = demands_of(told, spread, {n: (x.item.terms, 0) for n, x in enumerate(standings)})
    return {standings[row].item.sku: demand for row, demand in demands.items()}


def panel_of(pasts: Sequence[Sequence[Day]]) -> Panel:
    """Return the days of several SKUs that end on one day; those before a SKU began say nothing."""
    longest = max(len(past) for past in pasts)
    units = np.zeros((len(pasts), longest))
    known = np.zeros(units.shape, dtype=bool)
    for row, past in enumerate(pasts):
        begins = longest - len(past)
        units[row, begins:] = [max(0, day.units) for day in past]
        known[row, begins:] = [day.open or day.units > 0 for day in past]
    return Panel(units, known)
