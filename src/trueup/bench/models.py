"""The models beside published figures, on data sets that whoever measures has at hand."""

from collections.abc import Iterator
from pathlib import Path

from trueup.bench.report import Report
from trueup.models.finding import Absent, find_benches
from trueup.models.measured import Measured


class ModelsReport(Report, frozen=True, kw_only=True):
    """The benchmark of all models.

    Attributes:
        parts: one report a part; their figures are those of the whole.
        left_out: part -> why it was not measured.
    """

    parts: tuple[Report, ...]
    left_out: dict[str, str]


def measure_models(data: Path | None, only: str | None = None) -> Iterator[Measured]:
    """Give one part after the other; what can not be measured says why.

    Args:
        data: the folder of the data sets; None: only what needs none is measured.
        only: the model that is measured; None: all.
    """
    for name, bench in find_benches().items():
        if only is not None and name != only:
            continue
        if isinstance(bench, Absent):
            yield Measured(part=name, left_out=bench.why)
        else:
            yield from bench(data)


def report_of(measured: list[Measured]) -> ModelsReport:
    """Return what was measured as one report; where nothing was, it did not pass."""
    parts = tuple(_report(each) for each in measured if not each.left_out)
    return ModelsReport(
        bench="models",
        figures={f"{part.bench}.{name}": v for part in parts for name, v in part.figures.items()},
        bare={f"{part.bench}.{name}": v for part in parts for name, v in part.bare.items()},
        ratio=min((part.ratio for part in parts), default=0.0),
        target="each figure as its part says",
        passed=bool(parts) and all(part.passed for part in parts),
        parts=parts,
        left_out={each.part: each.left_out for each in measured if each.left_out},
    )


def _report(measured: Measured) -> Report:
    return Report(
        bench=measured.part,
        figures={each.name: each.ours for each in measured.figures},
        bare={each.name: each.anchor for each in measured.figures},
        ratio=min((each.ratio for each in measured.figures), default=1.0),
        target="; ".join(
            f"{each.name} {each.how.value} {each.anchor:.6g}" for each in measured.figures
        ),
        passed=measured.passed,
    )
