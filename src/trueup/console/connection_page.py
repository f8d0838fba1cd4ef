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
from trueup.console.connect_page import VALUE_CHARS_MAX, ConnectDesk, try_account
from trueup.console.connections_page import ConnectionRow, row_of
from trueup.console.forms import read_form
from trueup.console.readings import Session
from trueup.console.render import answer
from trueup.console.setting_up import Seen, Step, steps_of
from trueup.console.trouble import explain
from trueup.console.words import mark, said, say
from trueup.contract.loader import ConnectorFolder
from trueup.contract.manifest import ConfigField
from trueup.errors import ConfigError, HubError
from trueup.hub import Hub
from trueup.intake.connections import Account, find_account
from trueup.intake.reads import last_events
from trueup.outbox.exchange import token_scheme
from trueup.pull.access import what_lacks
from trueup.pull.draft import Draft, check_value, renew_connection
from trueup.pull.health import Health, read_health
from trueup.pull.joining import STATES, set_state
from trueup.pull.progress import Progress, read_progress
from trueup.records.listings import count_listings

_log = structlog.get_logger("trueup.console")

Req = Request[Any, Any, Any]

_DID: Final = {"pause": Did.PAUSED, "resume": Did.RESUMED}
_DONE: Final = {
    "connected": mark("It was tried, and it works. What happens next stands below."),
    "kept": mark("It is kept. What happens next stands below."),
    "pause": mark(
        "It is paused: nothing is asked of it or told to it, and its deliveries are refused."
    ),
    "secret": mark("The new secret is kept. The one before still verifies deliveries for a week."),
    "resume": mark("It is taken up again. What it missed is read by its next polls."),
}


class SecretField(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that the connection may have; `kept`: it has one."""

    key: str
    label: str
    help: str
    kept: bool


class ConnectionPage(msgspec.Struct, frozen=True, kw_only=True):
    """One connection.

    Attributes:
        row: how it is.
        steps: what happens after it was connected, and what is still to be done.
        progress: how far its history was read.
        settings: as they are, without secrets.
        secrets: names of those that are kept.
        fields: secrets that can be given, or given anew.
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
    fields: tuple[SecretField, ...]
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
                refused=say("It is %(state)s already.", state=said(word)),
                first_by=first["who"] if first else "",
                first_at=first["at"] if first else None,
            )
            return answer(request, "connection.html", page, status=409)
    _log.info("connection_changed", connection=name, do=do)
    return Redirect(f"/connections/{name}?done={do}", status_code=303)


@post("/connections/{name:str}/secret", status_code=303, right="connections.decide")
async def give_secret(
    request: Req,
    connect_desk: NamedDependency[ConnectDesk],
    name: FromPath[str],
    data: URLEncodedBody[dict[str, Any]],
) -> Response[Any]:
    """Keep a new secret of a connection, once the account was tried with it."""
    hub: Hub = request.app.state.hub
    form = read_form(data, {"value": VALUE_CHARS_MAX})
    key, value = form.get("field", ""), form.get("value", "").strip()
    async with connect_desk.tries, write_session(request.app.state) as session:
        account = await _find(session, hub, name)
        folder = hub.connectors.get(account.connection.connector)
        field = None if folder is None else secret_field(folder, key)
        if folder is None or field is None or not value:
            raise ValidationException("Say which secret, and what it is.")
        draft = draft_with(account, key, value)
        try:
            check_value(field, value)
            if is_tried(folder, account, key):
                draft, _ = await try_account(session, hub, folder, draft)
        except (HubError, TimeoutError) as error:
            trouble = explain(error, folder, draft)
            page = msgspec.structs.replace(
                await _read(request, session, name),
                refused=f"The secret was not kept. {trouble.said} {trouble.mend}".strip(),
            )
            return answer(request, "connection.html", page, status=409)
        at, about = door_of(request.app.state).clock.now(), f"connection/{name} {key}"
        async with session.transaction():
            await renew_connection(session, hub, account, draft)
            await note_deed_of(session, doer_of(request), Did.GAVE_SECRET, at=at, about=about)
    _log.info("secret_given", connection=name, field=key)
    return Redirect(f"/connections/{name}?done=secret", status_code=303)


def secret_field(folder: ConnectorFolder, key: str) -> ConfigField | None:
    """Return a secret of the manifest; None where it has none of this name. Pure."""
    fields = (field for field in folder.manifest.config if field.is_secret)
    return next((field for field in fields if field.key == key), None)


def draft_with(account: Account, key: str, value: str) -> Draft:
    """Return a connection as it is but for one secret. Pure."""
    connection = account.connection
    return Draft(
        name=connection.name,
        connector=connection.connector,
        settings=connection.settings,
        secrets=account.secret_values() | {key: value},
    )


def is_tried(folder: ConnectorFolder, account: Account, key: str) -> bool:
    """Tell whether an account is tried with a new secret: not where it only verifies deliveries."""
    webhook = folder.manifest.webhook
    verifies = webhook is not None and key in webhook.secrets
    return folder.has("api") and not (verifies and token_scheme(folder, account) is None)


def connection_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the page of one connection."""
    return [show_connection, change_connection, give_secret]


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
        fields=_fields(folder, account) if folder else (),
        changing=_is_changing(account, progress, steps),
    )


def _fields(folder: ConnectorFolder, account: Account) -> tuple[SecretField, ...]:
    known = account.secret_values()
    return tuple(
        SecretField(key=each.key, label=each.label, help=each.help, kept=each.key in known)
        for each in folder.manifest.config
        if each.is_secret
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
