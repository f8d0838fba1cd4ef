"""`trueup reconcile`: do the books agree, and if not, why?"""

from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from trueup.cli.matching import reconcile_bank
from trueup.cli.options import ConfigOption, JsonOption, YesOption
from trueup.cli.parity import Outcome, reconcile_parity, show_outcome
from trueup.cli.reports import show_report, show_reports
from trueup.cli.session import DONE, FOUND_PROBLEMS, print_json, run
from trueup.contract.loader import ConnectorFolder
from trueup.errors import ConfigError
from trueup.intake.connections import find_account, load_accounts
from trueup.kernel.clock import SystemClock
from trueup.pull.access import open_access, what_lacks
from trueup.reconcile import checks
from trueup.reconcile.levels import check_levels
from trueup.reconcile.money.model import By
from trueup.reconcile.reads import plain
from trueup.reconcile.report import Report
from trueup.session import Session

_WAIT_S = 60.0
LEVELS = "inventory_levels"


STOCK, PARITY, ALL = "stock", "parity", "all"
_NAMES = (*checks.Check, STOCK, PARITY, ALL)
"""What can be reconciled: what the hub's books say, and what channels show now."""


def _named(text: str) -> str:
    if text not in _NAMES:
        raise typer.BadParameter(f"There is no check {text!r}; there are: {', '.join(_NAMES)}.")
    return text


def reconcile(
    check: Annotated[
        str,
        typer.Argument(help=f"One of: {', '.join(_NAMES)}.", parser=_named, metavar="[CHECK]"),
    ] = checks.Check.LEDGER.value,
    connection: Annotated[
        str | None,
        typer.Option(
            "--connection", help="Only this channel's stock, or payouts.", show_default=False
        ),
    ] = None,
    by: Annotated[
        By | None,
        typer.Option(
            "--by", help="Each hour or day too, where a check has sums.", show_default=False
        ),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Parity only: let the outbox mend what differs.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --repair: say what would be done, do nothing.")
    ] = False,
    book: Annotated[
        bool, typer.Option("--book", help="Bank only: say what would be booked; --yes books it.")
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Compare, and name each difference with its cause and evidence."""
    if check == PARITY:
        _parity(connection, repair=repair, dry_run=dry_run, yes=yes, as_json=as_json, config=config)
    if check == checks.Check.BANK:
        reconcile_bank(book=book, yes=yes, as_json=as_json, config=config)
    if check == ALL:
        _all(as_json=as_json, config=config)
    if book:
        raise typer.BadParameter("Only matches are booked: trueup reconcile bank --book.")
    if repair or dry_run:
        raise typer.BadParameter("Only parity can be repaired: trueup reconcile parity --repair.")

    async def work(session: Session) -> Report:
        if check == STOCK:
            return _joined(check, await _stock(session, connection))
        return await _checked(session, checks.Check(check), connection, by)

    report = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json(plain(report))
    else:
        show_report(report)
    raise typer.Exit(FOUND_PROBLEMS if report.discrepancies else DONE)


reconcile.__doc__ = f"""{reconcile.__doc__}

{"; ".join(f"`{each}` {does}" for each, does in checks.DOES.items())}; `stock` reads what \
every channel shows now; `parity` says why a listing does not show what it shall. `all` gives each \
check of the books a line. Only what `parity --repair` and `bank --book --yes` name is done. Ends \
with 1 where something differs.
"""


def _parity(
    connection: str | None,
    *,
    repair: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    config: Path | None,
) -> NoReturn:
    """Look, plan, ask, and mend; a program must say --yes, so that a plan is never a deed."""

    def look(*, only_plan: bool) -> Outcome:
        async def work(session: Session) -> Outcome:
            return await reconcile_parity(session, connection, repair=repair, dry_run=only_plan)

        return run(work, config_path=config, as_json=as_json)

    outcome = look(only_plan=dry_run or not yes)
    if not as_json:
        show_outcome(outcome)
        asks = repair and not dry_run and not yes and outcome.repairs
        if asks and typer.confirm("Shall this be done?"):
            outcome = look(only_plan=False)
            show_outcome(outcome)
    else:
        repairs = [
            {"connection": name, **msgspec.to_builtins(each)} for name, each in outcome.repairs
        ]
        document = plain(outcome.report) | {"repairs": repairs, "repaired": outcome.repaired}
        print_json(document | {"tended": outcome.tended})
    raise typer.Exit(FOUND_PROBLEMS if outcome.report.discrepancies else DONE)


async def _checked(
    session: Session, check: checks.Check, name: str | None, by: By | None
) -> Report:
    async with session.connection() as conn:
        number = None
        if name is not None:
            number = (await find_account(conn, session.hub.vault, name)).connection.connection_id
        ask = checks.Ask(now=SystemClock().now(), connection_id=number, by=by)
        return (await checks.run_checks(conn, session.hub, ask, check))[check]


def _all(*, as_json: bool, config: Path | None) -> NoReturn:
    """Run every check of the books."""

    async def work(session: Session) -> list[Report]:
        async with session.connection() as conn:
            ask = checks.Ask(now=SystemClock().now())
            return list((await checks.run_checks(conn, session.hub, ask)).values())

    reports = run(work, config_path=config, as_json=as_json)
    if as_json:
        print_json({"checks": [plain(report) for report in reports]})
    else:
        show_reports(reports)
    raise typer.Exit(FOUND_PROBLEMS if any(each.discrepancies for each in reports) else DONE)


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
        share=reports[0].share if len(reports) == 1 else None,
    )
