"""The pages where an account is connected: what can be, and a form out of the connector's facts.

An account is tried before anything of it is kept. A secret is never put into a page, also not into
the one that says what went wrong.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

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
from trueup.console.forms import read_form
from trueup.console.readings import Session
from trueup.console.render import answer
from trueup.console.trouble import Trouble, explain
from trueup.contract.loader import ConnectorFolder
from trueup.contract.manifest import ConfigField
from trueup.errors import ConfigError, HubError
from trueup.hub import OWN_CONNECTOR, Hub
from trueup.intake.connections import find_account
from trueup.intake.reads import name_connections
from trueup.pull.consent import grant_by_secrets, needs_person
from trueup.pull.draft import GENERAL, Checked, Draft, check_fields, store_draft, try_draft
from trueup.pull.joining import is_stored, open_places, with_location, worth_asking

_log = structlog.get_logger("trueup.console")

Req = Request[Any, Any, Any]

VALUE_CHARS_MAX: Final = 8000
TRY_S_MAX: Final = 40.0
TRIES_AT_ONCE: Final = 3
"""Accounts tried at once by one process: a vendor that is silent holds a session of the pool."""

_SANDBOX: Final = "api_base"
_THIS_MACHINE: Final = frozenset(("127.0.0.1", "localhost", "::1"))
_KINDS: Final[Mapping[str, str]] = {
    "storefront": "Shops",
    "marketplace": "Marketplaces",
    "payments": "Payments",
    "bank": "Bank",
    "carrier": "Carriers",
    "erp": "ERP and accounting",
    "helpdesk": "Helpdesks",
    "crm": "CRM and marketing",
    "messaging": "Messages",
    "ads": "Advertising",
    "files": "Files",
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


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the form.

    Attributes:
        type: text, secret, url, choice, number or flag.
        value: as it was typed; always empty for a secret.
        wrong: this field's value is what is wrong.
    """

    key: str
    label: str
    type: str
    required: bool
    help: str
    example: str
    choices: tuple[tuple[str, str], ...]
    value: str = ""
    wrong: bool = False


class ConnectPage(msgspec.Struct, frozen=True, kw_only=True):
    """The form that connects an account.

    Attributes:
        first, more: the fields that most need, and the others.
        trouble: why what was sent could not be connected.
        secrets_again: secrets were typed, and have to be typed anew.
    """

    connector: str
    vendor: str
    docs_url: str
    called: bool
    name: str
    first: tuple[Field, ...]
    more: tuple[Field, ...]
    files: tuple[tuple[str, str], ...]
    trouble: Trouble | None = None
    secrets_again: bool = False


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
        except _Places as found:
            page = form_page(folder, form, found.trouble, found.places)
        except (HubError, TimeoutError) as error:
            if await _is_there(request, session, draft):
                return Redirect(f"/connections/{draft.name}", status_code=303)
            page = form_page(folder, form, explain(error, folder, draft))
        else:
            return Redirect(f"/connections/{name}?done=connected", status_code=303)
    trouble = page.trouble
    _log.info("not_connected", connector=folder.id, code=trouble.code if trouble else "")
    return answer(request, "connect.html", page, status=409)


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
    """
    hub: Hub = request.app.state.hub
    check_reach(folder, draft)
    if await _is_there(request, session, draft):
        return draft.name
    async with asyncio.timeout(TRY_S_MAX):
        draft, checked = await _tried(session, hub, folder, draft)
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


async def _tried(
    session: Session, hub: Hub, folder: ConnectorFolder, draft: Draft
) -> tuple[Draft, Checked]:
    check_fields(folder, draft)
    if folder.has("auth") and needs_person(folder, draft):
        raise ConfigError(
            f"{folder.manifest.name} lets the hub in once somebody signs in there; that is begun "
            f"where the hub runs: trueup connect {folder.id} --name {draft.name or 'NAME'}."
        )
    if folder.has("auth"):
        draft = await grant_by_secrets(hub, draft)
    return draft, await try_draft(session, hub, draft)


async def _is_there(request: Req, session: Session, draft: Draft) -> bool:
    """Tell whether what a draft asks for stands already: the form was sent twice."""
    hub: Hub = request.app.state.hub
    try:
        account = await find_account(session, hub.vault, draft.name)
    except ConfigError:
        return False
    return is_stored(draft, account)


def check_reach(folder: ConnectorFolder, draft: Draft) -> None:
    """Refuse addresses that a page may not lead the hub to. Pure.

    A sandbox's address is trusted, so a page could otherwise have the hub look around in the
    network that it stands in. Whoever may run commands on the hub's machine can do so anyway.

    Raises:
        ConfigError: `field` says which address.
    """
    base = draft.settings.get(_SANDBOX, "")
    if base and _host_of(base) not in _THIS_MACHINE:
        raise ConfigError(
            "From these pages a sandbox can only be called on the hub's own machine, such as "
            "http://127.0.0.1:8089. One elsewhere is connected there: "
            f"trueup connect {folder.id} --set api_base=…",
            field=_SANDBOX,
        )
    public = draft.settings.get("public_url", "")
    if public and not _host_of(public):
        message = "The hub's own address begins with https://, such as https://hub.example."
        raise ConfigError(message, field="public_url")


def draft_of(folder: ConnectorFolder, form: Mapping[str, str]) -> Draft:
    """Return what a form asks for; fields that the connector does not have are left out. Pure."""
    fields = {field.key: field.is_secret for field in folder.manifest.config}
    fields |= dict.fromkeys(GENERAL, False)
    given = {key: form.get(f"f-{key}", "") for key in fields}
    return Draft(
        name=form.get("name", ""),
        connector=folder.id,
        settings={key: value for key, value in given.items() if value and not fields[key]},
        secrets={key: value for key, value in given.items() if value and fields[key]},
    )


def form_page(
    folder: ConnectorFolder,
    form: Mapping[str, str],
    trouble: Trouble | None = None,
    places: Mapping[str, str] | None = None,
) -> ConnectPage:
    """Return the form with what was typed, but without any secret. Pure.

    Args:
        folder: the connector.
        form: what was typed; fields of the account begin with `f-`.
        trouble: why it could not be connected.
        places: where stock can be written, ref to name, once that is known.
    """
    manifest, wrong = folder.manifest, trouble.field if trouble else ""
    first: list[Field] = []
    more: list[Field] = []
    for field in manifest.config:
        shown = _field(field, form, wrong)
        early = worth_asking(field, signing_in=False) or field.type == "choice"
        (first if early or shown.wrong else more).append(shown)
    for shown in _general_fields(folder, form, wrong, places or {}):
        (first if shown.wrong or shown.key == "public_url" else more).append(shown)
    return ConnectPage(
        connector=folder.id,
        vendor=manifest.name,
        docs_url=manifest.api.docs_url,
        called=folder.has("api"),
        name=form.get("name", ""),
        first=tuple(first),
        more=tuple(more),
        files=tuple((entry.format, entry.help) for entry in manifest.files),
        trouble=trouble,
        secrets_again=trouble is not None
        and any(form.get(f"f-{each.key}") for each in manifest.config if each.is_secret),
    )


def free_name(folder: ConnectorFolder, taken: set[str]) -> str:
    """Return a name that no connection has, to begin with. Pure."""
    base = folder.id.replace("_", "-")
    names = (base, *(f"{base}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def connect_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the pages where an account is connected."""
    return [show_connectors, show_form, connect_account]


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


