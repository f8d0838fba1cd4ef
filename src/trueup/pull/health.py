"""Health of connections: when each last told us something, how its pulls and hooks stand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import psycopg

from trueup.db.rows import Row
from trueup.hub import Hub
from trueup.intake.connections import Account, load_accounts
from trueup.intake.duties import Duty, list_duties
from trueup.intake.reads import last_events
from trueup.outbox.reads import list_budgets
from trueup.pull.access import what_lacks
from trueup.pull.subscriptions import hook_url

Conn = psycopg.AsyncConnection[Any]


class Condition(StrEnum):
    """How a connection is."""

    HEALTHY = "healthy"
    FAILING = "failing"  # a duty failed, or the vendor refuses a topic
    IDLE = "idle"  # it can not be called; it only tells
    PAUSED = "paused"


class Hooks(msgspec.Struct, frozen=True, kw_only=True):
    """What a vendor was asked to tell us by itself.

    Attributes:
        url: where; None: it is only polled.
        registered: how many topics.
        refused: topics that the vendor does not tell, with why.
    """

    url: str | None
    registered: int
    refused: Mapping[str, str]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How one connection is.

    Attributes:
        poll_lag_s: since its oldest poll was done.
        failing: duties that failed the last time, with why.
        budgets: what may still be asked of the vendor, by scope.
        secrets: their names.
    """

    name: str
    connector: str
    state: str
    health: Condition
    last_event_at: datetime | None
    last_event_age_s: float | None
    last_poll_at: datetime | None
    poll_lag_s: float | None
    hooks: Hooks
    failing: Mapping[str, str]
    settings: Mapping[str, str]
    secrets: Sequence[str]
    budgets: Sequence[Row]


async def read_health(conn: Conn, hub: Hub, now: datetime) -> list[Health]:
    """Return how every connection is.

    Args:
        conn: any session.
        hub: vault and connectors.
        now: of the look.
    """
    accounts = await load_accounts(conn, hub.vault)
    duties = await list_duties(conn)
    budgets = await list_budgets(conn)
    latest: dict[int, datetime] = {}
    for row in await last_events(conn):
        number = row["connection_id"]
        latest[number] = max(latest.get(number, row["received_at"]), row["received_at"])
    found = []
    for account in accounts:
        number = account.connection.connection_id
        own = [duty for duty in duties if duty.connection_id == number]
        left = [row for row in budgets if row["connection_id"] == number]
        found.append(_health(hub, account, own, left, latest.get(number), now))
    return found


def _health(
    hub: Hub,
    account: Account,
    duties: Sequence[Duty],
    budgets: Sequence[Row],
    last_at: datetime | None,
    now: datetime,
) -> Health:
    connection = account.connection
    hooks: dict[str, Any] = {}
    for duty in duties:
        if duty.name == "hooks" and duty.outcome:
            hooks = msgspec.json.decode(duty.outcome)
    failing = {duty.name: duty.reason or "" for duty in duties if duty.failures}
    polls = [duty.done_at for duty in duties if duty.name.startswith("poll.") and duty.done_at]
    return Health(
        name=connection.name,
        connector=connection.connector,
        state=connection.state,
        health=_condition(hub, account, is_failing=bool(failing or hooks.get("refused"))),
        last_event_at=last_at,
        last_event_age_s=None if last_at is None else round((now - last_at).total_seconds(), 1),
        last_poll_at=max(polls, default=None),
        poll_lag_s=round((now - min(polls)).total_seconds(), 1) if polls else None,
        hooks=Hooks(
            url=hook_url(connection.settings, connection.name) or None,
            registered=len(hooks.get("registered", ())),
            refused=hooks.get("refused", {}),
        ),
        failing=failing,
        settings=connection.settings,
        secrets=sorted({secret.name for secret in account.secrets}),
        budgets=budgets,
    )


def _condition(hub: Hub, account: Account, *, is_failing: bool) -> Condition:
    if account.connection.state != "active":
        return Condition(account.connection.state)
    if is_failing:
        return Condition.FAILING
    folder = hub.connectors.get(account.connection.connector)
    can_be_called = folder is not None and folder.has("pull") and not what_lacks(folder, account)
    return Condition.HEALTHY if can_be_called else Condition.IDLE
