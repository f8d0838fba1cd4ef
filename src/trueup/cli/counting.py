"""`trueup count`: sheets, blind entries, variances that another person decides."""

import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import psycopg
import typer
from rich.markup import escape

from trueup.canon.count import CountLine, CountSheet, LineState, SheetState
from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.errors import ConfigError
from trueup.kernel.clock import SystemClock
from trueup.kernel.limits import UNITS_MAX
from trueup.ledger.sites import DEFAULT_SITE
from trueup.session import Session
from trueup.warehouse.book import Desk
from trueup.warehouse.counting import Counting, Missing, Said
from trueup.warehouse.tally import Sheet

count = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Count what lies at a site, blind, and have variances looked at by another person.",
)

_Conn = psycopg.AsyncConnection[Any]
T = TypeVar("T")

RefArgument = Annotated[str, typer.Argument(help="The sheet's ref.")]
SkuArgument = Annotated[str, typer.Argument(help="The SKU.")]
WhoOption = Annotated[str, typer.Option("--by", help="Who does it, by name.")]


@count.command("open")
def open_sheet(
    skus: Annotated[list[str] | None, typer.Argument(help="What to count; all there is.")] = None,
    site: Annotated[str, typer.Option("--site", help="Where.")] = DEFAULT_SITE,
    ref: Annotated[
        str | None, typer.Option("--ref", help="What names the sheet.", show_default=False)
    ] = None,
    tolerance: Annotated[
        int, typer.Option(min=0, max=UNITS_MAX, help="Units of variance that are booked at once.")
    ] = 0,
    tolerance_percent: Annotated[
        int, typer.Option(min=0, max=100, help="The same in percent; the greater counts.")
    ] = 0,
    seen: Annotated[
        bool, typer.Option("--seen", help="Not blind: who counts sees the books' number.")
    ] = False,
    by: Annotated[
        str | None, typer.Option("--by", help="Who opens it.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Open a count sheet: trueup count open --site main LAMP TEE."""
    now = SystemClock().now()
    sheet = CountSheet(
        ref=ref or f"count-{uuid.uuid4()}",
        updated_at=now,
        site=site,
        state=SheetState.OPEN,
        skus=tuple(dict.fromkeys(skus or ())),
        blind=not seen,
        tolerance_units=tolerance,
        tolerance_percent=tolerance_percent,
        created_at=now,
        by=by,
    )
    opened = _do(lambda counting, conn: counting.open(conn, sheet), config, as_json=as_json)
    _tell_sheet(opened, as_json=as_json)


@count.command("enter")
def enter(
    ref: RefArgument,
    sku: SkuArgument,
    units: Annotated[int, typer.Argument(min=0, max=UNITS_MAX, help="What lies there.")],
    by: WhoOption,
    bin_name: Annotated[str, typer.Option("--bin", help="Where a SKU lies in several.")] = "",
    key: Annotated[
        str | None,
        typer.Option("--key", help="Names the entry; again changes nothing.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take down what somebody counted; of one bin the last entry counts, bins add up."""
    name = key or str(uuid.uuid4())
    said = Said(sku=sku, quantity=units, by=by, key=name, bin=bin_name)
    entry = _do(lambda counting, conn: counting.enter(conn, ref, said), config, as_json=as_json)
    if as_json:
        print_json({"entry": entry, "key": name})
    else:
        out.print(escape(f"{entry.quantity} of {sku}, round {entry.round}"), highlight=False)
    raise typer.Exit(DONE)


@count.command("close")
def close(
    ref: RefArgument,
    missing: Annotated[
        Missing, typer.Option(help="What becomes of SKUs that nobody counted.")
    ] = Missing.REFUSE,
    by: Annotated[str, typer.Option("--by", help="Who closes it.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Hold what was counted beside the books as they were when it was counted.

    What is within tolerance is booked at once; the rest waits for another person.
    """
    sheet = _do(
        lambda counting, conn: counting.close(conn, ref, missing=missing, by=by),
        config,
        as_json=as_json,
    )
    _tell_sheet(sheet, as_json=as_json)


@count.command("approve")
def approve(
    ref: RefArgument,
    sku: SkuArgument,
    by: WhoOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Book a variance that waits; who counted it can not."""
    line = _do(
        lambda counting, conn: counting.decide(conn, ref, sku, approve=True, by=by),
        config,
        as_json=as_json,
    )
    _tell_line(line, as_json=as_json)


@count.command("refuse")
def refuse(
    ref: RefArgument,
    sku: SkuArgument,
    by: WhoOption,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Have a SKU counted again; the sheet is open again for it."""
    line = _do(
        lambda counting, conn: counting.decide(conn, ref, sku, approve=False, by=by),
        config,
        as_json=as_json,
    )
    _tell_line(line, as_json=as_json)


@count.command("cancel")
def cancel(ref: RefArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Give a sheet up; what was booked of it stays booked."""
    sheet = _do(lambda counting, conn: counting.cancel(conn, ref), config, as_json=as_json)
    _tell_sheet(sheet, as_json=as_json)


@count.command("show")
def show(ref: RefArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show a sheet: what is to be counted, and of what was closed the variances."""

    async def both(counting: Counting, conn: _Conn) -> tuple[Sheet, tuple[str, ...]]:
        sheet = await counting.find(conn, ref)
        if sheet is None:
            raise ConfigError(f"There is no count sheet {ref!r}.")
        return sheet, await counting.missing(conn, ref)

    sheet, missing = _do(both, config, as_json=as_json)
    _tell_sheet(sheet, as_json=as_json, missing=missing)


def _do(
    work: Callable[[Counting, _Conn], Awaitable[T]], config: Path | None, *, as_json: bool
) -> T:
    async def opened(session: Session) -> T:
        async with session.connection() as conn:
            return await work(Counting(Desk(session.hub)), conn)

    return run(opened, config_path=config, as_json=as_json)


def _tell_sheet(sheet: Sheet, *, as_json: bool, missing: tuple[str, ...] = ()) -> None:
    waiting = sheet.waiting
    if as_json:
        lines = [_line(line) for line in sheet.lines]
        print_json({"sheet": sheet.sheet, "lines": lines, "missing": missing})
    else:
        head = f"{sheet.sheet.ref} at {sheet.sheet.site}: {sheet.sheet.state.value}"
        out.print(escape(head), highlight=False)
        for line in sheet.lines:
            _print_line(line)
        if missing:
            out.print(f"still to be counted: {escape(', '.join(missing))}", soft_wrap=True)
    raise typer.Exit(FOUND_PROBLEMS if waiting else DONE)


def _tell_line(line: CountLine, *, as_json: bool) -> None:
    if as_json:
        print_json({"line": _line(line)})
    else:
        _print_line(line)
    raise typer.Exit(DONE)


def _line(line: CountLine) -> dict[str, Any]:
    return {
        "sku": line.sku,
        "round": line.round,
        "state": line.state,
        "counted": line.counted,
        "book": line.book,
        "variance": line.variance,
        "moved": line.moved,
        "counted_at": line.counted_at,
        "counted_by": line.counted_by,
        "by": line.by,
    }


def _print_line(line: CountLine) -> None:
    told = f"{line.counted} counted, {line.book} in the books, {line.variance:+}"
    moved = ", units moved meanwhile" if line.moved else ""
    style = "yellow" if line.state is LineState.WAITING else "default"
    out.print(
        f"  [{style}]{line.state.value:9}[/] {escape(line.sku)}: {told}{moved}", highlight=False
    )
