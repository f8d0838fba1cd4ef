"""The model of demand beside published figures, where the car parts are at hand."""

import pytest

from tests.support.leftout import SHARED
from trueup.models.demand import bench

pytestmark = pytest.mark.shared


def test_every_figure_of_car_parts_holds() -> None:
    parts = bench.read_car_parts(SHARED / "datasets" / bench.CAR_PARTS)
    assert parts.units.shape == (2674, 51)
    figures = bench.car_parts(parts)
    shown = {each.name: each.ours for each in figures}
    assert shown["rmsse_of_zero"] == pytest.approx(0.676, abs=0.0005)
    assert not [each for each in figures if not each.holds]
