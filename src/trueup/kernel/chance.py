"""Chances of selling more than so many units: exact where that is cheap, else proven. Pure.

Units sold in a time are taken as negative binomial of a mean and of a variance that is `dispersion`
times the mean: a Poisson stream of lines whose sizes are logarithmic, so that sums over channels
and longer times are of the same kind. With a dispersion of 1 it is Poisson.
"""

import math
from collections.abc import Iterator
from typing import Final

from trueup.errors import invariant
from trueup.kernel.limits import UNITS_MAX

DISPERSION_MIN: Final = 1.001
"""Below this the units are counted as Poisson: the difference is less than a rounding."""

_DISPERSION_MAX: Final = 2_000.0
_EXACT_DEVIATION_MAX: Final = 500.0
_NEGLIGIBLE: Final = 1e-13
_CHANCE_MIN: Final = 1e-12
_NOTHING: Final = 1e-290


def units_for(mean: float, dispersion: float, chance: float) -> int:
    """Return the fewest units that more than which are sold with at most this chance.

    Exact as long as the standard deviation is within some hundreds; above, the least that
    Chernoff's bound proves, which is a few per cent of a deviation more.
    """
    invariant(0 < chance < 1, "a chance lies between 0 and 1")
    chance = max(chance, _CHANCE_MIN)
    if mean <= _CHANCE_MIN:
        return 0
    law = _Law(mean, dispersion)
    units = law.proven(chance)
    if not law.is_exact or units >= UNITS_MAX:
        return min(units, UNITS_MAX)
    over = law.over(units)
    while units > 0:
        over += law.at(units)
        if over > chance:
            break
        units -= 1
    return units


def chance_over(mean: float, dispersion: float, units: int) -> float:
    """Return how likely more than `units` are sold; the proven bound where it is not exact."""
    if mean <= _CHANCE_MIN:
        return 0.0
    return 1.0 if units < 0 else _Law(mean, dispersion).over(units)


class _Law:
    """How many units are sold: negative binomial, or Poisson."""

    def __init__(self, mean: float, dispersion: float) -> None:
        self._mean = mean
        spread = min(dispersion, _DISPERSION_MAX)
        self._lines = mean / (spread - 1) if spread >= DISPERSION_MIN else None
        self._more = 1 - 1 / spread
        self.is_exact = math.sqrt(mean * max(1.0, spread)) <= _EXACT_DEVIATION_MAX

    def at(self, units: int) -> float:
        """Return how likely exactly so many are sold."""
        return math.exp(self._log_at(units))

    def over(self, units: int) -> float:
        """Return how likely more are sold: exact, or Chernoff's bound."""
        if not self.is_exact:
            return self._bound(units + 1)
        if units + 1 > self._mean:
            return min(1.0, math.fsum(self._upwards(units + 1)))
        return max(0.0, 1 - math.fsum(self._downwards(units)))

    def proven(self, chance: float) -> int:
        """Return units that more than which are sold with at most this chance, by the bound."""
        low = math.floor(self._mean)
        high = low + 1
        while self._bound(high + 1) > chance and high < UNITS_MAX:
            low, high = high, high * 2
        while low < high:
            middle = (low + high) // 2
            if self._bound(middle + 1) <= chance:
                high = middle
            else:
                low = middle + 1
        return high

    def _bound(self, units: int) -> float:
        """Return Chernoff's bound on the chance that so many or more are sold."""
        if units <= self._mean:
            return 1.0
        if self._lines is None:
            return math.exp(-(units * math.log(units / self._mean) - units + self._mean))
        both = units + self._lines
        exponent = units * math.log(units / (both * self._more)) + self._lines * math.log(
            self._lines / (both * (1 - self._more))
        )
        return math.exp(-exponent)

    def _log_at(self, units: int) -> float:
        if self._lines is None:
            return units * math.log(self._mean) - self._mean - math.lgamma(units + 1)
        return (
            math.lgamma(units + self._lines)
            - math.lgamma(self._lines)
            - math.lgamma(units + 1)
            + self._lines * math.log1p(-self._more)
            + units * math.log(self._more)
        )

    def _ratio(self, units: int) -> float:
        """Return how much more likely one more is than so many."""
        if self._lines is None:
            return self._mean / (units + 1)
        return (units + self._lines) / (units + 1) * self._more

    def _upwards(self, units: int) -> Iterator[float]:
        term, total = self.at(units), 0.0
        while term > max(_NOTHING, total * _NEGLIGIBLE):
            yield term
            total += term
            term *= self._ratio(units)
            units += 1

    def _downwards(self, units: int) -> Iterator[float]:
        term, total = self.at(units), 0.0
        while units >= 0 and term > max(_NOTHING, total * _NEGLIGIBLE):
            yield term
            total += term
            units -= 1
            if units >= 0:
                term /= self._ratio(units)
