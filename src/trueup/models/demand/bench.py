"""The model of demand beside published figures, and how often what it tells holds.

Car parts are 2,674 monthly series of which most months are zero (Hyndman et al. 2008). Forecasting
zero for everything comes to 0.676 there, and aggregation over periods to 0.668; how much a level
that rose or fell is damped was chosen with these series in view, so it is no blind test.
Intervals are looked at on two made-up brands and three public data sets, at several days of each.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from trueup.models.demand import panels
from trueup.models.demand.covered import Case, case_of, covers
from trueup.models.demand.foretell import DAILY, MONTHLY, Setup
from trueup.models.demand.learn import rmsse
from trueup.models.demand.methods import recent
from trueup.models.demand.series import Floats, Panel
from trueup.models.measured import Anchored, Holds, Measured, between

_SEED: Final = 20261130
_OFF_MAX: Final = 0.04
"""What really was sold changes with the year: a share may be so far from what is claimed."""


def bench(folder: Path | None) -> Iterator[Measured]:
    """Give each part; those whose data set is not there say so."""
    yield _read("demand.car_parts", folder, panels.CAR_PARTS, lambda at: car_parts(_parts(at)))
    yield Measured(part="demand.thousand_skus", figures=tuple(_thousand()))
    kinds = panels.of_all_kinds(1000, 730 + DAILY.horizon, _SEED)
    yield Measured(part="demand.all_kinds", figures=daily(kinds, 4))
    yield Measured(part="demand.small_brands", figures=small_brands())
    yield _read(
        "demand.online_retail",
        folder,
        panels.ONLINE_RETAIL,
        lambda at: daily(panels.read_online_retail(at / panels.ONLINE_RETAIL), 4, _OFF_MAX),
    )
    yield _read(
        "demand.groceries",
        folder,
        panels.GROCERIES,
        lambda at: daily(panels.read_groceries(at), 4, _OFF_MAX),
    )


def _read(
    part: str, folder: Path | None, name: Path, measure: Callable[[Path], tuple[Anchored, ...]]
) -> Measured:
    if folder is None or not (folder / name).is_file():
        return Measured(part=part, left_out=f"{name} is not in the folder of the data sets")
    return Measured(part=part, figures=measure(folder))


def _parts(folder: Path) -> Panel:
    return panels.read_car_parts(folder / panels.CAR_PARTS)


def car_parts(panel: Panel) -> tuple[Anchored, ...]:
    """Return what the last twelve months come to."""
    case = case_of(panel, MONTHLY, panel.units.shape[1] - MONTHLY.horizon)
    mean = np.repeat(recent(case.before.units, 12)[:, None], 12, axis=1)
    means, came = case.told.means, case.came
    return (
        Anchored("rmsse", _of_all(case.before, means, came), 0.665),
        Anchored("rmsse_of_zero", _of_all(case.before, 0 * came, came), 0.676, Holds.SHOWN),
        Anchored("rmsse_of_mean", _of_all(case.before, mean, came), 0.668, Holds.SHOWN),
        *between("bias_share", float(means.sum() / came.sum() - 1.0), -0.05, 0.05),
        *covers([case], MONTHLY, _OFF_MAX),
    )


def daily(panel: Panel, days: int, off_max: float = 0.03) -> tuple[Anchored, ...]:
    """Return how often what was told at several days held, four weeks apart, the newest last."""
    cases = cases_of(panel, DAILY, days)
    return (_beside_the_mean(cases[-1], Holds.SHOWN), *covers(cases, DAILY, off_max))


def small_brands() -> tuple[Anchored, ...]:
    """Return how often what was told to brands of 40 SKUs held: some kinds are of a handful."""
    brands = [panels.of_all_kinds(40, 420, seed) for seed in range(12)]
    return tuple(covers([case for each in brands for case in cases_of(each, DAILY, 3)], DAILY))


def cases_of(panel: Panel, setup: Setup, days: int) -> list[Case]:
    """Return what was told at several days, a horizon apart, and what came."""
    newest = panel.units.shape[1] - setup.horizon
    return [case_of(panel, setup, newest - n * setup.horizon) for n in range(days - 1, -1, -1)]


def _of_all(before: Panel, told: Floats, came: Floats) -> float:
    """Return the mean over all parts, from their first month on as the published figures are."""
    steps = (np.diff(before.units, axis=1) ** 2).mean(1)
    rows = steps > 0
    return float(np.sqrt(((told - came) ** 2)[rows].mean(1) / steps[rows]).mean())


def _thousand() -> Iterator[Anchored]:
    panel = panels.made_up(1000, 730 + DAILY.horizon, _SEED)
    began = time.process_time()
    case = case_of(panel, DAILY, 730)
    yield Anchored("train_and_tell_cpu_s", time.process_time() - began, 30.0)
    yield _beside_the_mean(case, Holds.AT_MOST)
    yield from covers([case], DAILY)


def _beside_the_mean(case: Case, how: Holds) -> Anchored:
    mean = np.repeat(recent(case.before.units, DAILY.recent)[:, None], DAILY.horizon, axis=1)
    ours, rule = (
        float(rmsse(case.before, each, case.came, case.known).mean())
        for each in (case.told.means, mean)
    )
    return Anchored("rmsse", ours, rule, how)
