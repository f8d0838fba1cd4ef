"""`trueup bench`: our figures beside a bare loop's, in the same run on the same machine."""

from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

import typer
import uvloop
from rich.markup import escape
from rich.table import Table

from trueup.bench import apply, console, intake, propagate, reconcile
from trueup.bench.models import measure_models, report_of
from trueup.bench.report import Report
from trueup.bench.stage import Stage, open_stage
from trueup.cli.session import DONE, FOUND_PROBLEMS, err, out, print_json, telling_failures
from trueup.models.finding import find_benches
from trueup.models.measured import Measured

Bench = Callable[[Stage], Coroutine[Any, Any, Report]]


class Name(StrEnum):
    """What can be measured."""

    INTAKE = "intake"
    APPLY = "apply"
    PROPAGATE = "propagate"
    HOTSKU = "hotsku"
    RECONCILE = "reconcile"
    CONSOLE = "console"
    MODELS = "models"
    ALL = "all"


_BENCHES: dict[Name, Bench] = {
    Name.INTAKE: intake.run,
    Name.APPLY: apply.run,
    Name.PROPAGATE: propagate.run,
    Name.HOTSKU: apply.run_hot,
    Name.RECONCILE: reconcile.run,
    Name.CONSOLE: console.run,
}


def bench(
    name: Name = typer.Argument(Name.ALL, help="What to measure."),
    *,
    url: str | None = typer.Option(None, help="An empty PostgreSQL database instead of our own."),
    data: Path | None = typer.Option(
        None, help="Of models: the folder of the data sets; what is not there is left out."
    ),
    only: str | None = typer.Option(None, help="Of models: this one alone, such as demand."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Measure on a fresh database; nothing of yours is touched.

    Models are measured beside published figures, on data sets; they are no part of all.
    """
    if data is not None and (name is not Name.MODELS or not data.is_dir()):
        raise typer.BadParameter("--data names the folder of the data sets of: bench models.")
    if only is not None and (name is not Name.MODELS or only not in find_benches()):
        raise typer.BadParameter(
            f"--only names one of: bench models ({', '.join(find_benches())})."
        )
    if name is Name.MODELS:
        _measure_models(data, only, as_json=as_json)
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


def _measure_models(data: Path | None, only: str | None, *, as_json: bool) -> NoReturn:
    measured: list[Measured] = []
    with telling_failures(as_json=as_json):
        for each in measure_models(data, only):
            measured.append(each)
            if not as_json:
                err.print(f"Measured {each.part}." if not each.left_out else f"{each.part}: no.")
    report = report_of(measured)
    if as_json:
        print_json(report)
    else:
        table = Table("part", "figure", "ours", "anchor", "")
        for each in measured:
            for figure in each.figures:
                told = (figure.name, f"{figure.ours:.6g}", f"{figure.how} {figure.anchor:.6g}")
                table.add_row(each.part, *told, "" if figure.holds else "[red]missed[/]")
        out.print(table)
        for part, why in report.left_out.items():
            out.print(f"Left out: {escape(part)}: {escape(why)}", soft_wrap=True)
    raise typer.Exit(DONE if report.passed else FOUND_PROBLEMS)


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
