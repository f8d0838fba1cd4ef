"""Where people come in: by name and password, or for the first time by a one-time link."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect

from trueup.access.door import Entered
from trueup.access.invite import look_at_invite
from trueup.access.member import NAME_CHARS_MAX, find_member_by_id, has_members
from trueup.access.password import CHARS_ADVISED, CHARS_MAX, CHARS_MIN
from trueup.access.rights import PUBLIC, Role
from trueup.access.secret import new_secret
from trueup.api.guard import (
    BEFORE_COOKIE,
    SESSION_COOKIE,
    Req,
    browser_of,
    door_of,
    host_cookie,
    token_of_stranger,
    visitor_of,
)
from trueup.api.reading import write_session
from trueup.console.forms import read_form
from trueup.console.render import html
from trueup.errors import (
    ConfigError,
    ConfirmFirst,
    FormStale,
    GuessedTooOften,
    LinkSpent,
    WrongCredentials,
)

KNOWN_COOKIE: Final = "__Host-trueup_known"

_YEAR_S: Final = 365 * 24 * 3600
_LONGEST: Final = {"password": CHARS_MAX + 1, "again": CHARS_MAX + 1}
_NEXT_CHARS_MAX: Final = 1000


class EntryPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page where somebody comes in.

    Attributes:
        asks: what it asks for: `sign-in`, what a link is for, or `nothing`.
        action: where its form goes.
        next: where they wanted to.
        name: as it was typed, or whose link it is.
        fixed: the name is known and is not asked for.
        role: what they will be here for.
        said: what was wrong with what was typed.
    """

    asks: str
    action: str = ""
    next: str = "/"
    name: str = ""
    fixed: bool = False
    role: Role | None = None
    said: str = ""
    chars_min: int = CHARS_MIN
    chars_advised: int = CHARS_ADVISED
    chars_max: int = CHARS_MAX
    name_chars_max: int = NAME_CHARS_MAX


@get("/sign-in", right=PUBLIC)
async def show_sign_in(
    request: Req,
    next_: Annotated[
        str, QueryParameter(name="next", max_length=_NEXT_CHARS_MAX, required=False)
    ] = "/",
) -> Response[Any]:
    """Ask for a name and a password."""
    async with write_session(request.app.state) as conn:
        anybody = await has_members(conn)
    page = EntryPage(asks="sign-in" if anybody else "nobody", next=inner_path(next_))
    return _ask(request, page)


