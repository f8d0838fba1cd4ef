"""The forecast of many SKUs with intervals, told by blends that earlier days have judged. Pure.

What is told is a blend of methods by kind, times the season's profile, times a level that is
learned where it can be: from how much of what was told at three earlier days came. Intervals are
conformal: how far off the same procedure was when it was held back, for each kind and horizon, in
units of the root of what was told. Where nothing at all is the likeliest, the interval begins at
zero and holds its whole share above it: the narrowest, not the middle one.
"""

from typing import Final, NamedTuple

import msgspec
import numpy as np

from trueup.models.demand import methods
from trueup.models.demand.series import (
    KINDS,
    Bools,
    Floats,
    Ints,
    Kind,
    Panel,
    filled,
    kinds_of,
    launched,
)

SHARE: Final = 0.8
LEVELS: Final = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
_FACTOR_MIN, _FACTOR_MAX = 0.5, 2.0
_DAMPING: Final = 0.8
"""A level that rose or fell goes on to, but less: so large a share of the logarithm is kept."""

_CASES_MIN: Final = 30
_RARE: Final = (Kind.INTERMITTENT, Kind.LUMPY, Kind.SILENT, Kind.NEW)


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a panel is made of.

    Attributes:
        horizon: periods that are told.
        season: periods of a season; 1: none.
        dying: by how much the chance of a sale follows each period.
        recent: periods of the mean that is the rule below.
        silent_after: periods without a sale after which nothing more is expected.
        young: periods below which a SKU leans on its siblings.
    """

    horizon: int
    season: int = 1
    recent: int = 12
    dying: float = 0.2
    silent_after: int = 12
    young: int = 4


DAILY: Final = Setup(horizon=28, season=7, recent=91, dying=0.03, silent_after=180, young=28)
MONTHLY: Final = Setup(horizon=12, season=1, recent=12, silent_after=24, young=4)


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How far off the forecast was, by kind: quantiles at `LEVELS`, of each period and of sums.

    Attributes:
        each: kind -> horizon -> quantiles of one period.
        sums: kind -> horizon -> quantiles of all periods up to it together.
    """

    each: tuple[tuple[tuple[float, ...], ...], ...]
    sums: tuple[tuple[tuple[float, ...], ...], ...]


class Told(NamedTuple):
    """A forecast, rows and periods as in the panel.

    Attributes:
        kinds: which of `KINDS` each row is.
        means: what is expected.
        low, high: between which eight of ten lie.
    """

    kinds: Ints
    means: Floats
    low: Floats
    high: Floats


def level_of(panel: Panel, setup: Setup, siblings: Ints | None = None) -> tuple[Ints, Floats]:
    """Return the kind of each row and what it sells in each period to come, before any factor.

    Args:
        panel: what is known.
        setup: of the panel.
        siblings: rows of one number belong together; None: all of them.
    """
    values = filled(panel)
    kinds = kinds_of(panel, setup.silent_after, setup.young)
    live = panel.known & launched(panel)
    gaps = live.sum(1) / np.maximum((panel.units > 0).sum(1), 1)
    mean = methods.recent(values, setup.recent)
    smooth = (methods.simple(values) + mean) / 2.0
    rare = (methods.aggregated(values, gaps) + methods.dying(panel, setup.dying) + mean) / 3.0
    is_rare = np.isin(kinds, [KINDS.index(kind) for kind in _RARE])
    level = np.where(is_rare, rare, smooth)
    level = np.where(kinds == KINDS.index(Kind.SILENT), 0.0, level)
    level = _lean(panel, setup, kinds, level, siblings)
    shape = methods.profile(values, setup.season)
    places = np.arange(setup.horizon) % setup.season
    return kinds, level[:, None] * shape[:, places]


