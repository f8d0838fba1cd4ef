"""The start page: what happened since its reader last looked, and what needs a person."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from trueup.access.manner import manner_in_force
from trueup.access.own import last_look, note_look
from trueup.access.views import ADDRESS_CHARS_MAX, drop_view, keep_view, list_views
from trueup.access.visitor import Visitor
from trueup.api.guard import door_of, visitor_of
from trueup.api.reading import write_session
from trueup.console.card import Card, Desk, Span, Tone
from trueup.console.cards import CARDS
from trueup.console.columns import draw_columns, draw_shares
from trueup.console.forms import read_form, whole
from trueup.console.me_page import member_of
from trueup.console.readings import Readings, Session
from trueup.console.render import answer, may_reach, wants_json
from trueup.errors import ConfigError
from trueup.hub import OWN_CONNECTOR
from trueup.intake.reads import name_connections

Req = Request[Any, Any, Any]

LOOKED_MAX: Final = timedelta(days=31)
"""Who was away for longer sees the last month."""

_MINUTE: Final = timedelta(minutes=1)


class Back(StrEnum):
    """How far back the page tells."""

    LOOK = ""  # until when its reader has seen what happened
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


_LONG: Final = {
    Back.LOOK: timedelta(days=1),
    Back.DAY: timedelta(days=1),
    Back.WEEK: timedelta(days=7),
    Back.MONTH: timedelta(days=31),
}


class ViewRow(msgspec.Struct, frozen=True, kw_only=True):
    """A question to a list that its reader gave a name."""

    view_id: int
    name: str
    address: str


class OverviewPage(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a span, as cards.

    Attributes:
        back: how far back was asked for.
        looked: the span begins where its reader said that they had seen everything.
        needs: how many cards want to be looked at.
        views: of its reader.
    """

    back: Back
    since: datetime
    until: datetime
    looked: bool
    needs: int
    cards: tuple[Card, ...]
    views: tuple[ViewRow, ...] = ()


@get(["/", "/overview.json"], right="today.read")
async def show_overview(
    request: Req,
    session: NamedDependency[Session],
    readings: NamedDependency[Readings],
    since: Annotated[str, QueryParameter(max_length=10, required=False)] = "",
) -> Response[Any]:
    """Show what happened since one last looked."""
    try:
        back = Back(since)
    except ValueError as error:
        raise ValidationException(str(error)) from error
    visitor, now = visitor_of(request), door_of(request.app.state).clock.now()
    span, looked = await _span(session, visitor, back, now)
    desk = Desk(session=session, hub=request.app.state.hub, span=span, now=now)
    cards = [
        await readings.take(
            f"card {read.__name__} {span.since} {manner_in_force()}", session, _of(read, desk)
        )
        for right, read in CARDS
        if visitor.may(right)
    ]
    page = OverviewPage(
        back=back,
        since=span.since,
        until=span.until,
        looked=looked,
        needs=sum(card.tone in {Tone.WARNING, Tone.ERROR} for card in cards),
        cards=tuple(_reachable(card, visitor) for card in cards),
        views=await _views(session, visitor),
    )
    if wants_json(request):
        return answer(request, "overview.html", page)
    pictures = await asyncio.to_thread(
        lambda: {
            card.name: (draw_columns if card.over_time else draw_shares)(card.drawn)
            for card in cards
        }
    )
    return answer(
        request,
        "overview.html",
        page,
        pictures=pictures,
        backs=list(Back),
        connected=any(row["connector"] != OWN_CONNECTOR for row in await name_connections(session)),
        may_note=visitor.member_id is not None and visitor.session_id is not None,
    )


@post("/seen", status_code=303, right="own.decide")
async def note_seen(request: Req, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Note that one has seen what happened until the page was made; it tells what comes then."""
    visitor = member_of(request)
    now = door_of(request.app.state).clock.now()
    try:
        until = datetime.fromisoformat(str(data.get("until", "")))
    except ValueError:
        until = None
    if until is None or until.tzinfo is None or until > now + _MINUTE:
        raise ValidationException("The form does not say until when; open the page again.")
    async with write_session(request.app.state) as session:
        await note_look(session, visitor.member_id or 0, until.astimezone(UTC))
    return Redirect("/", status_code=303)


@post("/views", status_code=303, right="own.decide")
async def change_views(request: Req, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Give a question to a list a name, or forget one."""
    form, visitor = read_form(data, {"address": ADDRESS_CHARS_MAX}), member_of(request)
    member_id, address = visitor.member_id or 0, form.get("address", "")
    now = door_of(request.app.state).clock.now()
    async with write_session(request.app.state) as session:
        try:
            if form.get("do") == "drop":
                await drop_view(session, member_id, whole(form.get("view", "")))
                address = "/"
            else:
                await keep_view(session, member_id, form.get("name", ""), address, now)
        except ConfigError as error:
            raise ValidationException(error.message) from error
    return Redirect(address, status_code=303)


def overview_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the start page."""
    return [show_overview, note_seen, change_views]


def _reachable(card: Card, visitor: Visitor) -> Card:
    """Return a card whose ways lead only to what its reader may see."""
    lines = (
        line if may_reach(visitor, line.address) else msgspec.structs.replace(line, address="")
        for line in card.lines
    )
    address = card.address if may_reach(visitor, card.address) else ""
    return msgspec.structs.replace(card, address=address, lines=tuple(lines))


async def _views(session: Session, visitor: Visitor) -> tuple[ViewRow, ...]:
    if visitor.member_id is None:
        return ()
    rows = await list_views(session, visitor.member_id)
    return tuple(msgspec.convert(row, ViewRow) for row in rows)


async def _span(session: Session, visitor: Visitor, back: Back, now: datetime) -> tuple[Span, bool]:
    """Return what the page tells of, and whether it begins where its reader looked last."""
    until = now.replace(second=0, microsecond=0)
    begun = None
    if back is Back.LOOK and visitor.member_id is not None:
        begun = await last_look(session, visitor.member_id)
    if begun is not None and now - begun < LOOKED_MAX:
        begun = begun.replace(second=0, microsecond=0)
        return Span(since=min(begun, until - _MINUTE), until=now), True
    return Span(since=until - _LONG[back], until=now), False


def _of(
    read: Callable[[Desk], Awaitable[Card]], desk: Desk
) -> Callable[[Session], Awaitable[Card]]:
    return lambda _: read(desk)
