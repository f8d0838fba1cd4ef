"""`trueup connections`: every connection with its health."""

from datetime import datetime
from typing import Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from trueup.cli.options import ConfigOption, JsonOption
from trueup.cli.session import DONE, FOUND_PROBLEMS, out, print_json, run
from trueup.intake.connections import Account, load_accounts
from trueup.intake.duties import Duty, list_duties
from trueup.intake.reads import last_events
from trueup.kernel.clock import SystemClock
from trueup.outbox.reads import list_budgets
from trueup.pull.access import what_lacks
from trueup.pull.subscriptions import hook_url
from trueup.session import Session

Facts = dict[str, Any]


def connections(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the connections: when each last told us something, and how its pulls and hooks stand.

    Ends with 1 where one is not healthy.
    """
    found = run(read_connections, config_path=config, as_json=as_json)
    if as_json:
        print_json({"connections": found})
    else:
        table = Table("name", "connector", "state", "health", "last event", "hooks", "trouble")
        for one in found:
            hooks = f"{one['hooks']['registered']} at {one['hooks']['url']}"
            table.add_row(
                one["name"],
                one["connector"],
                one["state"],
                one["health"],
                _ago(one["last_event_age_s"]),
                hooks if one["hooks"]["url"] else "polls only",
                "\n".join(escape(f"{name}: {why}") for name, why in one["failing"].items()),
            )
        out.print(table)
    bad = any(one["health"] == "failing" for one in found)
    raise typer.Exit(FOUND_PROBLEMS if bad else DONE)


async def read_connections(session: Session) -> list[Facts]:
    """Return every connection with its health."""
    now = SystemClock().now()
    async with session.connection() as conn:
        accounts = await load_accounts(conn, session.hub.vault)
        duties = await list_duties(conn)
        events = await last_events(conn)
        budgets = await list_budgets(conn)
    latest: dict[int, datetime] = {}
    for row in events:
        number = row["connection_id"]
        latest[number] = max(latest.get(number, row["received_at"]), row["received_at"])
    return [
        _facts(
            session,
            account,
            [d for d in duties if d.connection_id == account.connection.connection_id],
            latest.get(account.connection.connection_id),
            now,
        )
        | {
            "budgets": [
                b for b in budgets if b["connection_id"] == account.connection.connection_id
            ]
        }
        for account in accounts
    ]


def _facts(
    session: Session,
    account: Account,
    duties: list[Duty],
    last_at: datetime | None,
    now: datetime,
) -> Facts:
    connection = account.connection
    folder = session.hub.connectors.get(connection.connector)
    hooks: Facts = {}
    for duty in duties:
        if duty.name == "hooks" and duty.outcome:
            hooks = msgspec.json.decode(duty.outcome)
    failing = {duty.name: duty.reason for duty in duties if duty.failures}
    callable_ = folder is not None and folder.has("pull") and not what_lacks(folder, account)
    health = "idle" if not callable_ else "healthy"
    if connection.state != "active":
        health = connection.state
    elif failing or hooks.get("refused"):
        health = "failing"
    polls = [duty.done_at for duty in duties if duty.name.startswith("poll.") and duty.done_at]
    return {
        "name": connection.name,
        "connector": connection.connector,
        "state": connection.state,
        "health": health,
        "last_event_at": last_at,
        "last_event_age_s": None if last_at is None else round((now - last_at).total_seconds(), 1),
        "last_poll_at": max(polls, default=None),
        "poll_lag_s": round((now - min(polls)).total_seconds(), 1) if polls else None,
        "hooks": {
            "url": hook_url(connection.settings, connection.name) or None,
            "registered": len(hooks.get("registered", ())),
            "refused": hooks.get("refused", {}),
        },
        "failing": failing,
        "settings": connection.settings,
        "secrets": sorted({secret.name for secret in account.secrets}),
    }


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
