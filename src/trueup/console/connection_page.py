"""The page of one connection: what happened since it was connected, and how it is paused."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from trueup.access.trail import Did, newest_about, note_deed_of
from trueup.api.guard import doer_of, door_of
from trueup.api.reading import write_session
from trueup.console.connections_page import ConnectionRow, row_of
from trueup.console.forms import read_form
from trueup.console.readings import Session
from trueup.console.render import answer
from trueup.console.setting_up import Seen, Step, steps_of
from trueup.errors import ConfigError
from trueup.hub import Hub
from trueup.intake.connections import Account, find_account
from trueup.intake.reads import last_events
from trueup.pull.access import what_lacks
from trueup.pull.health import Health, read_health
from trueup.pull.joining import STATES, set_state
from trueup.pull.progress import Progress, read_progress
from trueup.records.listings import count_listings

_log = structlog.get_logger("trueup.console")

Req = Request[Any, Any, Any]

_DID: Final = {"pause": Did.PAUSED, "resume": Did.RESUMED}
_DONE: Final = {
    "connected": "It was tried, and it works. What happens next stands below.",
    "pause": "It is paused: nothing is asked of it or told to it, and its deliveries are refused.",
    "resume": "It is taken up again. What it missed is read by its next polls.",
}


class ConnectionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One connection.

    Attributes:
        row: how it is.
        steps: what happens after it was connected, and what is still to be done.
        progress: how far its history was read.
        settings: as they are, without secrets.
        secrets: names of those that are kept.
        changing: what is shown changes by itself within seconds.
        refused: why what was asked for was not done.
        first_by, first_at: who had done it before, and when.
    """

    row: ConnectionRow
    vendor: str
    steps: tuple[Step, ...]
    progress: Progress
    settings: Mapping[str, str]
    secrets: tuple[str, ...]
    changing: bool
    told: str = ""
    refused: str = ""
    first_by: str = ""
    first_at: datetime | None = None


@get("/connections/{name:str}", right="connections.read")
async def show_connection(
    request: Req,
    session: NamedDependency[Session],
    name: FromPath[str],
    done: Annotated[str, QueryParameter(max_length=20, required=False)] = "",
) -> Response[Any]:
    """Show how one connection is, and how far setting it up has come."""
    page = await _read(request, session, name.removesuffix(".json"))
    page = msgspec.structs.replace(page, told=_DONE.get(done, ""))
    return answer(request, "connection.html", page)


@post("/connections/{name:str}", status_code=303, right="connections.decide")
async def change_connection(
    request: Req, name: FromPath[str], data: URLEncodedBody[dict[str, Any]]
) -> Response[Any]:
    """Pause a connection, or take it up again; who is too late is told who was first."""
    do, hub = read_form(data).get("do", ""), request.app.state.hub
    if do not in STATES:
        raise ValidationException("Say what shall be done.")
    at, about = door_of(request.app.state).clock.now(), f"connection/{name}"
    async with write_session(request.app.state) as session:
        account = await _find(session, hub, name)
        async with session.transaction():
            changed = await set_state(session, account, do)
            if changed:
                await note_deed_of(session, doer_of(request), _DID[do], at=at, about=about)
        if not changed:
            first = await newest_about(session, about, [_DID[do]])
            word = STATES[do][1]
            page = msgspec.structs.replace(
                await _read(request, session, name),
                refused=f"It is {word} already.",
                first_by=first["who"] if first else "",
                first_at=first["at"] if first else None,
            )
            return answer(request, "connection.html", page, status=409)
    _log.info("connection_changed", connection=name, do=do)
    return Redirect(f"/connections/{name}?done={do}", status_code=303)


def connection_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the page of one connection."""
    return [show_connection, change_connection]


async def _find(session: Session, hub: Hub, name: str) -> Account:
    try:
        return await find_account(session, hub.vault, name)
    except ConfigError as error:
        raise NotFoundException("There is no such connection.") from error


async def _read(request: Req, session: Session, name: str) -> ConnectionPage:
    hub: Hub = request.app.state.hub
    account = await _find(session, hub, name)
    now = door_of(request.app.state).clock.now()
    found = await read_health(session, hub, now)
    health = next(each for each in found if each.name == name)
    progress = await read_progress(session, hub, account, now)
    seen = await _seen(session, hub, account, health)
    folder = hub.connectors.get(account.connection.connector)
    steps = steps_of(folder, account, health, progress, seen) if folder else ()
    return ConnectionPage(
        row=row_of(health, hub, now.date()),
        vendor=folder.manifest.name if folder else account.connection.connector,
        steps=steps,
        progress=progress,
        settings=account.connection.settings,
        secrets=tuple(health.secrets),
        changing=_is_changing(account, progress, steps),
    )


async def _seen(session: Session, hub: Hub, account: Account, health: Health) -> Seen:
    number, folder = (
        account.connection.connection_id,
        hub.folder_of(account.connection.connection_id),
    )
    rows = [row for row in await last_events(session) if row["connection_id"] == number]
    heard = [row["received_at"] for row in rows if row["origin"] == "webhook"]
    folder = folder or hub.connectors.get(account.connection.connector)
    return Seen(
        last_event_at=health.last_event_at,
        heard_at=max(heard, default=None),
        listings=await count_listings(session, number),
        lacks="" if folder is None or not folder.has("api") else what_lacks(folder, account),
    )


def _is_changing(account: Account, progress: Progress, steps: tuple[Step, ...]) -> bool:
    active = account.connection.state == "active"
    return active and (progress.running or any(step.state == "doing" for step in steps))
