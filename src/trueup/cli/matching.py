"""`trueup money match` and `trueup reconcile bank`: which line of the bank is which payout."""

from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.markup import escape
from rich.table import Table

from trueup.canon.match import BankMatch, DifferenceAccount
from trueup.cli.booking import DryRunOption
from trueup.cli.options import ConfigOption, JsonOption, SaidByOption
from trueup.cli.reports import show_report
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.kernel.clock import SystemClock
from trueup.reconcile.bank import BankCheck, check_bank
from trueup.reconcile.matches import (
    Wish,
    book_found,
    list_matches,
    match_by_hand,
    match_found,
    match_plain,
    read_open,
    undo_match,
)
from trueup.reconcile.money.matching import Match
from trueup.reconcile.reads import plain
from trueup.session import Session
from trueup.warehouse.book import Booked, Desk


def add_matching(money: typer.Typer) -> None:
    """Add what is said of matches by hand to `trueup money`."""
    money.command("match")(match)
    money.command("unmatch")(unmatch)
    money.command("matches")(matches)


def match(
    payout: Annotated[
        list[str], typer.Option("--payout", help="Such as stripe/payout/po_1; again for more.")
    ],
    line: Annotated[
        list[str], typer.Option("--line", help="Such as bank/bank_line/7f3a; again for more.")
    ],
    difference: Annotated[
        DifferenceAccount | None,
        typer.Option("--difference", help="Where what the lines are off goes to."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why they belong together.")] = "",
    by: SaidByOption = "cli",
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say which payouts arrived as which lines of the bank; each row is matched once.

    Where the lines do not come to the payouts, --difference says what that is: nothing is forced.
    """
    wish = Wish(
        payouts=tuple(payout), lines=tuple(line), by=by, difference=difference, reason=reason
    )

    async def work(session: Session) -> tuple[Booked[BankMatch], dict[str, Any]]:
        async with session.connection() as conn:
            names = session.hub.names()
            desk = Desk(session.hub)
            booked = await match_by_hand(conn, desk, names, wish, dry_run=dry_run)
            return booked, match_plain(booked.record, names)

    _tell(*run(work, config_path=config, as_json=as_json), done="matched", as_json=as_json)


def unmatch(
    ref: Annotated[str, typer.Argument(help="Of the match, as `trueup money matches` tells.")],
    by: SaidByOption = "cli",
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take a match back: what it posted is posted back, and its rows are open again."""

    async def work(session: Session) -> tuple[Booked[BankMatch], dict[str, Any]]:
        async with session.connection() as conn:
            booked = await undo_match(conn, Desk(session.hub), ref, by=by, dry_run=dry_run)
            return booked, match_plain(booked.record, session.hub.names())

    _tell(*run(work, config_path=config, as_json=as_json), done="undone", as_json=as_json)


def matches(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show the matches that hold, the newest first, each with who said so and why."""

    async def work(session: Session) -> list[dict[str, Any]]:
        async with session.connection() as conn:
            names = session.hub.names()
            return [match_plain(each, names) for each in await list_matches(conn)]

    found = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"matches": found})
    elif not found:
        out.print("Nothing is matched yet: trueup reconcile bank.")
    else:
        table = Table("match", "payouts", "lines", "on", "by", "why")
        for each in found:
            sides = (escape("\n".join(each[side])) for side in ("payouts", "lines"))
            why = escape(f"{each['reason']}: {each['evidence']}")
            table.add_row(each["ref"], *sides, str(each["booked_on"]), escape(each["by"]), why)
        out.print(table)
    raise typer.Exit(DONE)


def _tell(
    booked: Booked[BankMatch], shown: dict[str, Any], *, done: str, as_json: bool
) -> NoReturn:
    if as_json:
        print_json(shown | {"repeated": booked.repeated, "dry_run": booked.dry_run})
    elif booked.repeated:
        out.print(f"{shown['ref']} was {done} before.")
    else:
        out.print(f"{shown['ref']} {'would be' if booked.dry_run else 'is'} {done}.")
    raise typer.Exit(DONE)


# -- what is found ---------------------------------------------------------------------------------


def reconcile_bank(*, book: bool, yes: bool, as_json: bool, config: Path | None) -> NoReturn:
    """Look at the bank, and book what was found where a person says --book and --yes."""

    async def work(session: Session) -> tuple[BankCheck, list[str]]:
        names = session.hub.names()
        async with session.connection() as conn:
            today = SystemClock().now().date()
            found = await check_bank(conn, names, today=today)
            if not book:
                return found, []
            if not yes:
                rows = await read_open(conn, names)
                return found, [match_found(rows, each).ref for each in found.matches]
            booked = await book_found(conn, Desk(session.hub), found.matches, names)
            return await check_bank(conn, names, today=today), [each.record.ref for each in booked]

    found, refs = run(work, config_path=config, as_json=as_json)
    dry_run = not yes
    if as_json:
        told = {"matches": found.matches, "values": found.values}
        print_json(
            plain(found.report) | told | ({"booked": refs, "dry_run": dry_run} if book else {})
        )
    else:
        _show(found, refs, book=book, dry_run=dry_run)
    raise typer.Exit(FOUND_PROBLEMS if found.report.discrepancies else DONE)


def _show(found: BankCheck, refs: list[str], *, book: bool, dry_run: bool) -> None:
    show_report(found.report)
    if found.matches:
        out.print(_table(found.matches))
    for value in found.values:
        out.print(
            f"{value.currency}: {value.paid_out:,f} paid out, {value.booked:,f} booked, "
            f"{value.found:,f} found, {value.in_transit:,f} on its way, "
            f"{value.unexplained:,f} not explained ({value.share:.2%} explained)"
        )
    if book and dry_run:
        out.print(f"Dry run: nothing was booked. {len(refs)} matches would be: add --yes.")
    elif book:
        out.print(f"{len(refs)} matches were booked; trueup money unmatch takes one back.")


def _table(found: tuple[Match, ...]) -> Table:
    table = Table("payout", "line", "why")
    for each in found:
        sides = ("\n".join(each.left), "\n".join(each.right))
        table.add_row(*(escape(side) for side in sides), f"{each.why}: {each.evidence}")
    return table
