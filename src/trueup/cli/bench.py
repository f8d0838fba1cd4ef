"""`trueup bench`: our figures beside a bare loop's, in the same run on the same machine."""

from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import Any

import typer
import uvloop
from rich.table import Table

from trueup.bench import apply, intake, propagate, reconcile
from trueup.bench.report import Report
from trueup.bench.stage import Stage, open_stage
from trueup.cli.session import DONE, FOUND_PROBLEMS, err, out, print_json, telling_failures

Bench = Callable[[Stage], Coroutine[Any, Any, Report]]


class Name(StrEnum):
    """What can be measured."""

    INTAKE = "intake"
    APPLY = "apply"
    PROPAGATE = "propagate"
    HOTSKU = "hotsku"
    RECONCILE = "reconcile"
    ALL = "all"


_BENCHES: dict[Name, Bench] = {
    Name.INTAKE: intake.run,
    Name.APPLY: apply.run,
    Name.PROPAGATE: propagate.run,
    Name.HOTSKU: apply.run_hot,
    Name.RECONCILE: reconcile.run,
}


def bench(
    name: Name = typer.Argument(Name.ALL, help="What to measure."),
    *,
    url: str | None = typer.Option(None, help="An empty PostgreSQL database instead of our own."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Measure on a fresh database; nothing of yours is touched."""
    wanted = list(_BENCHES) if name is Name.ALL else [name]
    reports = []
    with telling_failures(as_json=as_json):
        for each in wanted:
            if not as_json:
                err.print(f"Measuring {each.value} …")
            with open_stage(url=url) as stage:
                reports.append(uvloop.run(_BENCHES[each](stage)))
    if as_json:
        print_json(reports if name is Name.ALL else reports[0])
    else:
        out.print(_table(reports))
    raise typer.Exit(DONE if all(report.passed for report in reports) else FOUND_PROBLEMS)


def _table(reports: list[Report]) -> Table:
    table = Table("bench", "ours", "bare", "ratio", "target", "")
    for report in reports:
        table.add_row(
            report.bench,
            _figures(report.figures),
            _figures(report.bare),
            f"{report.ratio:.2f}",
            report.target,
            "[green]holds[/]" if report.passed else "[red]missed[/]",
        )
    return table


def _figures(figures: dict[str, float]) -> str:
    return "\n".join(f"{name} {value:,.1f}" for name, value in figures.items())
