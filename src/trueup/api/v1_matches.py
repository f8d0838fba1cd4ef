"""`/api/v1/money/bank` and `/matches`: which line of the bank is which payout, and who said so."""

from datetime import date
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from trueup.api.guard import deed_of_somebody
from trueup.api.reading import write_session
from trueup.canon.match import BankMatch, DifferenceAccount
from trueup.intake import reads as intake
from trueup.kernel.clock import SystemClock
from trueup.reconcile.bank import check_bank
from trueup.reconcile.matches import Wish, list_matches, match_by_hand, match_plain, undo_match
from trueup.reconcile.reads import plain
from trueup.warehouse.book import Booked, Desk

Session = psycopg.AsyncConnection[Any]

ROWS_MAX = 1000
_NO_NUL = "^[^\\x00]*$"

RowRef = Annotated[str, msgspec.Meta(min_length=1, max_length=400, pattern=_NO_NUL)]
RowRefs = Annotated[list[RowRef], msgspec.Meta(min_length=1, max_length=ROWS_MAX)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=_NO_NUL)]
Why = Annotated[str, msgspec.Meta(max_length=500, pattern=_NO_NUL)]


class MatchView(msgspec.Struct, frozen=True, kw_only=True):
    """A match: which payouts arrived as which lines, who says so and why."""

    ref: str
    payouts: list[str]
    lines: list[str]
    booked_on: date
    reason: str
    evidence: str
    by: str
    difference: str | None
    undone: bool


class MatchBooked(MatchView, frozen=True, kw_only=True):
    """A match as it was booked; on a dry run as it would be. `repeated`: it was booked before."""

    repeated: bool
    dry_run: bool


class MatchWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows as `GET /money/bank` names them; `difference` says where what they are off goes to."""

    payouts: RowRefs
    lines: RowRefs
    by: Name | None = None
    difference: DifferenceAccount | None = None
    reason: Why = ""
    dry_run: bool = False


class UndoWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who takes a match back, where the token does not say it."""

    by: Name | None = None
    dry_run: bool = False


@get("/money/bank", right="money.read")
async def show_bank(session: NamedDependency[Session]) -> dict[str, Any]:
    """Hold payouts beside the lines of the bank, as `trueup reconcile bank` does."""
    found = await check_bank(session, await _names(session), today=SystemClock().now().date())
    return plain(found.report) | {"matches": found.matches, "values": found.values}


@get("/money/matches", right="money.read")
async def show_matches(session: NamedDependency[Session]) -> list[MatchView]:
    """List the matches that hold, the newest first."""
    names = await _names(session)
    return [
        msgspec.convert(match_plain(each, names), MatchView) for each in await list_matches(session)
    ]


@post("/money/matches", right="money.decide")
async def book_match(
    request: Request[Any, Any, Any], data: JSONBody[MatchWanted]
) -> Response[MatchBooked]:
    """Say which payouts arrived as which lines; each row is matched once."""
    wish = Wish(
        payouts=tuple(data.payouts),
        lines=tuple(data.lines),
        by=deed_of_somebody(request, data.by),
        difference=data.difference,
        reason=data.reason,
    )
    desk = Desk(request.app.state.hub)
    async with write_session(request.app.state) as session:
        names = await _names(session)
        booked = await match_by_hand(session, desk, names, wish, dry_run=data.dry_run)
    return _answer(booked, names)


@post("/money/matches/undo/{ref:str}", status_code=200, right="money.decide")
async def take_back(
    request: Request[Any, Any, Any],
    ref: Annotated[str, PathParameter(max_length=120, pattern=_NO_NUL)],
    data: JSONBody[UndoWanted],
) -> Response[MatchBooked]:
    """Take a match back: both sides are open again."""
    desk = Desk(request.app.state.hub)
    async with write_session(request.app.state) as session:
        names = await _names(session)
        by = deed_of_somebody(request, data.by)
        undone = await undo_match(session, desk, ref, by=by, dry_run=data.dry_run)
    return _answer(undone, names, created=200)


def _answer(
    booked: Booked[BankMatch], names: dict[int, str], *, created: int = 201
) -> Response[MatchBooked]:
    told = {"repeated": booked.repeated, "dry_run": booked.dry_run}
    view = msgspec.convert(match_plain(booked.record, names) | told, MatchBooked)
    return Response(view, status_code=200 if booked.repeated or booked.dry_run else created)


async def _names(session: Session) -> dict[int, str]:
    return {row["connection_id"]: row["name"] for row in await intake.name_connections(session)}


def match_routes() -> list[ControllerRouterHandler]:
    """Return the routes of matches, below `/api/v1`."""
    return [show_bank, show_matches, book_match, take_back]
