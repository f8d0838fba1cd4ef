"""The rule below the models of customers: quintiles of how recently, how often, for how much. Pure.

And what tiers customers fall into by what is expected of them.
"""

from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trueup.models.value.buys import Floats, Seen

QUINTILES: Final = 5


class Tier(StrEnum):
    """Customers by what is expected of them; the shares are of the customers of a currency."""

    TOP = "top"  # the first 5 %
    HIGH = "high"  # the next 15 %
    MIDDLE = "middle"  # the next 30 %
    LOW = "low"  # the rest


TIERS: Final = (Tier.TOP, Tier.HIGH, Tier.MIDDLE, Tier.LOW)
_SHARES: Final = (0.05, 0.20, 0.50)


def quintiles(values: Floats) -> NDArray[np.int64]:
    """Return the quintile of each value, 5 for the greatest; those that are equal share one."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    middles = (np.cumsum(counts) - counts / 2.0) / max(len(values), 1)
    return np.minimum(1 + (middles * QUINTILES).astype(np.int64), QUINTILES)[inverse]


def rfm_scores(seen: Seen) -> NDArray[np.int64]:
    """Return the sum of the three quintiles, from 3 to 15."""
    recent = quintiles(seen.t_x - seen.known)
    return np.asarray(recent + quintiles(seen.x) + quintiles(seen.spend))


def rate_so_far(seen: Seen, weeks: float) -> Floats:
    """Return the purchases of the next weeks if each customer goes on as they did so far."""
    return np.asarray(seen.x / np.maximum(seen.known, 1.0) * weeks)


def cuts_of(values: Floats) -> tuple[float, ...]:
    """Return from which value on a customer is in each tier but the last."""
    if not len(values):
        return (0.0,) * len(_SHARES)
    return tuple(float(np.quantile(values, 1.0 - share)) for share in _SHARES)


def tiers_of(values: Floats, cuts: tuple[float, ...]) -> NDArray[np.int64]:
    """Return of each value which of `TIERS` it falls into."""
    below = values[:, None] < np.asarray(cuts)[None, :]
    return np.asarray(below.sum(axis=1), dtype=np.int64)
