"""How well numbers foretold what came: how far off, and how well in order. Pure."""

from typing import Final

import numpy as np
from scipy.stats import rankdata

from trueup.models.value.buys import Floats, Ints

TOP_SHARE: Final = 0.1


def mean_off(told: Floats, came: Ints) -> float:
    """Return the mean absolute error."""
    return float(np.mean(np.abs(told - came)))


def root_mean_square(told: Floats, came: Ints) -> float:
    """Return the root of the mean squared error: saying nothing does not win it."""
    return float(np.sqrt(np.mean((told - came) ** 2)))


def correlation(told: Floats, came: Ints) -> float:
    """Return how closely both go together; 0 where one of them never changes."""
    if len(told) < 2 or not np.std(told) or not np.std(came):
        return 0.0
    return float(np.corrcoef(told, came)[0, 1])


def area_of_any(told: Floats, came: Ints) -> float:
    """Return the chance that of one who bought and one who did not the former was told higher."""
    bought = came > 0
    ones, others = int(bought.sum()), int((~bought).sum())
    if not ones or not others:
        return 0.5
    ranks = rankdata(told)
    return float((ranks[bought].sum() - ones * (ones + 1) / 2) / (ones * others))


def share_in_top(told: Floats, came: Ints) -> float:
    """Return the share of all that came which the tenth that was told highest brought."""
    top = np.argsort(-told, kind="stable")[: max(1, int(len(told) * TOP_SHARE))]
    return float(came[top].sum() / came.sum()) if came.sum() else 0.0