def train_on(panel: Panel, setup: Setup, siblings: Ints | None = None) -> tuple[float, Spread]:
    """Learn by how much what is told is to be raised or lowered, and how far off it will be."""
    periods, h = panel.units.shape[1], setup.horizon
    factor = _factor(panel, setup, siblings)
    spreads: list[tuple[Ints, Floats, Floats, Bools]] = []
    for begin in (periods - h, periods - h - h // 2):
        before = panel.before(begin)
        earlier = _factor(before, setup, siblings)
        kinds, told = level_of(before, setup, siblings)
        came = slice(begin, begin + h)
        spreads.append((kinds, told * earlier, panel.units[:, came], panel.known[:, came]))
    return factor, _spread(spreads, h)


def tell(
    panel: Panel, setup: Setup, factor: float, spread: Spread, siblings: Ints | None = None
) -> Told:
    """Tell what is sold in the periods after a panel."""
    kinds, level = level_of(panel, setup, siblings)
    means = level * factor
    each = np.array(spread.each)[kinds]
    rare = np.isin(kinds, [KINDS.index(kind) for kind in _RARE])[:, None]
    low, high = (1.0 - SHARE) / 2.0, (1.0 + SHARE) / 2.0
    scale = scale_of(means)
    lower = means + each[:, :, LEVELS.index(round(low, 2))] * scale
    middle = means + each[:, :, LEVELS.index(round(high, 2))] * scale
    whole = means + each[:, :, LEVELS.index(SHARE)] * scale
    return Told(
        kinds=kinds,
        means=means,
        low=np.where(rare, 0.0, np.maximum(lower, 0.0)),
        high=np.maximum(np.where(rare, whole, middle), 0.0),
    )


def quantile_of_sum(told: Told, spread: Spread, periods: int, share: float) -> Floats:
    """Return what the next periods together stay below with a chance, of each row.

    Args:
        told: what was told.
        spread: how far off it is.
        periods: from 1 to the horizon.
        share: the chance.
    """
    sums = told.means[:, :periods].sum(1)
    tables = np.array(spread.sums)[told.kinds, periods - 1]
    scores = np.array([np.interp(share, LEVELS, table) for table in tables])
    return np.asarray(np.maximum(sums + scores * scale_of(sums), 0.0))


def scale_of(means: Floats) -> Floats:
    """Return in what units it is told how far off something was: about as counts spread."""
    return np.asarray(np.sqrt(means + 0.05))


def _factor(panel: Panel, setup: Setup, siblings: Ints | None) -> float:
    """Return how much of what was told at three earlier days came, as their geometric mean."""
    logs = []
    for back in (1, 2, 3):
        begin = panel.units.shape[1] - back * setup.horizon // 2
        if begin < 2 * setup.season + 2:
            continue
        _, told = level_of(panel.before(begin), setup, siblings)
        known = panel.known[:, begin:]
        span = min(known.shape[1], told.shape[1])
        came = float((panel.units[:, begin : begin + span] * known[:, :span]).sum())
        expected = float((told[:, :span] * known[:, :span]).sum())
        if came > 0 and expected > 0:
            logs.append(np.log(came / expected))
    return (
        float(np.clip(np.exp(_DAMPING * np.mean(logs)), _FACTOR_MIN, _FACTOR_MAX)) if logs else 1.0
    )


def _spread(cases: list[tuple[Ints, Floats, Floats, Bools]], horizon: int) -> Spread:
    each: list[tuple[tuple[float, ...], ...]] = []
    sums: list[tuple[tuple[float, ...], ...]] = []
    for number in range(len(KINDS)):
        rows = [
            (told[k == number], came[k == number], ok[k == number]) for k, told, came, ok in cases
        ]
        if sum(len(told) for told, _, _ in rows) < _CASES_MIN:
            rows = [(told, came, ok) for _, told, came, ok in cases]
        each.append(
            tuple(
                _quantiles([_scores(t[:, p], c[:, p], k[:, p]) for t, c, k in rows])
                for p in range(horizon)
            )
        )
        sums.append(
            tuple(
                _quantiles([_sum_scores(t, c, k, p + 1) for t, c, k in rows])
                for p in range(horizon)
            )
        )
    return Spread(each=tuple(each), sums=tuple(sums))


def _scores(told: Floats, came: Floats, known: Bools) -> Floats:
    return np.asarray(((came - told) / scale_of(told))[known])


def _sum_scores(told: Floats, came: Floats, known: Bools, periods: int) -> Floats:
    """Return how far off sums were, of rows of which all periods are known."""
    whole = known[:, :periods].all(1)
    expected = told[:, :periods].sum(1)[whole]
    return np.asarray((came[:, :periods].sum(1)[whole] - expected) / scale_of(expected))


def _quantiles(scores: list[Floats]) -> tuple[float, ...]:
    every = np.concatenate(scores)
    if not len(every):
        return (0.0,) * len(LEVELS)
    return tuple(float(each) for each in np.quantile(every, LEVELS))


def _lean(panel: Panel, setup: Setup, kinds: Ints, level: Floats, siblings: Ints | None) -> Floats:
    """Return the levels with new SKUs drawn to what their siblings sell, the younger the more."""
    new = kinds == KINDS.index(Kind.NEW)
    if not new.any() or new.all():
        return level
    group = np.zeros(len(level), dtype=np.int64) if siblings is None else siblings
    live = panel.known & launched(panel)
    own_periods = live.sum(1)
    own = panel.units.sum(1) / np.maximum(own_periods, 1)
    old = ~new & (kinds != KINDS.index(Kind.SILENT))
    every = float(level[old].mean()) if old.any() else 0.0
    size = int(group.max(initial=0)) + 1
    counts = np.bincount(group[old], minlength=size)
    sums = np.bincount(group[old], weights=level[old], minlength=size)
    theirs = np.where(counts > 0, sums / np.maximum(counts, 1), every)[group]
    half = setup.young / 2.0
    mixed = (own * own_periods + theirs * half) / (own_periods + half)
    return np.where(new, mixed, level)
