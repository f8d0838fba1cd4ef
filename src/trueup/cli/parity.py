"""`trueup reconcile parity`: look at every channel now, and let the outbox mend what differs."""

import msgspec
from rich.markup import escape
from rich.table import Table

from trueup.cli.session import out
from trueup.db.pool import connect
from trueup.errors import ConfigError
from trueup.intake.connections import Account, find_account, load_accounts
from trueup.intake.partitions import hold_pull
from trueup.pull.access import open_access, what_lacks
from trueup.reconcile.parity import Wanted, plan_of_parity, round_of_parity
from trueup.reconcile.reads import report_of_parity
from trueup.reconcile.report import Report
from trueup.reconcile.trail import Repair
from trueup.session import Session

_WAIT_S = 60.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What looking found.

    Attributes:
        repairs: what was done about it, or would be.
        tended: channels that the scheduler looks at just now: theirs is what it saw last.
    """

    report: Report
    repairs: tuple[tuple[str, Repair], ...] = ()
    repaired: bool = False
    tended: tuple[str, ...] = ()


async def reconcile_parity(
    session: Session, name: str | None, *, repair: bool, dry_run: bool
) -> Outcome:
    """Look at channels and report; with `repair` the outbox mends, but for a dry run."""
    accounts = await _accounts(session, name)
    repairs: list[tuple[str, Repair]] = []
    tended = []
    for account in accounts:
        if await _is_tended(session, account):
            tended.append(account.connection.name)
            continue
        async with open_access(session.conninfo, session.hub, account, wait_s=_WAIT_S) as access:
            if repair:
                _, planned = await plan_of_parity(access)
                repairs += [(account.connection.name, each) for each in planned]
            wanted = Wanted(everything=True, repair=repair and not dry_run)
            await round_of_parity(access, wanted)
    if repair and tended and len(tended) == len(accounts):
        raise ConfigError(
            "The scheduler looks at these channels and mends them by itself, a few each minute: "
            + ", ".join(tended)
        )
    names = {a.connection.connection_id: a.connection.name for a in accounts}
    only = accounts[0].connection.connection_id if name is not None else None
    async with session.connection() as conn:
        report = await report_of_parity(conn, names, connection_id=only)
    return Outcome(
        report=report,
        repairs=tuple(repairs),
        repaired=repair and not dry_run,
        tended=tuple(tended),
    )


async def _accounts(session: Session, name: str | None) -> list[Account]:
    async with session.connection() as conn:
        if name is not None:
            accounts = [await find_account(conn, session.hub.vault, name)]
        else:
            accounts = await load_accounts(conn, session.hub.vault)
    usable = []
    for account in accounts:
        folder = session.hub.connectors.get(account.connection.connector)
        told = session.hub.stock_location(account.connection.connection_id) is not None
        active = account.connection.state == "active" and told
        if active and folder is not None and not what_lacks(folder, account):
            usable.append(account)
    if not usable:
        raise ConfigError(
            "There is no channel that is told stock: connect one, and name its stock_location."
        )
    return usable


async def _is_tended(session: Session, account: Account) -> bool:
    """Whether the scheduler holds the account: then it looks at it every minute."""
    async with await connect(session.conninfo, application_name="trueup-parity") as conn:
        return not await hold_pull(conn, account.connection.connection_id)


def show_outcome(outcome: Outcome) -> None:
    """Print what was found, for people."""
    report = outcome.report
    out.print(
        f"{report.check}: {report.left} listings, {report.right} looked at, {report.matched} agree"
    )
    for name in outcome.tended:
        out.print(f"[yellow]{escape(name)}[/]: the scheduler is at it; this is what it saw last")
    if not report.discrepancies:
        out.print("[green]Every channel shows what shall stand there.[/]")
    else:
        table = Table("cause", "by", "what", "where", "evidence")
        for each in report.discrepancies:
            cells = (each.left_ref or "", each.right_ref or "", "\n".join(each.evidence))
            table.add_row(each.cause, f"{each.amount:+d}", *(escape(cell) for cell in cells))
        out.print(table)
        out.print(f"{report.explained_share:.0%} of the differences have a cause.")
    verb = "done" if outcome.repaired else "would be done"
    for name, repair in outcome.repairs:
        where = escape(f"{repair.sku} at {name}")
        out.print(f"  {verb}: {_WHAT[repair.action]} {where} ({repair.cause.value})")


_WHAT = {
    "read": "read the order of",
    "noted": "tell the outbox what stands there of",
    "revived": "try again to say the number of",
    "hastened": "try at once to say the number of",
}
