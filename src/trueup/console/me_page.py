"""One's own page: who one is here, one's password, one's browsers, how one reads, what one did."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from trueup.access.account import is_linked
from trueup.access.issuer import Issuer
from trueup.access.manner import Language, Numbers, read_manner, zones
from trueup.access.own import (
    end_other_sessions,
    end_own_session,
    keep_manner,
    list_sessions_of,
    list_trail_of,
)
from trueup.access.password import CHARS_ADVISED, CHARS_MAX, CHARS_MIN
from trueup.access.rights import GRANTABLE, Role, rights_of
from trueup.access.token import DAYS, DAYS_MAX, list_tokens, make_token, revoke_token
from trueup.access.visitor import Visitor
from trueup.api.guard import (
    SESSION_COOKIE,
    Req,
    browser_of,
    doer_of,
    door_of,
    host_cookie,
    visitor_of,
)
from trueup.api.reading import write_session
from trueup.console.entry_page import check_twice
from trueup.console.forms import read_form, read_many, whole
from trueup.console.readings import Session
from trueup.console.render import answer
from trueup.console.words import mark
from trueup.errors import AccessError, ConfigError, GuessedTooOften, NotAllowed, WrongCredentials

TRAIL_MAX: Final = 20
_LONGEST: Final = dict.fromkeys(("old", "password", "again"), CHARS_MAX + 1)

_DONE: Final = {
    "password": mark(
        "Your password is another one now; wherever else you were, you are signed out."
    ),
    "end": mark("That browser is signed out."),
    "others": mark("Wherever else you were signed in, you are signed out."),
    "revoke": mark("That token is good no more."),
    "linked": mark("From now on you may sign in there too."),
    "manner": mark("From now on you read it so."),
}

_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A browser in which one is signed in; `here` is the one that asks."""

    session_id: int
    made_at: datetime
    seen_at: datetime
    address: str
    browser: str
    here: bool


class DeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something that one did."""

    at: datetime
    did: str
    about: str
    address: str


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """A token, by which a program of somebody's asks."""

    token_id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    made_at: datetime
    ends_at: datetime
    used_at: datetime | None


class MePage(msgspec.Struct, frozen=True, kw_only=True):
    """What is one's own.

    Attributes:
        factor: whether a second factor is asked for.
        rights: of one's role.
        linked: whether one may sign in at the issuer; None: none is set up.
        secret: of a token made just now; shown once.
        onward: where an account is linked, at the issuer.
    """

    name: str
    role: Role
    rights: tuple[str, ...]
    factor: bool
    linked: bool | None
    numbers: Numbers
    zone: str
    language: Language
    sessions: tuple[SessionRow, ...]
    tokens: tuple[TokenRow, ...]
    trail: tuple[DeedRow, ...]
    secret: str = ""
    onward: str = ""
    told: str = ""
    refused: str = ""


@get(["/me", "/me.json"], right="own.read")
async def show_me(
    request: Req, done: Annotated[str, QueryParameter(max_length=20, required=False)] = ""
) -> Response[Any]:
    """Show what is one's own."""
    visitor = member_of(request)
    async with write_session(request.app.state) as session:
        page = await _read(request, session, visitor)
    return _answer(request, msgspec.structs.replace(page, told=_DONE.get(done, "")))


