"""Coming in by an issuer: sent there, and back."""

import hmac
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.response import Redirect

from trueup.access.account import confirm_by_account, enter_by_account, link_account
from trueup.access.issuer import FLOW_LASTS, Flow, Issuer
from trueup.access.rights import PUBLIC
from trueup.access.visitor import Visitor
from trueup.api.guard import SESSION_COOKIE, Req, browser_of, door_of, host_cookie
from trueup.api.reading import write_session
from trueup.console.entry_page import ask_to_sign_in, inner_path, let_in
from trueup.console.me_page import member_of, show_own
from trueup.errors import ConfigError, IssuerRefused

FLOW_COOKIE: Final = "__Host-trueup_flow"
BACK_PATH: Final = "/sign-in/issuer/back"

_SEALED: Final = "01"
"""How what the vault sealed begins; anything else was never ours."""

_SEALED_MIN: Final = 29
_FOR: Final = b"issuer flow"
_TEXT_CHARS_MAX: Final = 4000
_LINKED: Final = "/me?done=linked"

_log = structlog.get_logger("trueup.console")


@get("/sign-in/issuer", right=PUBLIC)
async def go_to_issuer(
    request: Req,
    next_: Annotated[str, QueryParameter(name="next", max_length=1000, required=False)] = "/",
    again: Annotated[str, QueryParameter(max_length=10, required=False)] = "",
) -> Response[Any]:
    """Send a browser to the issuer; `again`: to show once more who is signed in."""
    try:
        issuer = issuer_of(request)
        visitor = await _visitor(request) if again else None
        number = (visitor.member_id or 0) if visitor else 0
        address, cookie = await begin_flow(
            request, issuer, wanted=inner_path(next_), member_id=number
        )
    except IssuerRefused as error:
        return _refused(request, error)
    response: Response[Any] = Redirect(address, status_code=303)
    response.set_cookie(cookie)
    return response


@get(BACK_PATH, right=PUBLIC)
async def come_back(request: Req) -> Response[Any]:
    """Take what a browser brings from the issuer: let in, show once more, or link."""
    try:
        issuer = issuer_of(request)
        flow = _open_flow(request, _brought(request, "state"))
        code = "" if _brought(request, "error") else _brought(request, "code")
        _check_answer(issuer, _brought(request, "iss"), code)
        response = await _take(request, issuer, flow, code)
    except IssuerRefused as refusal:
        response = _refused(request, refusal)
    response.set_cookie(host_cookie(FLOW_COOKIE, "", age_s=0))
    return response


async def begin_flow(
    request: Req, issuer: Issuer, *, wanted: str, member_id: int = 0, links: bool = False
) -> tuple[str, Any]:
    """Return where a browser is sent, and the cookie that it takes along.

    Raises:
        IssuerRefused: the issuer does not answer.
    """
    address, flow = await issuer.ask(
        _back_of(request), wanted=wanted, member_id=member_id, links=links
    )
    sealed = door_of(request.app.state).vault.seal_secret(msgspec.json.encode(flow), _FOR)
    age_s = int(FLOW_LASTS.total_seconds())
    return address, host_cookie(FLOW_COOKIE, sealed.hex(), age_s=age_s)


@post("/me/issuer", status_code=200, right="own.secure")
async def begin_link(request: Req) -> Response[Any]:
    """Offer the way to the issuer, from which the account comes back as one's own."""
    visitor = member_of(request)
    try:
        issuer = issuer_of(request)
        number = visitor.member_id or 0
        address, cookie = await begin_flow(
            request, issuer, wanted="/me", member_id=number, links=True
        )
    except IssuerRefused as error:
        return await show_own(request, refused=error.message, status=error.status)
    # A link, not a redirect: forms of ours lead nowhere else.
    response = await show_own(request, onward=address)
    response.set_cookie(cookie)
    return response


def issuer_of(request: Req) -> Issuer:
    """Return the issuer that is configured.

    Raises:
        IssuerRefused: none is.
    """
    issuer: Issuer | None = request.app.state.issuer
    if issuer is None:
        raise IssuerRefused("No issuer is set up here.", reason="none")
    return issuer


def issuer_handlers() -> list[HTTPRouteHandler]:
    """Return the handlers of the way to the issuer and back."""
    return [go_to_issuer, come_back, begin_link]


async def _take(request: Req, issuer: Issuer, flow: Flow, code: str) -> Response[Any]:
    account = await issuer.take(code, flow, _back_of(request))
    door, browser = door_of(request.app.state), browser_of(request)
    if not flow.member_id:
        async with write_session(request.app.state) as conn:
            entered = await enter_by_account(conn, door, account, issuer.settings, browser)
        return let_in(entered, inner_path(flow.wanted))
    visitor = await _visitor(request)
    if visitor is None or visitor.member_id != flow.member_id:
        raise IssuerRefused("You are not signed in here any more.", reason="another")
    async with write_session(request.app.state) as conn:
        if flow.links:
            await link_account(conn, door, visitor, account, browser)
            return Redirect(_LINKED, status_code=303)
        secret = await confirm_by_account(conn, door, visitor, account, browser)
    response: Response[Any] = Redirect(inner_path(flow.wanted), status_code=303)
    response.set_cookie(host_cookie(SESSION_COOKIE, secret))
    return response


async def _visitor(request: Req) -> Visitor | None:
    """Return who is signed in in this browser, at a route that strangers may reach."""
    secret = request.cookies.get(SESSION_COOKIE, "")
    async with write_session(request.app.state) as conn:
        return await door_of(request.app.state).find_visitor(conn, secret) if secret else None


def _open_flow(request: Req, state: str) -> Flow:
    """Return what this browser kept, where the answer is to its own question.

    Raises:
        IssuerRefused: it kept nothing, it is too old, or the answer is to another's.
    """
    door, kept = door_of(request.app.state), request.cookies.get(FLOW_COOKIE, "")
    try:
        sealed = bytes.fromhex(kept) if kept.startswith(_SEALED) else b""
        plain = door.vault.open_secret(sealed, _FOR) if len(sealed) > _SEALED_MIN else b""
        flow = msgspec.json.decode(plain, type=Flow)
    except (ValueError, ConfigError, msgspec.MsgspecError) as error:
        raise IssuerRefused("Start again from our page.", reason="flow") from error
    late = door.clock.now() - flow.made_at > FLOW_LASTS
    same = hmac.compare_digest(state.encode("utf-8", "replace"), flow.state.encode())
    if late or not same:
        raise IssuerRefused("Start again from our page.", reason="state")
    return flow


def _brought(request: Req, name: str) -> str:
    """Return what a browser brought under a name; nothing where it came more than once."""
    values = request.query_params.getall(name, [])
    return str(values[0])[:_TEXT_CHARS_MAX] if len(values) == 1 else ""


def _check_answer(issuer: Issuer, told: str, code: str) -> None:
    """Let an answer pass that is the issuer's, and holds a code.

    Raises:
        IssuerRefused: it is another's, or whoever was asked did not sign in.
    """
    if told and told != issuer.settings.issuer:
        raise IssuerRefused(reason="issuer")
    if not code:
        raise IssuerRefused("You did not sign in there.", reason="denied")


def _back_of(request: Req) -> str:
    return f"{str(request.base_url).rstrip('/')}{BACK_PATH}"


def _refused(request: Req, error: IssuerRefused) -> Response[Any]:
    _log.warning("issuer_refused", **error.context)
    return ask_to_sign_in(request, error.message, status=error.status)
