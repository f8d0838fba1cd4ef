"""`trueup returns`: grade what came back from customers, and see whether each return closes."""

import uuid
from collections.abc import Sequence
from typing import Annotated

import typer

from trueup.canon.inspection import Grade, Inspection, InspectionLine
from trueup.cli.booking import (
    ByOption,
    CorrectOption,
    DryRunOption,
    read_lines,
    read_serials_of,
    tell_booked,
)
from trueup.cli.loops import list_returns, show_return
from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import run
from trueup.kernel.clock import SystemClock
from trueup.ledger.sites import DEFAULT_SITE
from trueup.session import Session
from trueup.warehouse.book import Booked, Desk
from trueup.warehouse.inspecting import Inspecting, inspection_of

returns = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Grade what came back from customers, and see what of each return is still missing.",
)
returns.command("list")(list_returns)
returns.command("show")(show_return)


@returns.command()
def inspect(
    order: Annotated[
        str | None,
        typer.Argument(help="Number or ref of its order; none where nobody knows it."),
    ] = None,
    skus: Annotated[
        list[str] | None,
        typer.Option(
            "--sku",
            metavar="SKU=UNITS:GRADE",
            help="What came back, as sellable, quarantine or scrap; again for more.",
        ),
    ] = None,
    serials: Annotated[
        list[str] | None,
        typer.Option(
            "--serial", metavar="SKU=SERIAL:GRADE", help="Which came back; again for more."
        ),
    ] = None,
    channel: Annotated[
        str | None,
        typer.Option("--channel", help="Whose order, by connection.", show_default=False),
    ] = None,
    site: Annotated[str, typer.Option("--site", help="Where it lies.")] = DEFAULT_SITE,
    ref: Annotated[
        str | None, typer.Option("--ref", help="What names the inspection.", show_default=False)
    ] = None,
    note: Annotated[
        str | None, typer.Option("--note", help="What is wrong with it.", show_default=False)
    ] = None,
    by: ByOption = None,
    correct: CorrectOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Book graded units: trueup returns inspect 1001 --sku LAMP=2:sellable --sku TEE=1:scrap.

    What the channel's refund or return tells of them counts only where it differs; no unit counts
    twice. More than had left for the order is booked too, and told.
    """
    inspection = inspection_of(
        ref or f"inspection-{uuid.uuid4()}",
        read_graded(skus or [], note, serials or []),
        site=site,
        now=SystemClock().now(),
        by=by,
    )

    async def work(session: Session) -> Booked[Inspection]:
        async with session.connection() as conn:
            return await Inspecting(Desk(session.hub)).inspect(
                conn, inspection, order=order, channel=channel, restate=correct, dry_run=dry_run
            )

    raise tell_booked(run(work, config_path=config, as_json=as_json), as_json=as_json)


@returns.command()
def undo(
    ref: Annotated[str, typer.Argument(help="What names the inspection.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take back what was graded by mistake; refused where it is gone already."""

    async def work(session: Session) -> Booked[Inspection]:
        async with session.connection() as conn:
            return await Inspecting(Desk(session.hub)).undo(conn, ref)

    raise tell_booked(run(work, config_path=config, as_json=as_json), as_json=as_json)


def read_graded(
    texts: Sequence[str], note: str | None, serials: Sequence[str] = ()
) -> list[InspectionLine]:
    """Return the lines of "SKU=UNITS:GRADE"; what stands there twice adds up.

    Args:
        texts: what came back.
        note: what is wrong with it.
        serials: which came back, as "SKU=SERIAL:GRADE"; each of a line of its grade.
    """
    by_grade, named = _by_grade(texts, "SKU=UNITS"), _by_grade(serials, "SKU=SERIAL")
    if lacking := [grade.value for grade in named if grade not in by_grade]:
        raise typer.BadParameter(f"--serial: no line of --sku has the grade {lacking[0]}.")
    lines = []
    for grade, told in by_grade.items():
        units = dict(read_lines(told))
        read = read_serials_of(named.get(grade, []), units)
        lines += [
            InspectionLine(sku=sku, quantity=count, grade=grade, note=note, serials=read[sku])
            for sku, count in units.items()
        ]
    if not lines or not all(line.quantity for line in lines):
        raise typer.BadParameter("--sku: at least one unit comes back, such as LAMP=1:sellable.")
    return lines


def _by_grade(texts: Sequence[str], form: str) -> dict[Grade, list[str]]:
    found: dict[Grade, list[str]] = {}
    for text in texts:
        line, _, grade = text.rpartition(":")
        if not line or grade not in list(Grade):
            option = "--sku" if form == "SKU=UNITS" else "--serial"
            grades = ", ".join(Grade)
            raise typer.BadParameter(
                f"{option}: write {form}:GRADE with a grade of {grades}, and not {text!r}."
            )
        found.setdefault(Grade(grade), []).append(line)
    return found
