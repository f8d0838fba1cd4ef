"""How far off a forecast will be: as far as it was on days that were held back. Pure.

What is kept are quantiles of how far off the same procedure was at several earlier days (split
conformal, Papadopoulos 2002, by kind of demand, Vovk 2003), in units of how uneven each SKU's own
year was (normalised, Papadopoulos 2011): so SKUs of one kind share the shape and each has its own
width. Sums over periods have quantiles of their own, because what is off today is off tomorrow too.
A kind that few SKUs are of borrows from those that look most alike, of whatever kind; never from
all of them, of which most sell next to nothing.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from trueup.models.demand.series import KINDS, Bools, Floats, Ints, Kind, Panel, launched

LEVELS: Final = (
    *(0.01, 0.02, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8),
    *(0.9, 0.95, 0.975, 0.98, 0.99),
)
_ROWS_MIN: Final = 50
"""Of fewer rows of a kind, all earlier days together, the quantiles of one period are borrowed."""

_SUM_ROWS_MIN: Final = 150
"""The same of sums, of which a row has one where it has many single periods."""

_PULL: Final = 30.0
"""So many periods of all SKUs of a kind are mixed into how uneven one was."""

_UNEVEN_MIN: Final = 0.2
_UNEVEN_PERIODS_MIN: Final = 5
_SILENT: Final = KINDS.index(Kind.SILENT)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How far off the forecast was, by kind: quantiles at `LEVELS`, of one period and of sums.

    Attributes:
        each: kind -> quantiles of one period.
        sums: kind -> horizon -> quantiles of all periods up to it together.
    """

    each: tuple[tuple[float, ...], ...]
    sums: tuple[tuple[tuple[float, ...], ...], ...]


class Held(NamedTuple):
    """What was told at an earlier day, and what came; rows of SKUs, columns of periods.

    Attributes:
        uneven: of each row, as it was known then.
    """

    kinds: Ints
    means: Floats
    uneven: Floats
    came: Floats
    known: Bools


def uneven_of(panel: Panel, kinds: Ints, periods: int) -> Floats:
    """Return how uneven each row is: the variance of a period's units over their mean.

    The fewer periods are known the more it is drawn to that of all rows of its kind.

    Args:
        panel: what is known.
        kinds: of each row.
        periods: that count, the newest.
    """
    units = panel.units[:, -periods:]
    live = (panel.known & launched(panel))[:, -periods:]
    counts = live.sum(1)
    means = (units * live).sum(1) / np.maximum(counts, 1)
    squares = ((units - means[:, None]) ** 2 * live).sum(1) / np.maximum(counts - 1, 1)
    own = np.where(means > 0, squares / np.maximum(means, 1e-9), 1.0)
    says = (means > 0) & (counts > _UNEVEN_PERIODS_MIN)
    found = np.ones(len(own))
    for number in range(len(KINDS)):
        rows = kinds == number
        speaks = rows & says
        every = float(np.average(own[speaks], weights=counts[speaks])) if speaks.any() else 1.0
        mixed = (own * counts + every * _PULL) / (counts + _PULL)
        found = np.where(rows, mixed, found)
    return np.asarray(np.maximum(found, _UNEVEN_MIN))


def scale_of(means: Floats, uneven: Floats) -> Floats:
    """Return in what units it is told how far off something was: about as counts spread."""
    return np.asarray(np.sqrt(means * uneven + 0.05))


def spread_of(held: Sequence[Held], kinds: Ints, means: Floats, uneven: Floats) -> Spread:
    """Return how far off was told what was held back, for rows as they are now.

    Args:
        held: earlier days, each with the same horizon.
        kinds: of each row as it is told now, which says who looks alike.
        means: of each row and period, the same.
        uneven: of each row, the same.
    """
    all_kinds, every = (np.concatenate([each[n] for each in held]) for n in (0, 2))
    told, came, known = (np.concatenate([each[n] for each in held]) for n in (1, 3, 4))
    looks, now = _look(told, every), _look(means, uneven)
    scores = (came - told) / scale_of(told, every[:, None])
    sums = told.cumsum(1)
    sum_scores = (came.cumsum(1) - sums) / scale_of(sums, every[:, None])
    whole = np.logical_and.accumulate(known, axis=1)
    each: list[tuple[float, ...]] = []
    both: list[tuple[tuple[float, ...], ...]] = []
    for number in range(len(KINDS)):
        like = looks if not (kinds == number).any() else _off(looks, now[kinds == number])
        choose = _chooser(all_kinds, number, like)
        some, more = choose(_ROWS_MIN), choose(_SUM_ROWS_MIN)
        each.append(_quantiles(scores[some][known[some]]))
        both.append(
            tuple(
                _quantiles(sum_scores[more, last][whole[more, last]])
                for last in range(told.shape[1])
            )
        )
    return Spread(each=tuple(each), sums=tuple(both))


def at_level(tables: Floats, share: float) -> Floats:
    """Return the quantile of each row's table, between two levels straight.

    Args:
        tables: rows by `LEVELS`.
        share: of what stays below it; beyond the outermost levels theirs count.
    """
    place = float(np.interp(share, LEVELS, np.arange(len(LEVELS))))
    low = int(place)
    high = min(low + 1, len(LEVELS) - 1)
    part = place - low
    return np.asarray(tables[:, low] * (1.0 - part) + tables[:, high] * part)


def _look(means: Floats, uneven: Floats) -> Floats:
    """Return what decides the shape of a row: how far its sales stand out of its unevenness."""
    return np.asarray(np.log((means.mean(1) + 1e-4) / uneven))


def _off(looks: Floats, own: Floats) -> Floats:
    return np.asarray(np.abs(looks - np.median(own)))


def _chooser(kinds: Ints, number: int, like: Floats) -> Callable[[int], Ints]:
    """Return what gives the rows of a kind, filled up with those most alike to so many at least."""
    own = np.flatnonzero(kinds == number)
    others = np.flatnonzero((kinds != number) & (kinds != _SILENT))
    nearest = others[np.argsort(like[others], kind="stable")]

    def choose(rows_min: int) -> Ints:
        # What is silent is told as nothing: nobody else's errors are like its own.
        missing = 0 if number == _SILENT else max(0, rows_min - len(own))
        return np.concatenate([own, nearest[:missing]])

    return choose


def _quantiles(scores: Floats) -> tuple[float, ...]:
    if not len(scores):
        return (0.0,) * len(LEVELS)
    return tuple(float(each) for each in np.quantile(scores, LEVELS))
