"""The pages where an account is connected: what can be, and a form out of the connector's facts.

An account is tried before anything of it is kept. A secret is never put into a page, also not into
the one that says what went wrong.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from trueup.access.trail import Did, note_deed_of
from trueup.api.guard import doer_of, door_of
from trueup.api.reading import write_session
from trueup.console.connect_form import (
    ConnectPage,
    check_reach,
    draft_of,
    form_page,
    free_name,
    host_of,
    typed_of,
)
from trueup.console.forms import read_form
from trueup.console.readings import Session
from trueup.console.render import answer, html
from trueup.console.trouble import Trouble, explain
from trueup.console.words import mark
from trueup.contract.loader import ConnectorFolder
from trueup.errors import ConfigError, HubError
from trueup.hub import OWN_CONNECTOR, Hub
from trueup.intake.connections import find_account
from trueup.intake.reads import name_connections
from trueup.pull.consent import (
    CONSENT_S,
    Pending,
    grant_by_code,
    grant_by_secrets,
    needs_person,
    open_consent,
    take_answer,
)
from trueup.pull.draft import Checked, Draft, check_fields, store_draft, try_draft
from trueup.pull.joining import is_stored, open_places, with_location

_log = structlog.get_logger("trueup.console")

Req = Request[Any, Any, Any]

VALUE_CHARS_MAX: Final = 8000
TRY_S_MAX: Final = 40.0
TRIES_AT_ONCE: Final = 3
"""Accounts tried at once by one process: a vendor that is silent holds a session of the pool."""

_KINDS: Final[Mapping[str, str]] = {
    "storefront": mark("Shops"),
    "marketplace": mark("Marketplaces"),
    "payments": mark("Payments"),
    "bank": mark("Bank"),
    "carrier": mark("Carriers"),
    "erp": mark("ERP and accounting"),
    "helpdesk": mark("Helpdesks"),
    "crm": mark("CRM and marketing"),
    "messaging": mark("Messages"),
    "ads": mark("Advertising"),
    "files": mark("Files"),
}


class ConnectDesk:
    """What the forms of one process share: how many accounts are tried at once."""

    def __init__(self) -> None:
        self.tries = asyncio.Semaphore(TRIES_AT_ONCE)


class ConnectorCard(msgspec.Struct, frozen=True, kw_only=True):
    """A system that can be connected.

    Attributes:
        reads: what of it is read.
        acts: what can be ordered there.
        files: formats of files that can be imported.
        connected: names of the connections that there are.
    """

    connector: str
    name: str
    reads: tuple[str, ...]
    acts: tuple[str, ...]
    files: tuple[str, ...]
    connected: tuple[str, ...]


class KindCards(msgspec.Struct, frozen=True, kw_only=True):
    """Systems that are for the same."""

    kind: str
    label: str
    cards: tuple[ConnectorCard, ...]


class ConnectorsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be connected, by what it is for."""

    kinds: tuple[KindCards, ...]


class SignInPage(msgspec.Struct, frozen=True, kw_only=True):
    """Where somebody is sent to sign in at a vendor, and comes back from.

    Attributes:
        address: at the vendor.
        redirect_uri: which the app at the vendor must allow.
        minutes: for how long the link is good.
        waited: it was asked whether somebody came back, and nobody had.
    """

    connector: str
    vendor: str
    address: str
    redirect_uri: str
    minutes: int
    waited: bool


@get(["/connect", "/connect.json"], right="connections.decide")
async def show_connectors(request: Req, session: NamedDependency[Session]) -> Response[Any]:
    """Show what can be connected."""
    hub: Hub = request.app.state.hub
    connected: dict[str, list[str]] = {}
    for row in await name_connections(session):
        connected.setdefault(row["connector"], []).append(row["name"])
    kinds = tuple(
        KindCards(kind=kind, label=label, cards=cards)
        for kind, label in _KINDS.items()
        if (cards := _cards(hub, kind, connected))
    )
    return answer(request, "connectors.html", ConnectorsPage(kinds=kinds))


