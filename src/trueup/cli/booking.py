"""What the commands of the warehouse share: how lines are written, and how bookings are told."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated, Any

import typer
from rich.markup import escape

from trueup.canon.issue import Issue
from trueup.canon.serial import trimmed, wrong_serials
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json
from trueup.kernel.limits import UNITS_MAX
from trueup.warehouse.book import Booked

LinesArgument = Annotated[
    list[str], typer.Argument(help="What and how many: LAMP=10 TEE=4.", metavar="SKU=UNITS...")
]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Who did it, by name.", show_default=False)
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be booked, and book nothing.")
]
CorrectOption = Annotated[
    bool, typer.Option("--correct", help="Tell it anew under a ref that is known already.")
]
SerialsOption = Annotated[
    list[str] | None,
    typer.Option("--serial", help="A serial of them; again for more.", show_default=False),
]
SerialsOfOption = Annotated[
    list[str] | None,
    typer.Option(
        "--serial",
        metavar="SKU=SERIAL",
        help="A serial of them; again for more.",
        show_default=False,
    ),
]
ExpectedOption = Annotated[
    str | None,
    typer.Option("--expected", help="The day, such as 2026-12-24.", show_default=False),
]


def read_lines(texts: Sequence[str]) -> list[tuple[str, int]]:
    """Return (SKU, units) of "SKU=UNITS"; what stands there twice adds up."""
    units: dict[str, int] = {}
    for text in texts:
        sku, _, number = text.rpartition("=")
        if not sku or not number.isascii() or not number.isdigit():
            raise typer.BadParameter(f"Write SKU=UNITS, such as LAMP=10, and not {text!r}.")
        units[sku] = units.get(sku, 0) + int(number)
        if units[sku] > UNITS_MAX:
            raise typer.BadParameter(f"At most {UNITS_MAX} units of {sku!r}.")
    return list(units.items())


def read_serials(texts: Sequence[str], units: int, option: str = "--serial") -> tuple[str, ...]:
    """Return the serials of so many units, as somebody wrote them."""
    serials = trimmed(texts)
    if expected := wrong_serials(serials, units):
        raise typer.BadParameter(f"{option}: expected {expected}.")
    return serials


def read_serials_of(texts: Sequence[str], units: dict[str, int]) -> dict[str, tuple[str, ...]]:
    """Return the serials of "SKU=SERIAL" by SKU.

    Args:
        texts: as somebody wrote them.
        units: of each SKU among the lines; others have no serials.
    """
    found: dict[str, list[str]] = {sku: [] for sku in units}
    for text in texts:
        skus = [sku for sku in units if text.startswith(f"{sku}=")]
        if not skus:
            raise typer.BadParameter(
                f"--serial: write SKU=SERIAL with a SKU of the lines, and not {text!r}."
            )
        sku = max(skus, key=len)
        found[sku].append(text.removeprefix(f"{sku}="))
    return {sku: read_serials(serials, units[sku]) for sku, serials in found.items()}


def read_day(text: str | None) -> date | None:
    """Return the day that somebody wrote."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as fault:
        raise typer.BadParameter(f"Write a day such as 2026-12-24, and not {text!r}.") from fault


def tell_booked(
    booked: Booked[Any],
    *,
    as_json: bool,
    **more: Any,  # noqa: ANN401 - what a command's document shows beside
) -> typer.Exit:
    """Print what was booked; returns the exit, which says whether anything is wrong with it."""
    if as_json:
        document = {
            "ref": booked.record.ref,
            "repeated": booked.repeated,
            "dry_run": booked.dry_run,
            "moves": booked.moves,
            **more,
            "issues": booked.issues,
        }
        print_json(document)
    else:
        done = "was booked before" if booked.repeated else "booked"
        done = "would be booked" if booked.dry_run and not booked.repeated else done
        out.print(f"{escape(booked.record.ref)} {done}", highlight=False)
        for move in booked.moves:
            where = f"{move.place.replace('_', ' ')}{f' at {move.site}' if move.site else ''}"
            out.print(f"  {move.units:+6} {escape(move.sku)} {escape(where)}", highlight=False)
        print_issues(booked.issues)
    return typer.Exit(FOUND_PROBLEMS if booked.issues else DONE)


def print_issues(issues: Iterable[Issue]) -> None:
    """Print what is wrong or surprising, and what to do about it."""
    for issue in issues:
        where = f"{issue.pointer}: expected {issue.expected}, found {issue.found}"
        out.print(f"[yellow]{issue.code}[/] {escape(where)}", soft_wrap=True)
        out.print(f"  {escape(issue.how_to_fix)}", soft_wrap=True)
