"""`trueup reconcile`: do the books agree, and if not, why?"""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.contract.loader import ConnectorFolder
from trueup.errors import ConfigError
from trueup.intake.connections import find_account, load_accounts
from trueup.pull.access import open_access, what_lacks
from trueup.reconcile.books import check_books
from trueup.reconcile.levels import check_levels
from trueup.reconcile.report import Report
from trueup.session import Session

_WAIT_S = 60.0
LEVELS = "inventory_levels"


class Check(StrEnum):
    """What can be reconciled."""

    LEDGER = "ledger"
    STOCK = "stock"


def reconcile(
    check: Annotated[Check, typer.Argument(help="Only this check.")] = Check.LEDGER,
    connection: Annotated[
        str | None,
        typer.Option("--connection", help="Only this channel's stock.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Compare, name each difference with its cause and evidence, and repair nothing.

    `ledger` re-sums all postings; `stock` reads what every channel shows now. Ends with 1 where
    something differs.
    """

    async def work(session: Session) -> list[Report]:
        if check is Check.LEDGER:
            async with session.connection() as conn:
                return [await check_books(conn)]
        return await _stock(session, connection)

    report = _joined(check.value, run(work, config_path=config, as_json=as_json))
    if as_json:
        print_json(_plain(report))
    else:
        _show(report)
    raise typer.Exit(FOUND_PROBLEMS if report.discrepancies else DONE)


async def _stock(session: Session, name: str | None) -> list[Report]:
    async with session.connection() as conn:
        if name is not None:
            accounts = [await find_account(conn, session.hub.vault, name)]
        else:
            accounts = [
                account
                for account in await load_accounts(conn, session.hub.vault)
                if account.connection.state == "active"
            ]
    reports = []
    for account in accounts:
        folder = session.hub.connectors.get(account.connection.connector)
        if folder is None or not _tells_levels(folder) or what_lacks(folder, account):
            continue
        async with open_access(session.conninfo, session.hub, account, wait_s=_WAIT_S) as access:
            reports.append(await check_levels(access))
    if not reports:
        raise ConfigError("There is no channel whose stock could be read: trueup connect.")
    return reports


def _tells_levels(folder: ConnectorFolder) -> bool:
    """Whether a channel takes our stock and lists what stands there, so that both can be compared.

    Where it does not list it, each number that was sent is looked at again by the line itself.
    """
    resources = {resource.resource for resource in folder.manifest.pull}
    return folder.has("actions") and LEVELS in resources


def _joined(check: str, reports: list[Report]) -> Report:
    return Report(
        check=check,
        left=sum(report.left for report in reports),
        right=sum(report.right for report in reports),
        matched=sum(report.matched for report in reports),
        discrepancies=tuple(each for report in reports for each in report.discrepancies),
    )


def _plain(report: Report) -> dict[str, Any]:
    return {**msgspec.to_builtins(report), "explained_share": report.explained_share}


def _show(report: Report) -> None:
    out.print(f"{report.check}: {report.left} left, {report.right} right, {report.matched} match")
    if not report.discrepancies:
        out.print("[green]Everything agrees.[/]")
        return
    table = Table("cause", "by", "left", "right", "evidence")
    for each in report.discrepancies:
        cells = (each.left_ref or "", each.right_ref or "", "\n".join(each.evidence))
        table.add_row(each.cause, f"{each.amount:+d}", *(escape(cell) for cell in cells))
    out.print(table)
    out.print(f"{report.explained_share:.0%} of the differences have a cause.")
