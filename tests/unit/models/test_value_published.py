"""The models of customers beside the published figures, where the purchases of CDNOW are at hand."""

import pytest

from tests.support.leftout import SHARED
from trueup.models.measured import Measured
from trueup.models.value import bench

pytestmark = pytest.mark.shared


@pytest.mark.parametrize("path", [bench.SAMPLE, bench.MASTER], ids=["sample", "master"])
def test_every_figure_holds_beside_its_anchor(path: object) -> None:
    measure = bench._sample if path == bench.SAMPLE else bench._master
    figures = measure(bench.read_cdnow(SHARED / "datasets" / str(path)))
    measured = Measured(part="value", figures=figures)
    missed = [each for each in measured.figures if not each.holds]
    assert not missed
