"""`trueup exceptions`: differences that wait for somebody, whose they are, and what was said."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, CountOption, JsonOption, SaidByOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.kernel.clock import SystemClock
from trueup.reconcile.checks import Check
from trueup.reconcile.exceptions import (
    Change,
    Noted,
    State,
    Wanted,
    age_days,
    change_exception,
    find_exception,
    list_exceptions,
    list_runs,
)
from trueup.reconcile.watch import watch_books
from trueup.session import Session

exceptions = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Differences that a check found and that wait for somebody.",
)

_NumberArgument = Annotated[int, typer.Argument(help="Its number: trueup exceptions list.")]
_CheckOption = Annotated[
    Check | None, typer.Option("--check", help="Only this check's.", show_default=False)
]


@exceptions.command("list")
def list_(
    check: _CheckOption = None,
    state: Annotated[
        State | None, typer.Option("--state", help="Only in this state.", show_default=False)
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option("--owner", help="Only theirs; empty: nobody's.", show_default=False),
    ] = None,
    closed: Annotated[
        bool, typer.Option("--closed", help="Those that are no longer found.")
    ] = False,
    count: CountOption = 100,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List exceptions, what nobody explains first, then the largest; ends with 1 if some stand."""

    async def work(session: Session) -> list[dict[str, Any]]:
        async with session.connection() as conn:
            wanted = Wanted(check=check, state=state, owner=owner, closed=closed)
            return await list_exceptions(conn, wanted, count=count)

    rows = [_with_age(row) for row in run(work, config_path=config, as_json=as_json)]
    if as_json:
        print_json({"exceptions": rows})
    elif not rows:
        out.print("[green]None.[/] Every night all checks are run; now: trueup exceptions update.")
    else:
        table = Table("number", "check", "cause", "by", "refs", "state", "owner", "days")
        for row in rows:
            refs = "\n".join(ref for ref in (row["left_ref"], row["right_ref"]) if ref)
            table.add_row(
                str(row["exception_id"]),
                row["check_name"],
                row["cause"],
                f"{row['amount']:+,f} {row['currency'] or ''}".strip(),
                escape(refs),
                row["state"],
                escape(row["owner"] or ""),
                str(row["age_days"]),
            )
        out.print(table)
    raise typer.Exit(FOUND_PROBLEMS if rows and not closed else DONE)


@exceptions.command()
def show(number: _NumberArgument, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show one with its evidence, and what was done and said about it."""

    async def work(session: Session) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        async with session.connection() as conn:
            return await find_exception(conn, number)

    row, notes = run(work, config_path=config, as_json=as_json)
    row = _with_age(row)
    if as_json:
        print_json({**row, "notes": notes})
        return
    table = Table(show_header=False)
    for name, value in row.items():
        shown = "\n".join(value) if name == "evidence" else str(value)
        table.add_row(name, escape(shown))
    for note in notes:
        said = f": {note['comment']}" if note["comment"] else ""
        when = note["noted_at"].isoformat(timespec="minutes")
        table.add_row(when, escape(f"{note['noted_by']}, {note['did']}{said}"))
    out.print(table)


@exceptions.command()
def change(
    number: _NumberArgument,
    owner: Annotated[
        str | None,
        typer.Option("--owner", help="Whose it is; empty: nobody's.", show_default=False),
    ] = None,
    state: Annotated[
        State | None, typer.Option("--state", help="What is done about it.", show_default=False)
    ] = None,
    comment: Annotated[str, typer.Option("--comment", help="What there is to say.")] = "",
    by: SaidByOption = "cli",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say whose it is, what is done about it, or anything about it; it is kept who said so."""
    if owner is None and state is None and not comment:
        raise typer.BadParameter("Say what changes: --owner, --state or --comment.")

    async def work(session: Session) -> dict[str, Any]:
        async with session.connection() as conn:
            now = SystemClock().now()
            change = Change(by=by, owner=owner, state=state, comment=comment)
            await change_exception(conn, number, now, change)
            row, notes = await find_exception(conn, number)
            return {**row, "notes": notes}

    row = _with_age(run(work, config_path=config, as_json=as_json))
    if as_json:
        print_json(row)
    else:
        whose = f", of {escape(row['owner'])}" if row["owner"] else ""
        out.print(f"{number} is {row['state']}{whose}.")


@exceptions.command()
def update(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Run every check now, as it is done every night, and keep what is found."""

    async def work(session: Session) -> Noted:
        async with session.connection() as conn:
            return await watch_books(conn, session.hub, SystemClock().now())

    noted = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json(noted)
    else:
        out.print(f"{noted.standing} stand, {noted.closed} were closed.")
    raise typer.Exit(FOUND_PROBLEMS if noted.standing else DONE)


@exceptions.command()
def runs(
    check: _CheckOption = None,
    count: CountOption = 100,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what the checks came to each time: whether the books drift apart."""

    async def work(session: Session) -> list[dict[str, Any]]:
        async with session.connection() as conn:
            return await list_runs(conn, check=check, count=count)

    rows = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"runs": rows})
        return
    table = Table("at", "check", "left", "right", "match", "differ", "unexplained")
    for row in rows:
        counts = ("left_rows", "right_rows", "matched", "differing", "unexplained")
        at = row["ran_at"].isoformat(timespec="minutes")
        table.add_row(at, row["check_name"], *(str(row[name]) for name in counts))
    out.print(table)


def _with_age(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "age_days": age_days(row, SystemClock().now())}
