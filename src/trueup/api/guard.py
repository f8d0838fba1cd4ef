"""The guard: who asks, whether they may, and whether our own page sent the form.

It stands between the routing and every handler. A route names the right that it needs; one that
names none is open to nobody. A session's cookie reads everything its member may, and writes where
the form proves that a page of that session sent it. The API writes only for a bearer of a token,
which no foreign page can send.
"""

import hmac
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.datastructures import Cookie, State
from litestar.enums import RequestEncodingType, ScopeType
from litestar.exceptions import ValidationException
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from trueup.access.door import Door
from trueup.access.manner import Language, Manner, in_words_for, read_as
from trueup.access.rights import GRANTABLE, PUBLIC, Role
from trueup.access.session import Browser
from trueup.access.token import find_bearer
from trueup.access.trail import Doer
from trueup.access.visitor import Visitor
from trueup.api.reading import write_session
from trueup.api.token import TOKEN_FILE, same_token
from trueup.errors import (
    ConfirmFirst,
    FormStale,
    GuessedTooOften,
    InvariantBroken,
    NotAllowed,
    NotSignedIn,
    SecondFactorFirst,
    WrongCredentials,
)

SESSION_COOKIE: Final = "__Host-trueup_session"
BEFORE_COOKIE: Final = "__Host-trueup_before"
"""Ties the forms of strangers to their browser, as the session does afterwards."""

FORM_FIELD: Final = "_csrf_token"
PASSWORD_FIELD: Final = "_password"  # noqa: S105 - the name of a field

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_API: Final = "/api/"
_FORMS: Final = frozenset({RequestEncodingType.URL_ENCODED, RequestEncodingType.MULTI_PART})

Req = Request[Any, Any, Any]


class Guard(ASGIMiddleware):
    """Lets a request pass to its handler, or says why not."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Judge one request.

        Raises:
            NotSignedIn: nobody is signed in who might be let in.
            NotAllowed: whoever asks has no right to it.
            FormStale: a form that no page of ours sent for this session.
            SecondFactorFirst: who signed in by a password owes a code of their app.
            ConfirmFirst: the password is asked for once more before this.
        """
        request: Req = scope["litestar_app"].request_class(scope=scope, receive=receive)
        right = scope["route_handler"].opt.get("right")
        visitor = None
        if right != PUBLIC:
            visitor = await _find_visitor(request)
            if right is None or not visitor.holds(right):
                raise NotAllowed(_why_not(visitor, right))
            if visitor.must_show(right):
                raise SecondFactorFirst
            scope["state"]["visitor"] = visitor
        token = _form_token(request, visitor)
        scope["state"]["form_token"] = token
        if request.method not in _SAFE and not request.url.path.startswith(_API):
            await _check_form(request, token)
            if visitor is not None:
                fresh = await _check_confirmed(request, visitor, str(right))
                send = _with_session(send, fresh) if fresh else send
        with read_as(manner_for(request)):
            await next_app(scope, receive, send)


def manner_for(request: Req) -> Manner:
    """Return how whoever asks reads; what programs read is English, whoever they ask for."""
    visitor = visitor_if_any(request)
    manner = visitor.manner if visitor else Manner()
    path = request.url.path
    if asks_for_json(request) or path.endswith(".csv") or path.startswith(_API):
        return msgspec.structs.replace(manner, language=Language.ENGLISH)
    return in_words_for(manner, request.headers.get("accept-language", ""))


def asks_for_json(request: Req) -> bool:
    """Say whether JSON is asked for, by its address or plainly by what is accepted."""
    accept = request.headers.get("accept", "")
    return request.url.path.endswith(".json") or (
        "application/json" in accept and "text/html" not in accept
    )


def visitor_of(request: Req) -> Visitor:
    """Return who asks; only for routes that name a right."""
    visitor = request.scope["state"].get("visitor")
    if not isinstance(visitor, Visitor):
        raise InvariantBroken("a route asks for its visitor and names no right")
    return visitor


def visitor_if_any(request: Req) -> Visitor | None:
    """Return who asks; None at a route that strangers may reach, or that is none."""
    visitor = request.scope["state"].get("visitor")
    return visitor if isinstance(visitor, Visitor) else None


def form_token(request: Req) -> str:
    """Return what a form of this page has to carry."""
    return str(request.scope["state"].get("form_token", ""))


def token_of_stranger(door: Door, before: str) -> str:
    """Return what a stranger's form carries, by their cookie's value."""
    return door.vault.index("form of a stranger", before).hex()


def door_of(state: State) -> Door:
    """Return the application's door."""
    door: Door = state.door
    return door


def deed_by(request: Req, said: str | None) -> str | None:
    """Return who does something: whose token it is, whatever a body says.

    Args:
        request: at a route that names a right.
        said: by the body; it counts where the token is nobody's: the hub's own.
    """
    visitor = visitor_of(request)
    return said if visitor.member_id is None else visitor.name


