"""The page of connections: how every connected system is, and what to do where one is not well."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from trueup.api.guard import door_of
from trueup.console.readings import Readings, Session
from trueup.console.render import answer
from trueup.console.words import mark
from trueup.contract.calendar import Service, calendar_of
from trueup.hub import Hub
from trueup.pull.health import Condition, Health, read_health

Req = Request[Any, Any, Any]

_ENDS = frozenset((Service.ENDING, Service.ENDED))
_FIXES = {
    Condition.FAILING: mark(
        "See what failed; trueup doctor tells more. It is tried again by itself."
    ),
    Condition.PAUSED: mark(
        "It is paused: nothing is asked of it or told to it until it is resumed."
    ),
    Condition.IDLE: mark("It can not be called; it only takes in what is sent or imported."),
}


class BudgetRow(msgspec.Struct, frozen=True, kw_only=True):
    """What may still be asked of a vendor now; `share` of all, from 0 to 1."""

    scope: str
    left: int
    capacity: int
    share: float
    blocked_until: datetime | None


class ConnectionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One connection.

    Attributes:
        acts: what can be ordered there.
        poll_lag_s: since its oldest poll was done.
        served: until when the vendor serves the version that we speak, where that ends.
        to_do: what to do; empty where it is well.
    """

    name: str
    connector: str
    health: Condition
    acts: tuple[str, ...]
    last_event_at: datetime | None
    poll_lag_s: float | None
    hooks: int
    hooked: bool
    refused: Mapping[str, str]
    failing: Mapping[str, str]
    budgets: tuple[BudgetRow, ...]
    served: str
    to_do: str


class ConnectionsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Every connection, those that are not well first."""

    rows: tuple[ConnectionRow, ...]
    failing: int


@get(["/connections", "/connections.json"], right="connections.read")
async def show_connections(
    request: Req, session: NamedDependency[Session], readings: NamedDependency[Readings]
) -> Response[Any]:
    """Show how every connection is."""
    hub: Hub = request.app.state.hub
    now = door_of(request.app.state).clock.now()
    found = await readings.take("health of all", session, lambda s: read_health(s, hub, now))
    rows = [row_of(each, hub, now.date()) for each in found]
    rows.sort(key=lambda row: (row.health is not Condition.FAILING, row.name))
    failing = sum(row.health is Condition.FAILING for row in rows)
    return answer(request, "connections.html", ConnectionsPage(rows=tuple(rows), failing=failing))


def connections_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the page of connections."""
    return [show_connections]


def row_of(each: Health, hub: Hub, today: date) -> ConnectionRow:
    """Return how a connection is, as its card shows it. Pure."""
    folder = hub.connectors.get(each.connector)
    ending = [] if folder is None else calendar_of([folder.manifest], today)
    return ConnectionRow(
        name=each.name,
        connector=each.connector,
        health=each.health,
        acts=() if folder is None else tuple(act.name for act in folder.manifest.actions),
        last_event_at=each.last_event_at,
        poll_lag_s=each.poll_lag_s,
        hooks=each.hooks.registered,
        hooked=each.hooks.url is not None,
        refused=each.hooks.refused,
        failing=each.failing,
        budgets=tuple(
            BudgetRow(
                scope=row["scope"],
                left=int(row["available"]),
                capacity=int(row["capacity"]),
                share=round(max(0.0, min(1.0, row["available"] / row["capacity"])), 3),
                blocked_until=row["blocked_until"],
            )
            for row in each.budgets
            if row["capacity"]
        ),
        served=next((entry.told for entry in ending if entry.service in _ENDS), ""),
        to_do=_FIXES.get(each.health, ""),
    )
