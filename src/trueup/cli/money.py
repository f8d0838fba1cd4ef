"""`trueup money`: what the money ledger holds, and up to which day it is locked."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from trueup.catchup import CaughtUp, catch_up
from trueup.cli.matching import add_matching
from trueup.cli.options import ConfigOption, JsonOption, SaidByOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, err, out, print_json, run
from trueup.errors import ConfigError
from trueup.kernel.clock import SystemClock
from trueup.ledger.money import MoneyAccount
from trueup.ledger.money_book import list_locks, lock_money, money_balances, money_items
from trueup.session import Session

money = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="What the money ledger holds, what is matched, and up to which day it is locked.",
)


def read_day(text: str) -> date:
    """Return the day that a person wrote.

    Raises:
        ConfigError: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"{text!r} is no day: expected one such as 2026-10-31.",
            field="day",
            expected="a day such as 2026-10-31",
        ) from error


@money.command("balances")
def balances(
    until: Annotated[
        str | None, typer.Option("--until", help="The last day of booking that counts.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what every account holds, by connection and currency; above zero is a debit."""

    async def work(session: Session) -> list[dict[str, Any]]:
        names = session.hub.names()
        async with session.connection() as conn:
            rows = await money_balances(conn, until=None if until is None else read_day(until))
        return [
            {
                "account": row["account"],
                "connection": names.get(row["connection_id"], "removed"),
                "currency": row["currency"],
                "amount": row["amount"],
                "postings": row["postings"],
            }
            for row in rows
        ]

    found = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"balances": found})
    elif not found:
        out.print("Nothing was posted yet: connect a payment provider, or import its reports.")
    else:
        table = Table("account", "connection", "currency", "amount", "postings")
        for row in found:
            cells = (row["account"], escape(row["connection"]), row["currency"])
            table.add_row(*cells, f"{row['amount']:,f}", str(row["postings"]))
        out.print(table)
    raise typer.Exit(DONE)


@money.command("items")
def items(
    account: Annotated[MoneyAccount, typer.Argument(help="Of which account.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Also what came to nothing, as it should.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what is open on an account by item: a payout, a payment, an order, a bank's line."""

    async def work(session: Session) -> list[dict[str, Any]]:
        names = session.hub.names()
        async with session.connection() as conn:
            found = await money_items(conn, [account])
        return [
            {
                "connection": names.get(each.connection_id, "removed"),
                "item": each.item or None,
                "currency": each.currency,
                "amount": each.amount,
                "debits": each.debits,
                "credits": each.credits,
                "first_on": each.first_on,
                "last_on": each.last_on,
            }
            for each in found
            if everything or each.amount
        ]

    found = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"account": account.value, "items": found})
    elif not found:
        out.print("Nothing is open.")
    else:
        table = Table("connection", "item", "currency", "open", "debits", "credits", "since")
        for row in found:
            amounts = (f"{row[name]:,f}" for name in ("amount", "debits", "credits"))
            where = (escape(row["connection"]), escape(row["item"] or "(none)"), row["currency"])
            table.add_row(*where, *amounts, str(row["first_on"]))
        out.print(table)
    raise typer.Exit(DONE)


@money.command("lock")
def lock(
    through: Annotated[str, typer.Argument(help="The last locked day, such as 2026-10-31.")],
    by: SaidByOption = "cli",
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Lock the books up to a day. What is learned later of it is booked after it, and says so."""
    _lock(through, by=by, reason=reason, as_json=as_json, config=config)


@money.command("unlock")
def unlock(
    by: SaidByOption = "cli",
    reason: Annotated[str, typer.Option("--reason", help="Why.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Take the lock off again; what was booked after it meanwhile stays there."""
    _lock(None, by=by, reason=reason, as_json=as_json, config=config)


def _lock(through: str | None, *, by: str, reason: str, as_json: bool, config: Path | None) -> None:
    async def work(session: Session) -> list[dict[str, Any]]:
        day = None if through is None else read_day(through)
        async with session.connection() as conn:
            await lock_money(conn, day, by=by, today=SystemClock().now().date(), reason=reason)
            return await list_locks(conn)

    found = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"locked_through": through, "locks": found})
    else:
        out.print("Nothing is locked." if through is None else f"Locked through {through}.")
    raise typer.Exit(DONE)


@money.command("catch-up")
def catch_up_money(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Post the money of records from before this version, beside the workers.

    May be stopped at any time and run again: what was booked stays, and is not booked twice.
    """

    async def work(session: Session) -> CaughtUp:
        with Progress(
            TextColumn("records"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err,
            disable=as_json,
        ) as bars:
            bar = bars.add_task("records", total=None)

            def tell(walked: int, total: int) -> None:
                bars.update(bar, completed=walked, total=total)

            now = SystemClock().now()
            return await catch_up(session.conninfo, session.hub, now=now, progress=tell)

    found = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json(found)
    else:
        out.print(
            f"{found.records} records: {found.booked} entities booked again, {found.known} before."
        )
        if found.waiting:
            out.print("Some still wait on the queue: the workers go on with them.")
    raise typer.Exit(FOUND_PROBLEMS if found.waiting else DONE)


add_matching(money)
