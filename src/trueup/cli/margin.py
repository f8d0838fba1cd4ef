"""`trueup margin`: what orders, SKUs and channels earn, each number with how it is known."""

import csv
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.booking import read_day
from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, out, print_json, run
from trueup.intake.connections import find_account
from trueup.kernel.clock import SystemClock
from trueup.margin.earned import Earned, Figure
from trueup.margin.groups import FIGURES
from trueup.margin.layers import Certainty, Method
from trueup.margin.reads import By, read_margins, span_of, totals_of
from trueup.session import Session

_SHOWN = 200


def margin(
    by: Annotated[By, typer.Argument(help="By order, by SKU, or by channel.")] = By.CHANNELS,
    first: Annotated[
        str | None,
        typer.Option("--from", help="Orders placed from this day on (UTC).", show_default=False),
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--until", help="Until this day; today.", show_default=False),
    ] = None,
    method: Annotated[
        Method, typer.Option("--method", help="How units that went have their cost.")
    ] = Method.FIFO,
    connection: Annotated[
        str | None,
        typer.Option("--connection", help="Only of this channel.", show_default=False),
    ] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print a table with every number and how it is known.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show contribution margins: revenue net of tax less refunds, goods, fees, sending, ads.

    Each number is told, estimated or unknown, and says from what; an unknown one counts as nothing.
    Without days, of the last thirty.
    """
    if as_csv and as_json:
        raise typer.BadParameter("Choose one of --csv and --json.")

    async def work(session: Session) -> list[Earned]:
        async with session.connection() as conn:
            number = None
            if connection is not None:
                account = await find_account(conn, session.hub.vault, connection)
                number = account.connection.connection_id
            span = span_of(read_day(first), read_day(last), SystemClock().now().date())
            return await read_margins(
                conn, session.hub, span, by=by, method=method, connection_id=number
            )

    rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        totals = [plain_earned(row) for row in totals_of(rows)]
        print_json({"by": by, "rows": [plain_earned(row) for row in rows], "totals": totals})
    elif as_csv:
        _write_csv(rows)
    else:
        _show(rows)
    raise typer.Exit(DONE)


def plain_earned(row: Earned) -> dict[str, Any]:
    """Return a margin as it is printed as JSON: exact amounts as text."""
    figures = {name: _plain(getattr(row, name)) for name in FIGURES}
    return {
        "key": row.key,
        "label": row.label,
        "connection": row.connection,
        "placed_at": row.placed_at,
        "currency": row.currency,
        "units": row.units,
        **figures,
        "margin": f"{row.margin:f}",
        "share": row.share,
        "certainty": row.certainty,
    }


def _plain(figure: Figure) -> dict[str, str]:
    return {"amount": f"{figure.amount:f}", "certainty": figure.certainty.value, "how": figure.how}


def _write_csv(rows: Sequence[Earned]) -> None:
    heads = [head for name in FIGURES for head in (name, f"{name}_certainty", f"{name}_how")]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    named = ("key", "label", "connection", "currency", "units")
    writer.writerow([*named, *heads, "margin", "margin_certainty"])
    for row in rows:
        cells = [cell for name in FIGURES for cell in _plain(getattr(row, name)).values()]
        own = (_safe(row.key), _safe(row.label), _safe(row.connection), row.currency, row.units)
        writer.writerow([*own, *cells, f"{row.margin:f}", row.certainty.value])


def _safe(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _show(rows: Sequence[Earned]) -> None:
    if not rows:
        out.print("Nothing was sold in these days.")
        return
    table = Table("", "units", *FIGURES, "margin", "share")
    for row in [*rows[:_SHOWN], *totals_of(rows)]:
        cells = [_cell(getattr(row, name)) for name in FIGURES]
        share = "" if row.share is None else f"{row.share:.1%}"
        whole = f"{row.margin:,f} {row.currency}{_MARKS[row.certainty]}"
        table.add_row(escape(row.label), str(row.units), *cells, whole, share)
    out.print(table)
    out.print("~ estimated, ? unknown in part and counted as nothing; --csv says from what.")
    if len(rows) > _SHOWN:
        out.print(f"The first {_SHOWN} of {len(rows)}; --json and --csv tell all.")


_MARKS = {Certainty.TOLD: "", Certainty.ESTIMATED: " ~", Certainty.UNKNOWN: " ?"}


def _cell(figure: Figure) -> str:
    return f"{figure.amount:,f}{_MARKS[figure.certainty]}"