def deed_of_somebody(request: Req, said: str | None) -> str:
    """Return who does something, where somebody must have.

    Raises:
        ValidationException: neither the token nor the body says who.
    """
    by = deed_by(request, said)
    if by is None:
        message = "Say who does it: the hub's own token is nobody's."
        raise ValidationException(extra=[{"key": "by", "message": message}])
    return by


def browser_of(request: Req) -> Browser:
    """Return what somebody comes with."""
    client = request.client
    return Browser(
        address=client.host if client else "", name=request.headers.get("user-agent", "")
    )


def doer_of(request: Req) -> Doer:
    """Return who does something, as the trail keeps it."""
    visitor = visitor_of(request)
    address = browser_of(request).address
    return Doer(member_id=visitor.member_id, name=visitor.name, address=address)


def host_cookie(key: str, value: str, *, age_s: int | None = None) -> Cookie:
    """Return a cookie that no other host can set and no script can read."""
    return Cookie(
        key=key, value=value, max_age=age_s, path="/", secure=True, httponly=True, samesite="lax"
    )


async def still_there(request: Req) -> bool:
    """Say whether who began a long answer may still have it."""
    try:
        visitor = await _find_visitor(request)
    except NotSignedIn:
        return False
    return visitor.may(str(request.scope["route_handler"].opt.get("right")))


def _with_session(send: Send, secret: str) -> Send:
    """Return what sends an answer along with the session's new secret."""
    cookie = host_cookie(SESSION_COOKIE, secret).to_header(header="").strip()

    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"set-cookie", cookie.encode("latin-1"))]
        await send(message)

    return send_with


async def _find_visitor(request: Req) -> Visitor:
    kind, _, credential = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return await _find_program(request, credential.strip())
    if request.url.path.startswith(_API) and request.method not in _SAFE:
        raise NotSignedIn("Programs that write send a token: `Authorization: Bearer ...`.")
    secret = request.cookies.get(SESSION_COOKIE, "")
    if not secret:
        raise NotSignedIn
    door = door_of(request.app.state)
    async with write_session(request.app.state) as conn:
        visitor = await door.find_visitor(conn, secret)
    if visitor is None:
        raise NotSignedIn
    return visitor


async def _find_program(request: Req, credential: str) -> Visitor:
    """Return whose token a program sent; the hub's own is nobody's, and may what a token may."""
    token: str | None = request.app.state.token
    if not request.url.path.startswith(_API) and request.method not in _SAFE:
        raise NotAllowed("A program writes by the API, not by forms.")
    if token is not None and same_token(token, credential):
        return Visitor(
            member_id=None, name=TOKEN_FILE, role=Role.OWNER, scopes=frozenset(GRANTABLE)
        )
    async with write_session(request.app.state) as conn:
        visitor = await find_bearer(conn, credential, door_of(request.app.state).clock.now())
    if visitor is None:
        raise NotSignedIn("This token is not good: it is over, was revoked, or never was.")
    return visitor


def _why_not(visitor: Visitor, right: str | None) -> str:
    """Return what is told of a right that somebody has not; empty says the usual."""
    if visitor.scopes is None or right is None:
        return ""
    return f"This needs the right {right}, which the token does not have."


def _form_token(request: Req, visitor: Visitor | None) -> str:
    door = door_of(request.app.state)
    if visitor is None:
        before = request.cookies.get(BEFORE_COOKIE, "")
        return token_of_stranger(door, before) if before else ""
    return door.vault.index("form of a session", str(visitor.session_id)).hex()


async def _check_form(request: Req, token: str) -> None:
    """Let a form pass that a page of ours sent, for this session or this stranger.

    Browsers say where a form comes from; what says it comes from elsewhere is refused whatever it
    carries. What does not say so has the token alone.
    """
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise FormStale
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise FormStale
    given = ""
    if request.content_type[0] in _FORMS:
        given = str((await request.form()).get(FORM_FIELD, ""))
    if not token or not hmac.compare_digest(given.encode("utf-8", "replace"), token.encode()):
        raise FormStale


async def _check_confirmed(request: Req, visitor: Visitor, right: str) -> str | None:
    """Let what matters most pass where its sender showed lately who they are.

    What a form held comes back with the question, so that nothing has to be typed again. Returns
    the session's new secret where its member showed it now.
    """
    door = door_of(request.app.state)
    if not visitor.must_confirm(right, door.clock.now(), door.limits.confirmed):
        return None
    form = await request.form()
    fields = tuple((name, str(value)) for name, value in form.multi_items())
    kept = tuple(each for each in fields if each[0] != PASSWORD_FIELD)
    password = form.get(PASSWORD_FIELD)
    if password is None:
        raise ConfirmFirst(fields=kept)
    try:
        async with write_session(request.app.state) as conn:
            return await door.confirm(conn, visitor, str(password), browser_of(request))
    except WrongCredentials as error:
        raise ConfirmFirst(error.message, fields=kept) from error
    except GuessedTooOften as error:
        said = f"{error.message} Try again in {error.after_s} seconds."
        raise ConfirmFirst(said, fields=kept) from error
