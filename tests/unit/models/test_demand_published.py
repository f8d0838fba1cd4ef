"""The model of demand beside published figures, where the data sets are at hand."""

import pytest

from tests.support.leftout import SHARED
from trueup.models.demand import bench, panels

pytestmark = pytest.mark.shared
SETS = SHARED / "datasets"


def test_every_figure_of_car_parts_holds() -> None:
    parts = panels.read_car_parts(SETS / panels.CAR_PARTS)
    assert parts.units.shape == (2674, 51)
    figures = bench.car_parts(parts)
    shown = {each.name: each.ours for each in figures}
    assert shown["rmsse_of_zero"] == pytest.approx(0.676, abs=0.0005)
    assert not [each for each in figures if not each.holds]


def test_every_figure_of_groceries_holds() -> None:
    sold = panels.read_groceries(SETS)
    assert sold.units.shape == (1000, 366)
    figures = bench.daily(sold, 1, 0.04)
    assert {"intermittent_sum_95_share_least", "interval_score"} <= {each.name for each in figures}
    assert not [each for each in figures if not each.holds]