@post("/me/token", status_code=200, right="own.secure")
async def make_own_token(request: Req, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Make a token, and show it once."""
    form, visitor, door = read_form(data), member_of(request), door_of(request.app.state)
    async with write_session(request.app.state) as session:
        secret, said = "", ""
        try:
            secret = await make_token(
                session,
                visitor,
                name=form.get("name", ""),
                scopes=read_many(data, "scopes"),
                days=whole(form.get("days", "")) or 0,
                doer=doer_of(request),
                now=door.clock.now(),
            )
        except ConfigError as error:
            said = error.message
        page = await _read(request, session, visitor)
    # Not by a redirect: the token would stand in an address.
    page = msgspec.structs.replace(page, secret=secret, refused=said)
    return _answer(request, page, status=409 if said else 200)


@post("/me", status_code=303, right="own.decide")
async def change_me(request: Req, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Change one's password, end one's sessions and tokens, or choose how one reads."""
    form, visitor = read_form(data, _LONGEST), member_of(request)
    async with write_session(request.app.state) as session:
        try:
            secret = await _do(request, session, visitor, form)
        except (ConfigError, WrongCredentials, GuessedTooOften) as error:
            page = await _read(request, session, visitor)
            status = error.status if isinstance(error, AccessError) else 409
            refused = msgspec.structs.replace(page, refused=said_of(error))
            return _answer(request, refused, status=status)
    response: Response[Any] = Redirect(f"/me?done={form['do']}", status_code=303)
    if secret:
        response.set_cookie(host_cookie(SESSION_COOKIE, secret))
    return response


def member_of(request: Req) -> Visitor:
    """Return who asks, in a session of their own.

    Raises:
        NotAllowed: a program, which has nothing of its own.
    """
    visitor = visitor_of(request)
    if visitor.member_id is None or visitor.session_id is None:
        raise NotAllowed("This is for people who signed in; a program has no page of its own.")
    return visitor


def name_browser(told: str) -> str:
    """Return a browser's name in two words, out of what it calls itself."""
    browser = next((name for mark, name in _BROWSERS if mark in told), "")
    system = next((name for mark, name in _SYSTEMS if mark in told), "")
    return " on ".join(filter(None, (browser, system))) or told[:60] or "a browser"


def said_of(error: ConfigError | AccessError) -> str:
    """Return what is told of a refusal."""
    if isinstance(error, GuessedTooOften):
        return f"{error.message} Try again in {error.after_s} seconds."
    return error.message


async def show_own(
    request: Req, *, onward: str = "", refused: str = "", status: int = 200
) -> Response[Any]:
    """Show what is one's own with something that was just begun, or refused."""
    async with write_session(request.app.state) as session:
        page = await _read(request, session, member_of(request))
    page = msgspec.structs.replace(page, onward=onward, refused=refused)
    return _answer(request, page, status=status)


def me_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of one's own page."""
    return [show_me, change_me, make_own_token]


async def _do(
    request: Req, session: Session, visitor: Visitor, form: Mapping[str, str]
) -> str | None:
    """Do what a form asks for; returns the session's new secret where it has one.

    Raises:
        ConfigError: it does not say what, or it can not be done.
        WrongCredentials, GuessedTooOften: the old password is not theirs, or was tried too often.
    """
    door, doer = door_of(request.app.state), doer_of(request)
    now, member_id, here = door.clock.now(), visitor.member_id or 0, visitor.session_id or 0
    match form.get("do"):
        case "password":
            check_twice(form)
            old, new = form.get("old", ""), form.get("password", "")
            return await door.change_password(session, visitor, old, new, browser_of(request))
        case "end":
            number = whole(form.get("session", ""))
            await end_own_session(session, number, member_id, doer, now)
        case "others":
            await end_other_sessions(session, here, member_id, doer, now)
        case "revoke":
            number = whole(form.get("token", ""))
            await revoke_token(session, number, doer, now, member_id=member_id)
        case "manner":
            zone, language = form.get("zone", "").strip(), form.get("language", "")
            manner = read_manner(form.get("numbers", ""), zone, language)
            await keep_manner(session, member_id, manner)
        case _:
            raise ConfigError("Say what shall be done.", field="do")
    return None


async def _read(request: Req, session: Session, visitor: Visitor) -> MePage:
    door, member_id = door_of(request.app.state), visitor.member_id or 0
    now = door.clock.now()
    sessions = await list_sessions_of(session, member_id, now, door.limits)
    issuer: Issuer | None = request.app.state.issuer
    linked = None
    if issuer is not None:
        linked = await is_linked(session, issuer.settings.issuer, member_id)
    tokens = await list_tokens(session, now, member_id=member_id)
    trail = await list_trail_of(session, member_id, count=TRAIL_MAX)
    return MePage(
        name=visitor.name,
        role=visitor.role,
        rights=rights_of(visitor.role),
        factor=visitor.factor,
        linked=linked,
        numbers=visitor.manner.numbers,
        zone=visitor.manner.zone,
        language=visitor.manner.language,
        sessions=tuple(
            msgspec.convert(
                row
                | {
                    "browser": name_browser(row["browser"]),
                    "here": row["session_id"] == visitor.session_id,
                },
                SessionRow,
            )
            for row in sessions
        ),
        tokens=tuple(msgspec.convert(row, TokenRow) for row in tokens),
        trail=tuple(msgspec.convert(row, DeedRow) for row in trail),
    )


def _answer(request: Req, page: MePage, *, status: int = 200) -> Response[Any]:
    issuer: Issuer | None = request.app.state.issuer
    return answer(
        request,
        "me.html",
        page,
        status=status,
        zones=zones(),
        grantable=[right for right in GRANTABLE if right in page.rights],
        days=(DAYS, DAYS_MAX),
        issuer=issuer.settings.label if issuer else "",
        chars=(CHARS_MIN, CHARS_ADVISED, CHARS_MAX),
    )
