"""The second factor: asked for at sign-in, and the page where it is turned on and off."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
import segno
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect
from markupsafe import Markup

from trueup.access.code import CODE_CHARS_MAX, app_address
from trueup.access.factor import (
    begin_factor,
    pass_factor,
    read_factor,
    renew_spares,
    turn_off,
    turn_on,
)
from trueup.access.visitor import Owes, Visitor
from trueup.api.guard import SESSION_COOKIE, Req, browser_of, door_of, host_cookie
from trueup.api.reading import write_session
from trueup.console.entry_page import inner_path
from trueup.console.forms import read_form
from trueup.console.me_page import member_of, said_of
from trueup.console.readings import Session
from trueup.console.render import answer
from trueup.errors import AccessError, ConfigError, GuessedTooOften, WrongCredentials

FACTOR_PATH: Final = "/second-factor"

_NEXT_CHARS_MAX: Final = 1000
_LONGEST: Final = {"next": _NEXT_CHARS_MAX, "code": CODE_CHARS_MAX}


class FactorPage(msgspec.Struct, frozen=True, kw_only=True):
    """A member's second factor.

    Attributes:
        owes: what they have to show before anything else.
        on_at: since when it is asked for; None: not.
        spares: how many spare codes are left.
        secret: what an app is given; None: nothing was begun, or it is on.
        codes: spare codes made just now; shown once.
        next: where they wanted to.
        said: what was wrong with what was typed.
    """

    owes: Owes
    on_at: datetime | None
    spares: int
    secret: str | None = None
    codes: tuple[str, ...] = ()
    next: str = "/"
    said: str = ""


@get(FACTOR_PATH, right="own.enter")
async def show_factor(
    request: Req,
    next_: Annotated[
        str, QueryParameter(name="next", max_length=_NEXT_CHARS_MAX, required=False)
    ] = "/",
) -> Response[Any]:
    """Ask for a code where one is owed; else show what the member has."""
    visitor = member_of(request)
    async with write_session(request.app.state) as session:
        page = await _read(request, session, visitor)
    return _answer(request, visitor, msgspec.structs.replace(page, next=inner_path(next_)))


@post(FACTOR_PATH, status_code=303, right="own.enter")
async def enter_code(request: Req, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Let a member in whole by a code."""
    form, visitor = read_form(data, _LONGEST), member_of(request)
    wanted, door = inner_path(form.get("next", "/")), door_of(request.app.state)
    if visitor.owes is not Owes.CODE:
        return Redirect(wanted, status_code=303)
    async with write_session(request.app.state) as session:
        try:
            secret = await pass_factor(
                session, door, visitor, form.get("code", ""), browser_of(request)
            )
        except (WrongCredentials, GuessedTooOften) as error:
            page = await _read(request, session, visitor)
            page = msgspec.structs.replace(page, next=wanted, said=said_of(error))
            return _answer(request, visitor, page, status=error.status)
    response: Response[Any] = Redirect(wanted, status_code=303)
    response.set_cookie(host_cookie(SESSION_COOKIE, secret))
    return response


@post(f"{FACTOR_PATH}/change", status_code=200, right="own.secure")
async def change_factor(request: Req, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Begin it, turn it on or off, or make spare codes anew."""
    form, visitor = read_form(data, _LONGEST), member_of(request)
    codes: tuple[str, ...] = ()
    secret, said, status = None, "", 200
    async with write_session(request.app.state) as session:
        try:
            codes, secret = await _do(request, session, visitor, form)
        except (ConfigError, WrongCredentials, GuessedTooOften) as error:
            said = said_of(error)
            status = error.status if isinstance(error, AccessError) else 409
        if secret:
            visitor = msgspec.structs.replace(visitor, owes=Owes.NOTHING)
        page = await _read(request, session, visitor)
    # Not by a redirect: spare codes are shown once, and stand in no address.
    page = msgspec.structs.replace(page, codes=codes, said=said)
    response = _answer(request, visitor, page, status=status)
    if secret:
        response.set_cookie(host_cookie(SESSION_COOKIE, secret))
    return response


def to_second_factor(request: Req) -> Response[Any]:
    """Send who owes a code to where it is asked for, and from there back."""
    query = f"?{request.url.query}" if request.url.query else ""
    wanted = inner_path(f"{request.url.path}{query}") if request.method == "GET" else "/"
    onward = f"?next={quote(wanted, safe='/')}" if wanted != "/" else ""
    return Redirect(f"{FACTOR_PATH}{onward}", status_code=303)


def draw_code(address: str) -> Markup:
    """Return an address as a picture that a camera reads; dark on light in both schemes."""
    svg = segno.make(address, error="m").svg_inline(
        border=4, omitsize=True, dark="#000", light="#fff", svgclass="code-picture", lineclass=None
    )
    return Markup(svg)  # noqa: S704 - made here, of squares


def factor_handlers() -> list[HTTPRouteHandler]:
    """Return the handlers of the second factor."""
    return [show_factor, enter_code, change_factor]


async def _do(
    request: Req, session: Session, visitor: Visitor, form: Mapping[str, str]
) -> tuple[tuple[str, ...], str | None]:
    """Do what a form asks for; returns spare codes, and the session's new secret, where made.

    Raises:
        ConfigError: it does not say what, or it can not be done.
        WrongCredentials, GuessedTooOften: the code is not right, or was tried too often.
    """
    door, browser, code = door_of(request.app.state), browser_of(request), form.get("code", "")
    match form.get("do"):
        case "begin":
            await begin_factor(session, door, visitor)
        case "on":
            return await turn_on(session, door, visitor, code, browser)
        case "off":
            await turn_off(session, door, visitor, code, browser)
        case "spares":
            return await renew_spares(session, door, visitor, code, browser), None
        case _:
            raise ConfigError("Say what shall be done.", field="do")
    return (), None


async def _read(request: Req, session: Session, visitor: Visitor) -> FactorPage:
    factor = await read_factor(session, door_of(request.app.state), visitor.member_id or 0)
    return FactorPage(
        owes=visitor.owes, on_at=factor.on_at, spares=factor.spares, secret=factor.secret
    )


def _answer(
    request: Req, visitor: Visitor, page: FactorPage, *, status: int = 200
) -> Response[Any]:
    picture = draw_code(app_address(page.secret, visitor.name)) if page.secret else ""
    must = visitor.role in door_of(request.app.state).factor_roles
    return answer(
        request,
        "factor.html",
        page,
        status=status,
        visitor=visitor,
        picture=picture,
        must=must,
        code_chars_max=CODE_CHARS_MAX,
    )
