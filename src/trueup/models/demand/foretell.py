"""The forecast of many SKUs with intervals, told by blends that earlier days have judged. Pure.

What is told is a blend of methods by kind, times the season's profile, times a level that is
learned where it can be: from how much of what was told at three earlier days came. Intervals go by
how far off the same procedure was at five earlier days (`spread.py`). Where nothing at all is the
likeliest, the interval begins at zero and holds its whole share above it: the narrowest, not the
middle one.
"""

from typing import Final, NamedTuple

import msgspec
import numpy as np

from trueup.errors import invariant
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
from trueup.models.demand.spread import Held, Spread, at_level, scale_of, spread_of, uneven_of

SHARE: Final = 0.8
_FACTOR_MIN, _FACTOR_MAX = 0.5, 2.0
_DAMPING: Final = 0.8
"""A level that rose or fell goes on to, but less: so large a share of the logarithm is kept."""

_HELD_BACK: Final = 5
"""At so many earlier days it is held back, half a horizon apart."""

_UNEVEN_RECENTS: Final = 4
"""How uneven a row is, is told by so many times the periods of the rule's mean: a year."""

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


class Told(NamedTuple):
    """A forecast, rows and periods as in the panel.

    Attributes:
        kinds: which of `KINDS` each row is.
        means: what is expected.
        low, high: between which eight of ten lie.
        uneven: of each row, the variance of a period's units over their mean.
    """

    kinds: Ints
    means: Floats
    low: Floats
    high: Floats
    uneven: Floats


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
    level = np.where(is_rare(kinds), rare, smooth)
    level = np.where(kinds == KINDS.index(Kind.SILENT), 0.0, level)
    level = _lean(panel, setup, kinds, level, siblings)
    shape = methods.profile(values, setup.season)
    places = np.arange(setup.horizon) % setup.season
    return kinds, level[:, None] * shape[:, places]


def is_rare(kinds: Ints) -> Bools:
    """Return which rows sell so rarely that their intervals begin at zero."""
    return np.asarray(np.isin(kinds, [KINDS.index(kind) for kind in _RARE]))


def train_on(panel: Panel, setup: Setup, siblings: Ints | None = None) -> tuple[float, Spread]:
    """Learn by how much what is told is to be raised or lowered, and how far off it will be.

    Args:
        panel: at least a horizon and a half.
        setup: of the panel.
        siblings: rows of one number belong together; None: all of them.
    """
    back = _Back(panel, setup, siblings)
    periods, h = panel.units.shape[1], setup.horizon
    held = []
    for number in range(_HELD_BACK):
        begin = periods - h - number * back.half
        if number and not back.tells_from(begin):
            break
        kinds, told = back.level(begin)
        came = slice(begin, begin + h)
        held.append(
            Held(
                kinds=kinds,
                means=told * back.factor(begin),
                uneven=uneven_of(panel.before(begin), kinds, _UNEVEN_RECENTS * setup.recent),
                came=panel.units[:, came],
                known=panel.known[:, came],
            )
        )
    factor = back.factor(periods)
    kinds, level = back.level(periods)
    uneven = uneven_of(panel, kinds, _UNEVEN_RECENTS * setup.recent)
    return factor, spread_of(held, kinds, level * factor, uneven)


def tell(
    panel: Panel, setup: Setup, factor: float, spread: Spread, siblings: Ints | None = None
) -> Told:
    """Tell what is sold in the periods after a panel."""
    kinds, level = level_of(panel, setup, siblings)
    told = Told(
        kinds=kinds,
        means=level * factor,
        low=level,
        high=level,
        uneven=uneven_of(panel, kinds, _UNEVEN_RECENTS * setup.recent),
    )
    low, high = between(told, spread, SHARE)
    return told._replace(low=low, high=high)


def between(told: Told, spread: Spread, share: float) -> tuple[Floats, Floats]:
    """Return between what units a share of the periods lies, of each row and period."""
    tables = np.array(spread.each)[told.kinds]
    rare = is_rare(told.kinds)[:, None]
    scale = scale_of(told.means, told.uneven[:, None])
    lower, middle, whole = (
        told.means + at_level(tables, level)[:, None] * scale
        for level in ((1.0 - share) / 2.0, (1.0 + share) / 2.0, share)
    )
    low = np.where(rare, 0.0, np.maximum(lower, 0.0))
    return low, np.maximum(np.where(rare, whole, middle), 0.0)


def quantile_of_sum(told: Told, spread: Spread, periods: int, share: float) -> Floats:
    """Return what the next periods together stay below with a chance, of each row.

    Args:
        told: what was told.
        spread: how far off it is.
        periods: from 1 to the horizon.
        share: the chance.
    """
    sums = told.means[:, :periods].sum(1)
    scores = at_level(np.array(spread.sums)[told.kinds, periods - 1], share)
    return np.asarray(np.maximum(sums + scores * scale_of(sums, told.uneven), 0.0))


class _Back:
    """What was told at earlier periods of a panel, each worked out once."""

    def __init__(self, panel: Panel, setup: Setup, siblings: Ints | None) -> None:
        invariant(panel.units.shape[1] > setup.horizon, "a horizon is held back")
        self._panel, self._setup, self._siblings = panel, setup, siblings
        self._levels: dict[int, tuple[Ints, Floats]] = {}
        self.half = max(1, setup.horizon // 2)

    def tells_from(self, begin: int) -> bool:
        """Whether there is enough before a period to tell what follows as it will be told."""
        periods: int = self._panel.units.shape[1]
        return begin >= max(2 * self._setup.season + 2, periods // 3)

    def level(self, begin: int) -> tuple[Ints, Floats]:
        """Return kinds and levels from a period on, by what was before it."""
        if begin not in self._levels:
            before = self._panel.before(begin)
            self._levels[begin] = level_of(before, self._setup, self._siblings)
        return self._levels[begin]

    def factor(self, end: int) -> float:
        """Return how much came of what was told at three days before `end`: a geometric mean."""
        logs = []
        for number in (1, 2, 3):
            begin = end - number * self.half
            if begin < 2 * self._setup.season + 2:
                continue
            _, told = self.level(begin)
            span = slice(begin, min(end, begin + self._setup.horizon))
            known, told = self._panel.known[:, span], told[:, : span.stop - begin]
            came, expected = (self._panel.units[:, span] * known).sum(), (told * known).sum()
            if came > 0 and expected > 0:
                logs.append(np.log(came / expected))
        if not logs:
            return 1.0
        return float(np.clip(np.exp(_DAMPING * np.mean(logs)), _FACTOR_MIN, _FACTOR_MAX))


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