@get("/connect/{connector:str}", right="connections.decide")
async def show_form(
    request: Req, session: NamedDependency[Session], connector: FromPath[str]
) -> Response[Any]:
    """Show the form that connects an account of a vendor."""
    folder = _folder(request.app.state.hub, connector.removesuffix(".json"))
    taken = {row["name"] for row in await name_connections(session)}
    return answer(request, "connect.html", form_page(folder, {"name": free_name(folder, taken)}))


@post("/connect/{connector:str}", status_code=303, right="connections.decide")
async def connect_account(
    request: Req,
    connect_desk: NamedDependency[ConnectDesk],
    connector: FromPath[str],
    data: URLEncodedBody[dict[str, Any]],
) -> Response[Any]:
    """Try an account, and keep it where it works."""
    folder = _folder(request.app.state.hub, connector)
    given = read_form(data, dict.fromkeys(data, VALUE_CHARS_MAX))
    form = {name: value.strip() for name, value in given.items()}
    draft = draft_of(folder, form)
    async with connect_desk.tries, write_session(request.app.state) as session:
        try:
            name = await _connect(request, session, folder, draft)
        except _SignIn as found:
            return _sign_in_page(request, folder, found.pending)
        except _Places as found:
            page = form_page(folder, form, found.trouble, found.places)
        except (HubError, TimeoutError) as error:
            if await _is_there(request, session, draft):
                return Redirect(f"/connections/{draft.name}", status_code=303)
            page = form_page(folder, form, explain(error, folder, draft))
        else:
            done = "connected" if folder.has("api") else "kept"
            return Redirect(f"/connections/{name}?done={done}", status_code=303)
    return _answer(request, page)


async def try_account(
    session: Session, hub: Hub, folder: ConnectorFolder, draft: Draft
) -> tuple[Draft, Checked]:
    """Have a token handed out where one is needed, and prove the credentials; stores nothing.

    Raises:
        ConfigError, ConnectorError, TimeoutError: it does not work.
    """
    check_fields(folder, draft)
    async with asyncio.timeout(TRY_S_MAX):
        if folder.has("auth") and draft.token is None:
            draft = await grant_by_secrets(hub, draft)
        return draft, await try_draft(session, hub, draft)


class _SignIn(Exception):
    """Somebody has to sign in at the vendor first."""

    def __init__(self, pending: Pending) -> None:
        super().__init__("somebody has to sign in")
        self.pending = pending


class _Places(Exception):
    """It works, but stock could be written at several places."""

    def __init__(self, trouble: Trouble, places: dict[str, str]) -> None:
        super().__init__(trouble.said)
        self.trouble, self.places = trouble, places


async def _connect(request: Req, session: Session, folder: ConnectorFolder, draft: Draft) -> str:
    """Try a draft and store it; returns the connection's name.

    Raises:
        ConfigError, ConnectorError, TimeoutError: it does not work.
        _Places: a person must choose.
        _SignIn: somebody has to sign in at the vendor.
    """
    hub: Hub = request.app.state.hub
    check_reach(folder, draft)
    if await _is_there(request, session, draft):
        return draft.name
    check_fields(folder, draft)
    if folder.has("auth") and needs_person(folder, draft):
        base = draft.settings.get("public_url") or str(request.base_url)
        raise _SignIn(await open_consent(session, hub, draft, base))
    return await keep_account(request, session, folder, draft)


async def keep_account(
    request: Req, session: Session, folder: ConnectorFolder, draft: Draft
) -> str:
    """Try an account that nobody has to sign in for any more, and store it; returns its name.

    Raises:
        ConfigError, ConnectorError, TimeoutError: it does not work.
        _Places: a person must choose.
    """
    hub: Hub = request.app.state.hub
    draft, checked = await try_account(session, hub, folder, draft)
    if places := open_places(folder, draft, checked):
        trouble = Trouble(
            code="",
            said=f"{folder.manifest.name} lets us in. It has several places where stock lies.",
            mend="Choose the one at which the hub writes stock.",
            field="stock_location",
        )
        raise _Places(trouble, places)
    draft = with_location(folder, draft, checked)
    async with session.transaction():
        await store_draft(session, hub, draft)
        at, about = door_of(request.app.state).clock.now(), f"connection/{draft.name} ({folder.id})"
        await note_deed_of(session, doer_of(request), Did.CONNECTED, at=at, about=about)
    _log.info("connected", connection=draft.name, connector=folder.id)
    return draft.name


