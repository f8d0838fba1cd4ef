"""The model of demand beside published figures: car parts, and a made-up brand for the time.

Car parts are 2,674 monthly series of which most months are zero (Hyndman et al. 2008). Forecasting
zero for everything comes to 0.676 there, and aggregation over periods to 0.668; how much a level
that rose or fell is damped was chosen with these series in view, so it is no blind test.
"""

import csv
import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from trueup.models.demand.foretell import DAILY, MONTHLY, Setup, Told, tell, train_on
from trueup.models.demand.learn import rmsse
from trueup.models.demand.methods import recent
from trueup.models.demand.series import KINDS, Bools, Floats, Kind, Panel
from trueup.models.measured import Anchored, Holds, Measured, between

CAR_PARTS: Final = Path("demand-series") / "carparts_monthly.csv.gz"
_SEED: Final = 20261130
_CASES_MIN: Final = 1000
"""Of fewer periods a share is too uncertain to judge by."""


def bench(folder: Path | None) -> Iterator[Measured]:
    """Give each part; those whose data set is not there say so."""
    path = None if folder is None else folder / CAR_PARTS
    if path is None or not path.is_file():
        why = f"{CAR_PARTS} is not in the folder of the data sets"
        yield Measured(part="demand.car_parts", left_out=why)
    else:
        yield Measured(part="demand.car_parts", figures=car_parts(read_car_parts(path)))
    yield Measured(part="demand.thousand_skus", figures=tuple(_thousand()))


def read_car_parts(path: Path) -> Panel:
    """Read the months of every part; a month that is not told counts as zero, as is usual."""
    with gzip.open(path, "rt", encoding="ascii") as lines:
        rows = list(csv.reader(lines))[1:]
    units = np.array(
        [[float(cell) if cell[:1].isdigit() else 0.0 for cell in row[1:]] for row in rows]
    )
    return Panel(units.T.copy(), np.ones(units.T.shape, dtype=bool))


def car_parts(panel: Panel) -> tuple[Anchored, ...]:
    """Return what the last twelve months come to."""
    before, came, known, told = _held_out(panel, MONTHLY)
    mean = np.repeat(recent(before.units, 12)[:, None], 12, axis=1)
    return (
        Anchored("rmsse", _of_all(before, told.means, came), 0.665),
        Anchored("rmsse_of_zero", _of_all(before, np.zeros_like(came), came), 0.676, Holds.SHOWN),
        Anchored("rmsse_of_mean", _of_all(before, mean, came), 0.668, Holds.SHOWN),
        *between("bias_share", float(told.means.sum() / came.sum() - 1.0), -0.05, 0.05),
        *_covers(told, came, known),
    )


def _held_out(panel: Panel, setup: Setup) -> tuple[Panel, Floats, Bools, Told]:
    cut = panel.units.shape[1] - setup.horizon
    before = panel.before(cut)
    factor, spread = train_on(before, setup)
    told = tell(before, setup, factor, spread)
    return before, panel.units[:, cut:], panel.known[:, cut:], told


def _of_all(before: Panel, told: Floats, came: Floats) -> float:
    """Return the mean over all parts, from their first month on as the published figures are."""
    steps = (np.diff(before.units, axis=1) ** 2).mean(1)
    rows = steps > 0
    return float(np.sqrt(((told - came) ** 2)[rows].mean(1) / steps[rows]).mean())


def _covers(told: Told, came: Floats, known: Bools) -> Iterator[Anchored]:
    """Give of each kind of demand how many periods lay within; zero covers what is silent."""
    inside = (came >= told.low) & (came <= told.high)
    for number, kind in enumerate(KINDS):
        cases = known & (told.kinds == number)[:, None]
        if not cases.any():
            continue
        share, name = float(inside[cases].mean()), f"{kind.value}_cover_share"
        if kind is Kind.SILENT or int(cases.sum()) < _CASES_MIN:
            yield Anchored(name, share, 0.8, Holds.SHOWN)
        else:
            yield from between(name, share, 0.76, 0.84)


def made_up(skus: int, days: int, seed: int) -> Panel:
    """Return a made-up brand: rates that differ, weeks, days without stock, launches."""
    random = np.random.default_rng(seed)
    rates = random.gamma(0.6, 2.0, skus)
    week = 1.0 + 0.4 * np.sin(2 * np.pi * np.arange(7) / 7)
    means = rates[:, None] * week[np.arange(days) % 7][None, :]
    units = random.negative_binomial(2, 2 / (2 + means)).astype(np.float64)
    known = np.ones((skus, days), dtype=bool)
    for row in range(0, skus, 3):
        begins = int(random.integers(0, days - 60))
        known[row, begins : begins + 20] = False
    for row in range(0, skus, 5):
        units[row, : int(random.integers(0, days // 3))] = 0.0
    return Panel(np.where(known, units, 0.0), known)


def _thousand() -> Iterator[Anchored]:
    panel = made_up(1000, 730 + DAILY.horizon, _SEED)
    began = time.process_time()
    before, came, known, told = _held_out(panel, DAILY)
    yield Anchored("train_and_tell_cpu_s", time.process_time() - began, 30.0)
    mean = np.repeat(recent(before.units, DAILY.recent)[:, None], DAILY.horizon, axis=1)
    ours, rule = (float(rmsse(before, each, came, known).mean()) for each in (told.means, mean))
    yield Anchored("rmsse", ours, rule)
    yield from _covers(told, came, known)
