"""How often intervals held on days that were held back, and how narrow they were. Pure.

Held often enough is easy to come by: an interval from zero to a thousand always does. So beside
each share stands a score that grows with the width and with what lies outside of it (Winkler 1972;
of one quantile the pinball loss), and the same score of what each SKU's own newest year says.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from trueup.models.demand.foretell import (
    SHARE,
    Setup,
    Told,
    is_rare,
    quantile_of_sum,
    tell,
    train_on,
)
from trueup.models.demand.series import KINDS, Bools, Floats, Kind, Panel, filled
from trueup.models.demand.spread import Spread
from trueup.models.measured import Anchored, Holds, around, between

SUM_SHARES: Final = (0.9, 0.95)
"""What reorders ask of the days until an order has come."""

OFF_MAX: Final = 0.03
_CASES_MIN: Final = 1000
_SUMS_MIN: Final = 400
"""Of fewer periods, or fewer sums, a share is too uncertain: chance is half of what is allowed."""

_WIDER_MAX: Final = 1.1
"""Units are whole, so a SKU's own quantiles hold more than they say and score better for it."""

_YEAR_RECENTS: Final = 4


class Case(NamedTuple):
    """What was told at a day, and what came after it.

    Attributes:
        year: what each row sold in the newest year before.
    """

    before: Panel
    told: Told
    spread: Spread
    came: Floats
    known: Bools
    year: Floats


class _Sum(NamedTuple):
    """What rows sold in some periods together, the quantile that was told, and the year's own."""

    came: Floats
    told: Floats
    own: Floats
    scale: Floats


def case_of(panel: Panel, setup: Setup, cut: int) -> Case:
    """Return what is told at a period of a panel, beside what came."""
    before, after = panel.before(cut), slice(cut, cut + setup.horizon)
    factor, spread = train_on(before, setup)
    return Case(
        before=before,
        told=tell(before, setup, factor, spread),
        spread=spread,
        came=panel.units[:, after],
        known=panel.known[:, after],
        year=filled(before)[:, -_YEAR_RECENTS * setup.recent :],
    )


def covers(cases: Sequence[Case], setup: Setup, off_max: float = OFF_MAX) -> Iterator[Anchored]:
    """Give of each kind how many periods and sums lay within, and the scores of all of them.

    Sums are of half a horizon, which is about how long an order takes.

    Args:
        cases: told at several days of one panel.
        setup: of the panel.
        off_max: how far from what is claimed a share may be.
    """
    periods = setup.horizon // 2
    for number, kind in enumerate(KINDS):
        yield from _of_periods(cases, number, off_max)
        if kind is not Kind.SILENT:
            of_kind = [case.told.kinds == number for case in cases]
            yield from _of_sums(cases, periods, of_kind, f"{kind.value}_", off_max)
    yield from _of_sums(cases, periods, [_speaks(case) for case in cases], "", off_max)
    ours, own = (np.concatenate(each) for each in zip(*map(_interval_scores, cases), strict=True))
    yield Anchored("interval_score", float(ours.mean()), _WIDER_MAX * float(own.mean()))
    share = SUM_SHARES[-1]
    sums = [_sum_of(case, periods, _speaks(case), share) for case in cases]
    ours = np.concatenate([_pinball(each.came, each.told, share) / each.scale for each in sums])
    own = np.concatenate([_pinball(each.came, each.own, share) / each.scale for each in sums])
    yield Anchored(
        f"sum_{100 * share:.0f}_score", float(ours.mean()), _WIDER_MAX * float(own.mean())
    )


def _of_periods(cases: Sequence[Case], number: int, off_max: float) -> Iterator[Anchored]:
    inside, nothing = [], []
    for case in cases:
        told, known = case.told, case.known & (case.told.kinds == number)[:, None]
        inside.append(((case.came >= told.low) & (case.came <= told.high))[known])
        nothing.append((case.came == 0)[known])
    every, name = np.concatenate(inside), f"{KINDS[number].value}_cover_share"
    if not len(every):
        return
    share = float(every.mean())
    if KINDS[number] in (Kind.SILENT, Kind.NEW) or len(every) < _CASES_MIN:
        yield Anchored(name, share, SHARE, Holds.SHOWN)
        return
    # Units are whole: where more periods sell nothing than are asked for, zero alone covers them.
    least = max(SHARE, float(np.concatenate(nothing).mean()))
    yield from between(name, share, SHARE - off_max, least + off_max)


def _of_sums(
    cases: Sequence[Case], periods: int, rows: Sequence[Bools], kind: str, off_max: float
) -> Iterator[Anchored]:
    for share in SUM_SHARES:
        parts = [
            _sum_of(case, periods, some, share) for case, some in zip(cases, rows, strict=True)
        ]
        below = np.concatenate([part.came <= part.told for part in parts])
        name = f"{kind}sum_{100 * share:.0f}_share"
        if len(below) >= _SUMS_MIN:
            yield from around(name, float(below.mean()), share, off_max)
        elif len(below):
            yield Anchored(name, float(below.mean()), share, Holds.SHOWN)


def _speaks(case: Case) -> Bools:
    return np.asarray(case.told.kinds != KINDS.index(Kind.SILENT))


def _interval_scores(case: Case) -> tuple[Floats, Floats]:
    """Return the scores of what is told and of the own year's quantiles, of all periods."""
    rows, rare = _speaks(case), is_rare(case.told.kinds)
    levels = ((1.0 - SHARE) / 2.0, (1.0 + SHARE) / 2.0, SHARE)
    lower, middle, whole = (np.quantile(case.year, level, axis=1) for level in levels)
    low, high = np.where(rare, 0.0, lower)[:, None], np.where(rare, whole, middle)[:, None]
    # One end alone can be missed where the other is zero: what lies outside weighs half as much.
    weight = np.where(rare, 1.0, 2.0)[:, None] / (1.0 - SHARE)
    ours = _winkler(case.told.low, case.told.high, case.came, weight) / _scale(case.told.means)
    own = _winkler(low, high, case.came, weight) / _scale(case.told.means)
    known = case.known[rows]
    return ours[rows][known], own[rows][known]


def _sum_of(case: Case, periods: int, rows: Bools, share: float) -> _Sum:
    whole = rows & case.known[:, :periods].all(1)
    running = np.pad(case.year[whole].cumsum(1), ((0, 0), (1, 0)))
    return _Sum(
        came=case.came[whole, :periods].sum(1),
        told=quantile_of_sum(case.told, case.spread, periods, share)[whole],
        own=np.quantile(running[:, periods:] - running[:, :-periods], share, axis=1),
        scale=_scale(case.told.means[whole, :periods].sum(1)),
    )


def _scale(means: Floats) -> Floats:
    """Return in what units misses are told, so that a large SKU counts no more than a small one."""
    return np.asarray(np.sqrt(means + 0.05))


def _winkler(low: Floats, high: Floats, came: Floats, weight: Floats) -> Floats:
    outside = np.maximum(low - came, 0.0) + np.maximum(came - high, 0.0)
    return np.asarray(high - low + weight * outside)


def _pinball(came: Floats, told: Floats, share: float) -> Floats:
    return np.asarray(np.maximum(share * (came - told), (share - 1.0) * (came - told)))