async def _is_there(request: Req, session: Session, draft: Draft) -> bool:
    """Tell whether what a draft asks for stands already: the form was sent twice."""
    hub: Hub = request.app.state.hub
    try:
        account = await find_account(session, hub.vault, draft.name)
    except ConfigError:
        return False
    return is_stored(draft, account)


@post("/connect/{connector:str}/finish", status_code=303, right="connections.decide")
async def finish_sign_in(
    request: Req,
    connect_desk: NamedDependency[ConnectDesk],
    connector: FromPath[str],
    data: URLEncodedBody[dict[str, Any]],
) -> Response[Any]:
    """Go on once somebody agreed at the vendor: swap the code, try the account, keep it."""
    hub: Hub = request.app.state.hub
    folder = _folder(hub, connector)
    form = read_form(data, {"address": VALUE_CHARS_MAX, "redirect_uri": VALUE_CHARS_MAX})
    pending = Pending(
        state=form.get("state", ""),
        address=form.get("address", ""),
        redirect_uri=form.get("redirect_uri", ""),
    )
    draft = Draft(name="", connector=folder.id, settings={}, secrets={})
    async with connect_desk.tries, write_session(request.app.state) as session:
        try:
            taken = await take_answer(session, hub, pending.state)
            if taken is None:
                return _sign_in_page(request, folder, pending, waited=True)
            draft, answer = taken
            if draft.connector != folder.id:
                raise NotFoundException("There is no such sign-in.")
            draft = await grant_by_code(hub, draft, pending, answer)
            name = await keep_account(request, session, folder, draft)
        except _Places as found:
            page = form_page(folder, typed_of(draft), found.trouble, found.places)
        except (HubError, TimeoutError) as error:
            page = form_page(folder, typed_of(draft), explain(error, folder, draft))
        else:
            return Redirect(f"/connections/{name}?done=connected", status_code=303)
    return _answer(request, page)


def connect_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the pages where an account is connected."""
    return [show_connectors, show_form, connect_account, finish_sign_in]


def _answer(request: Req, page: ConnectPage) -> Response[Any]:
    """Return the form with what is wrong."""
    code = page.trouble.code if page.trouble else ""
    _log.info("not_connected", connector=page.connector, code=code)
    return answer(request, "connect.html", page, status=409)


def _sign_in_page(
    request: Req, folder: ConnectorFolder, pending: Pending, *, waited: bool = False
) -> Response[Any]:
    page = SignInPage(
        connector=folder.id,
        vendor=folder.manifest.name,
        address=pending.address if host_of(pending.address) else "",
        redirect_uri=pending.redirect_uri,
        minutes=CONSENT_S // 60,
        waited=waited,
    )
    return html(request, "signing_in.html", page=page, state=pending.state)


def _cards(hub: Hub, kind: str, connected: Mapping[str, list[str]]) -> tuple[ConnectorCard, ...]:
    cards = [
        ConnectorCard(
            connector=folder.manifest.id,
            name=folder.manifest.name,
            reads=tuple(each.resource.replace("_", " ") for each in folder.manifest.pull),
            acts=tuple(each.name for each in folder.manifest.actions),
            files=tuple(each.format for each in folder.manifest.files),
            connected=tuple(connected.get(folder.manifest.id, ())),
        )
        for folder in hub.connectors.values()
        if folder.manifest.kind == kind and folder.manifest.id != OWN_CONNECTOR
    ]
    return tuple(sorted(cards, key=lambda card: card.name.lower()))


def _folder(hub: Hub, connector: str) -> ConnectorFolder:
    folder = hub.connectors.get(connector)
    if folder is None or folder.manifest.id == OWN_CONNECTOR:
        raise NotFoundException("There is no such connector.")
    return folder