def _field(field: ConfigField, form: Mapping[str, str], wrong: str) -> Field:
    return Field(
        key=field.key,
        label=field.label,
        type="secret" if field.is_secret else field.type,
        required=field.required,
        help=field.help,
        example=field.example,
        choices=tuple((each, each) for each in field.choices),
        value="" if field.is_secret else form.get(f"f-{field.key}", ""),
        wrong=field.key == wrong,
    )


def _general_fields(
    folder: ConnectorFolder, form: Mapping[str, str], wrong: str, places: Mapping[str, str]
) -> list[Field]:
    """Return the fields that every connection may have, as far as they mean something here."""
    manifest = folder.manifest
    writes = any(action.per_location for action in manifest.actions)
    apply = {
        "public_url": manifest.webhook is not None,
        "stock_location": writes,
        "default_site": writes,
        "sell_sites": writes,
    }
    return [
        Field(
            key=key,
            label=_GENERAL_LABELS[key],
            type="choice" if key == "stock_location" and places else "text",
            required=key == "stock_location" and bool(places),
            help=text,
            example="https://hub.example" if key == "public_url" else "",
            choices=tuple((ref, f"{name} ({ref})") for ref, name in places.items())
            if key == "stock_location"
            else (),
            value=form.get(f"f-{key}", ""),
            wrong=key == wrong,
        )
        for key, text in GENERAL.items()
        if apply[key] and all(field.key != key for field in manifest.config)
    ]


_GENERAL_LABELS: Final[Mapping[str, str]] = {
    "public_url": "Public address of this hub",
    "stock_location": "Where the hub writes stock",
    "default_site": "Site of all other locations",
    "sell_sites": "Sites it sells from",
}


def _folder(hub: Hub, connector: str) -> ConnectorFolder:
    folder = hub.connectors.get(connector)
    if folder is None or folder.manifest.id == OWN_CONNECTOR:
        raise NotFoundException("There is no such connector.")
    return folder


def _host_of(address: str) -> str:
    """Return the host of a web address; empty where it is none."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return ""
    return host if parts.scheme in {"http", "https"} else ""
