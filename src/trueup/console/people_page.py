"""The team: who is in it and as what, links that let others in, and the trail of who did what."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from trueup.access.people import (
    end_sessions,
    give_role,
    invite_member,
    list_invites,
    list_members,
    remove_member,
    reset_member,
    take_factor,
)
from trueup.access.rights import Role
from trueup.access.token import list_tokens, revoke_token
from trueup.access.trail import list_trail
from trueup.api.guard import Req, doer_of, door_of
from trueup.api.reading import write_session
from trueup.console.forms import read_form, whole
from trueup.console.readings import Session
from trueup.console.render import answer
from trueup.console.words import mark
from trueup.errors import ConfigError

ROWS_MAX: Final = 100
_NUMBER_MAX: Final = 2**63 - 1

_DONE: Final = {
    "role": mark("Their role is another one now; they sign in again."),
    "remove": mark("They are let in no more."),
    "factor": mark(
        "They sign in by their password alone, until they turn the second factor on again."
    ),
    "token": mark("That token is good no more."),
    "revoke": mark("Wherever they were signed in, they are signed out."),
}


class MemberRow(msgspec.Struct, frozen=True, kw_only=True):
    """A member, how many sessions they have, and whether they show a second factor."""

    name: str
    role: Role
    made_at: datetime
    sessions: int
    factor: bool
    seen_at: datetime | None


class InviteRow(msgspec.Struct, frozen=True, kw_only=True):
    """A link that is still good; `name` is whose it is, `role` what it makes of somebody new."""

    purpose: str
    role: Role | None
    name: str | None
    made_by: str
    ends_at: datetime
    email: str | None


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """A token of somebody's; `who` is whose."""

    token_id: int
    who: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    ends_at: datetime
    used_at: datetime | None


class PeoplePage(msgspec.Struct, frozen=True, kw_only=True):
    """The team.

    Attributes:
        link: made just now; shown once.
    """

    members: tuple[MemberRow, ...]
    invites: tuple[InviteRow, ...]
    tokens: tuple[TokenRow, ...]
    link: str = ""
    told: str = ""
    refused: str = ""


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the trail."""

    entry_id: int
    at: datetime
    who: str
    did: str
    about: str
    address: str


class TrailPage(msgspec.Struct, frozen=True, kw_only=True):
    """The trail, newest first; `next_before` leads to what is older."""

    rows: tuple[EntryRow, ...]
    next_before: int | None


@get(["/people", "/people.json"], right="people.read")
async def show_people(
    request: Req, done: Annotated[str, QueryParameter(max_length=20, required=False)] = ""
) -> Response[Any]:
    """Show who is in the team, and which links are still good."""
    async with write_session(request.app.state) as session:
        page = await _read(request, session)
    return _answer(request, msgspec.structs.replace(page, told=_DONE.get(done, "")))


@post("/people", status_code=303, right="people.decide")
async def change_people(request: Req, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Make a link, give a role, remove somebody, take a second factor, end sessions or a token."""
    form = read_form(data)
    async with write_session(request.app.state) as session:
        try:
            secret = await _do(request, session, form)
        except ConfigError as error:
            page = await _read(request, session)
            refused = msgspec.structs.replace(page, refused=error.message)
            return _answer(request, refused, status=409)
        if secret is None:
            return Redirect(f"/people?done={form['do']}", status_code=303)
        page = await _read(request, session)
    # Not by a redirect: the link would stand in an address.
    link = f"{str(request.base_url).rstrip('/')}/invite/{secret}"
    return _answer(request, msgspec.structs.replace(page, link=link))


@get(["/audit", "/audit.json"], right="audit.read")
async def show_trail(
    request: Req,
    before: Annotated[int | None, QueryParameter(ge=1, le=_NUMBER_MAX, required=False)] = None,
) -> Response[Any]:
    """Show who did what, newest first."""
    async with write_session(request.app.state) as session:
        found = await list_trail(session, before=before, count=ROWS_MAX + 1)
    rows = tuple(msgspec.convert(row, EntryRow) for row in found[:ROWS_MAX])
    more = rows[-1].entry_id if len(found) > ROWS_MAX else None
    return answer(request, "audit.html", TrailPage(rows=rows, next_before=more))


def people_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the pages about the team."""
    return [show_people, change_people, show_trail]


async def _do(request: Req, session: Session, form: Mapping[str, str]) -> str | None:
    """Do what a form asks for; returns the secret of a link where it made one.

    Raises:
        ConfigError: it does not say what, or it can not be done.
    """
    door, doer, name = door_of(request.app.state), doer_of(request), form.get("name", "")
    now = door.clock.now()
    match form.get("do"):
        case "invite":
            email = form.get("email", "").strip()
            return await invite_member(session, _role(form), doer, now, door.limits, email=email)
        case "reset":
            return await reset_member(session, name, doer, now, door.limits)
        case "role":
            await give_role(session, name, _role(form), doer, now)
        case "remove":
            await remove_member(session, name, doer, now)
        case "factor":
            await take_factor(session, name, doer, now)
        case "token":
            await revoke_token(session, whole(form.get("token", "")), doer, now)
        case "revoke":
            await end_sessions(session, name, doer, now)
        case _:
            raise ConfigError("Say what shall be done.", field="do")
    return None


def _role(form: Mapping[str, str]) -> Role:
    try:
        return Role(form.get("role", ""))
    except ValueError as error:
        raise ConfigError("Say which role.", field="role") from error


async def _read(request: Req, session: Session) -> PeoplePage:
    now = door_of(request.app.state).clock.now()
    tokens = await list_tokens(session, now)
    return PeoplePage(
        tokens=tuple(msgspec.convert(row, TokenRow) for row in tokens),
        members=tuple(msgspec.convert(row, MemberRow) for row in await list_members(session)),
        invites=tuple(msgspec.convert(row, InviteRow) for row in await list_invites(session, now)),
    )


def _answer(request: Req, page: PeoplePage, *, status: int = 200) -> Response[Any]:
    roles = [each.value for each in Role]
    issuer = request.app.state.issuer
    label = issuer.settings.label if issuer else ""
    return answer(request, "people.html", page, status=status, roles=roles, issuer=label)