@post("/sign-in", status_code=303, right=PUBLIC)
async def sign_in(request: Req, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Let in whoever a name and a password belong to."""
    form = read_form(data, _LONGEST)
    name, wanted = form.get("name", ""), inner_path(form.get("next", "/"))
    try:
        async with write_session(request.app.state) as conn:
            entered = await door_of(request.app.state).sign_in(
                conn,
                name,
                form.get("password", ""),
                browser_of(request),
                request.cookies.get(KNOWN_COOKIE, ""),
            )
    except (WrongCredentials, GuessedTooOften) as error:
        said = error.message
        if isinstance(error, GuessedTooOften):
            said = f"{error.message} Try again in {error.after_s} seconds."
        page = EntryPage(asks="sign-in", next=wanted, name=name, said=said)
        return _ask(request, page, status=error.status)
    return let_in(entered, wanted)


@post("/sign-out", status_code=303, right="own.enter")
async def sign_out(request: Req) -> Response[Any]:
    """End the session of this browser."""
    async with write_session(request.app.state) as conn:
        await door_of(request.app.state).leave(conn, visitor_of(request), browser_of(request))
    response: Response[Any] = Redirect("/sign-in", status_code=303)
    response.set_cookie(host_cookie(SESSION_COOKIE, "", age_s=0))
    return response


@get(["/first-run/{secret:str}", "/invite/{secret:str}"], right=PUBLIC)
async def show_link(request: Req, secret: FromPath[str]) -> Response[Any]:
    """Ask whoever has a link for a name and a password; looking uses nothing up."""
    try:
        page = await _page_of_link(request, secret)
    except LinkSpent as error:
        return _ask(request, EntryPage(asks="nothing", said=error.message), status=error.status)
    return _ask(request, page)


@post(
    ["/first-run/{secret:str}", "/invite/{secret:str}"],
    status_code=303,
    right=PUBLIC,
)
async def enter_by_link(
    request: Req, secret: FromPath[str], data: URLEncodedBody[dict[str, Any]]
) -> Response[Any]:
    """Make the first owner or a member, or keep a member's new password."""
    form = read_form(data, _LONGEST)
    name, password = form.get("name", ""), form.get("password", "")
    try:
        page = await _page_of_link(request, secret, name)
        try:
            check_twice(form)
            async with write_session(request.app.state) as conn:
                entered = await door_of(request.app.state).enter_by_link(
                    conn, secret, name, password, browser_of(request)
                )
        except ConfigError as error:
            return _ask(request, msgspec.structs.replace(page, said=error.message), status=400)
    except LinkSpent as error:
        return _ask(request, EntryPage(asks="nothing", said=error.message), status=error.status)
    return let_in(entered, "/")


async def _page_of_link(request: Req, secret: str, name: str = "") -> EntryPage:
    """Return what a link asks for.

    Raises:
        LinkSpent: nothing any more.
    """
    async with write_session(request.app.state) as conn:
        invite = await look_at_invite(conn, secret, door_of(request.app.state).clock.now())
        whose = invite.member_id and await find_member_by_id(conn, invite.member_id)
    return EntryPage(
        asks=invite.purpose.value,
        action=request.url.path,
        role=invite.role,
        name=whose.name if whose else name,
        fixed=bool(whose),
    )


def check_twice(form: Mapping[str, str]) -> None:
    """Let a new password pass that was typed twice alike.

    Raises:
        ConfigError: it was not.
    """
    if form.get("password", "") != form.get("again", ""):
        raise ConfigError("The two passwords are not the same.", field="again")


def inner_path(wanted: str) -> str:
    """Return a path of ours where somebody wanted to; the first page for whatever is none."""
    inside = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    plain = inside and wanted.isprintable() and not wanted.startswith("/sign-")
    return wanted if plain else "/"


def ask_to_sign_in(request: Req, said: str, *, status: int) -> Response[Any]:
    """Ask for a name and a password, with what went wrong elsewhere."""
    return _ask(request, EntryPage(asks="sign-in", said=said), status=status)


def to_sign_in(request: Req) -> Response[Any]:
    """Send a stranger to where people come in, and from there back."""
    wanted = request.url.path if request.method == "GET" else "/"
    query = request.url.query if request.method == "GET" else ""
    whole = inner_path(f"{wanted}?{query}" if query else wanted)
    onward = f"?next={quote(whole, safe='/')}" if whole != "/" else ""
    return Redirect(f"/sign-in{onward}", status_code=303)


def stale_entry(request: Req, error: FormStale) -> Response[Any]:
    """Tell somebody whose browser did not send back what its form needs, and ask again."""
    said = error.message
    if BEFORE_COOKIE not in request.cookies:
        said = (
            "Your browser did not send our cookie back. It keeps it over https, and at "
            "http://127.0.0.1 or http://localhost on this machine; at another plain http address "
            "nobody can sign in."
        )
    return _ask(request, EntryPage(asks="sign-in", said=said), status=error.status)


def ask_again(request: Req, error: ConfirmFirst) -> Response[Any]:
    """Ask for the password once more; what the form held goes along, and then on its way."""
    page = EntryPage(asks="again", action=request.url.path, said=error.message)
    issuer = request.app.state.issuer
    label = issuer.settings.label if issuer else ""
    # Where a form came from is where they are sent back to: only a page can be asked for again.
    came = inner_path(urlsplit(request.headers.get("referer", "")).path)
    return html(
        *(request, "confirm.html"),
        status=error.status,
        page=page,
        fields=error.fields,
        issuer=label,
        came=came,
    )


def let_in(entered: Entered, wanted: str) -> Response[Any]:
    """Send whoever came in on, with what their browser keeps."""
    response: Response[Any] = Redirect(wanted, status_code=303)
    response.set_cookie(host_cookie(SESSION_COOKIE, entered.session))
    response.set_cookie(host_cookie(KNOWN_COOKIE, entered.known, age_s=_YEAR_S))
    response.set_cookie(host_cookie(BEFORE_COOKIE, "", age_s=0))
    return response


def _ask(request: Req, page: EntryPage, *, status: int = 200) -> Response[Any]:
    before = request.cookies.get(BEFORE_COOKIE, "") or new_secret()
    token = token_of_stranger(door_of(request.app.state), before)
    issuer = request.app.state.issuer
    label = issuer.settings.label if issuer else ""
    response = html(request, "entry.html", status=status, page=page, csrf=token, issuer=label)
    response.set_cookie(host_cookie(BEFORE_COOKIE, before))
    return response


def entry_handlers() -> list[HTTPRouteHandler]:
    """Return the pages where people come in, and the way out."""
    return [show_sign_in, sign_in, sign_out, show_link, enter_by_link]
