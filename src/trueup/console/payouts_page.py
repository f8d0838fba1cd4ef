"""The pages of payouts: how much is explained, what each is made of, and which line it is.

What was found is accepted, or matched by hand, or undone; each with who says so and why.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
import structlog
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from trueup.api.guard import visitor_of
from trueup.api.reading import write_session
from trueup.canon.match import DifferenceAccount
from trueup.console.forms import (
    comment_of,
    read_form,
    read_many,
)
from trueup.console.readings import Session
from trueup.console.render import answer, link_payout, wants_json
from trueup.console.share import SharePart, draw_share
from trueup.console.today import read_names
from trueup.console.words import mark
from trueup.errors import ConfigError
from trueup.kernel.clock import SystemClock
from trueup.reconcile.bank import Explained
from trueup.reconcile.matches import Wish, match_by_hand, undo_match
from trueup.reconcile.paid import PaidRow, PaidWhole, Standing, find_paid, read_paid
from trueup.reconcile.proposals import accept_match
from trueup.warehouse.book import Desk

_log = structlog.get_logger("trueup.console")

Req = Request[Any, Any, Any]

ROWS_MAX: Final = 100
PAGE_MAX: Final = 10_000
REASON_CHARS_MAX: Final = 500

_LONGEST: Final = {"reason": REASON_CHARS_MAX}
_DONE: Final = {
    "accept": mark("It is booked."),
    "match": mark("It is booked, because you say so."),
    "undo": mark("It is taken back: both sides are open again."),
    "again": mark("Somebody did the same before; nothing more was booked."),
}

_Text = Annotated[str, QueryParameter(max_length=255, pattern="^[^\\x00]*$", required=False)]


class PayoutsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Payouts, what a person has to look at first.

    Attributes:
        values: by currency, how much is explained.
        counts: how many there are of each standing; `connections` tell payouts.
        standing, connection: only those that stand so, only this provider's; None: all.
        page: from 1; `more` says that another follows.
    """

    values: tuple[Explained, ...]
    counts: dict[str, int]
    connections: tuple[str, ...]
    standing: Standing | None
    connection: str | None
    page: int
    more: bool
    rows: tuple[PaidRow, ...]


class PayoutPage(msgspec.Struct, frozen=True, kw_only=True):
    """One payout; `told` is what came of the reader's last wish, `refused` why nothing did."""

    whole: PaidWhole
    told: str = ""
    refused: str = ""


@get(["/payouts", "/payouts.json"], right="money.read")
async def show_payouts(
    request: Req,
    session: NamedDependency[Session],
    standing: Annotated[str, QueryParameter(name="state", max_length=20, required=False)] = "",
    connection: _Text = "",
    page: Annotated[int, QueryParameter(ge=1, le=PAGE_MAX, required=False)] = 1,
) -> Response[Any]:
    """Show payouts beside the bank, what a person has to look at first."""
    try:
        wanted = Standing(standing) if standing else None
    except ValueError as error:
        raise ValidationException(str(error)) from error
    paid = await read_paid(session, await read_names(session), today=_today())
    chosen = [
        row
        for row in paid.rows
        if (wanted is None or row.standing is wanted)
        and (not connection or row.connection == connection)
    ]
    first = (page - 1) * ROWS_MAX
    facts = PayoutsPage(
        values=paid.values,
        counts={each.value: sum(row.standing is each for row in paid.rows) for each in Standing},
        connections=tuple(sorted({row.connection for row in paid.rows})),
        standing=wanted,
        connection=connection or None,
        page=page,
        more=len(chosen) > first + ROWS_MAX,
        rows=tuple(chosen[first : first + ROWS_MAX]),
    )
    if wants_json(request):
        return answer(request, "payouts.html", facts)
    bars = {each.currency: _bar(each) for each in facts.values}
    twin = f"/payouts.json?{request.url.query}".removesuffix("?")
    return answer(request, "payouts.html", facts, bars=bars, twin=twin)


@get("/payouts/{connection:str}/{ref:path}", right="money.read")
async def show_payout(
    request: Req,
    session: NamedDependency[Session],
    connection: FromPath[str],
    ref: FromPath[str],
    done: _Text = "",
) -> Response[Any]:
    """Show one payout: what it is made of, beside what the bank got."""
    names, bare = await read_names(session), _clean(ref)
    whole = await find_paid(session, names, _clean(connection), bare, today=_today())
    if whole is None and bare.endswith(".json"):
        bare = bare.removesuffix(".json")
        whole = await find_paid(session, names, _clean(connection), bare, today=_today())
    if whole is None:
        raise NotFoundException("There is no such payout.")
    return _answer(request, PayoutPage(whole=whole, told=_DONE.get(done, "")), {})


@post("/payouts/{connection:str}/{ref:path}", status_code=303, right="money.decide")
async def decide_payout(
    request: Req,
    connection: FromPath[str],
    ref: FromPath[str],
    data: URLEncodedBody[dict[str, Any]],
) -> Response[Any]:
    """Accept a match, match by hand, or take a match back."""
    form, place = read_form(data, _LONGEST), (_clean(connection), _clean(ref))
    sides = read_many(data, "payouts"), read_many(data, "lines")
    do = form.get("do", "")
    async with write_session(request.app.state) as session:
        names = await read_names(session)
        if await find_paid(session, names, *place, today=_today()) is None:
            raise NotFoundException("There is no such payout.")
        try:
            by = visitor_of(request).name
            repeated = await _decide(session, Desk(request.app.state.hub), names, form, sides, by)
        except ConfigError as error:
            whole = await find_paid(session, names, *place, today=_today())
            if whole is None:
                raise NotFoundException("There is no such payout.") from error
            page = PayoutPage(whole=whole, refused=error.message)
            return _answer(request, page, form, sides[1], status=409)
    _log.info("payout_decided", do=do, repeated=repeated)
    done = "again" if repeated else do
    return Redirect(f"{link_payout(*place)}?done={quote(done)}", status_code=303)


def payout_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the pages of payouts."""
    return [show_payouts, show_payout, decide_payout]


async def _decide(
    session: Session,
    desk: Desk,
    names: Mapping[int, str],
    form: Mapping[str, str],
    sides: tuple[tuple[str, ...], tuple[str, ...]],
    by: str,
) -> bool:
    """Do what a form asks for; returns whether it was done before.

    Raises:
        ConfigError: it does not say what, or it can not be done.
    """
    do = form.get("do", "")
    if do == "accept":
        return (await accept_match(session, desk, names, sides, by=by)).repeated
    if do == "undo":
        seen, ref = _seen(form), form.get("match", "")
        return (await undo_match(session, desk, ref, by=by, seen=seen)).repeated
    if do != "match":
        raise ConfigError("Say what shall be done.", field="do")
    difference = form.get("difference", "")
    if difference and difference not in {*DifferenceAccount}:
        raise ConfigError("Say where the difference goes.", field="difference")
    wish = Wish(
        payouts=sides[0],
        lines=sides[1],
        by=by,
        difference=DifferenceAccount(difference) if difference else None,
        reason=comment_of(form, "reason"),
    )
    return (await match_by_hand(session, desk, names, wish)).repeated


def _seen(form: Mapping[str, str]) -> datetime:
    """Return when the match on the page was told.

    Raises:
        ConfigError: the form does not say so; it is none of ours.
    """
    try:
        return datetime.fromisoformat(form.get("seen", ""))
    except ValueError as error:
        raise ConfigError("This form is too old: look again, then decide.", field="seen") from error


def _answer(
    request: Req,
    page: PayoutPage,
    form: Mapping[str, str],
    lines: tuple[str, ...] = (),
    *,
    status: int = 200,
) -> Response[Any]:
    typed = {name: form.get(name, "") for name in ("reason", "difference")}
    return answer(
        request,
        "payout.html",
        page,
        status=status,
        typed=typed,
        chosen=lines,
        differences={
            DifferenceAccount.FEES.value: mark("the bank took a fee"),
            DifferenceAccount.EXCHANGE.value: mark("the currency was changed"),
            DifferenceAccount.ADJUSTMENTS.value: mark("anything else"),
        },
    )


def _bar(value: Explained) -> str:
    return draw_share(
        (
            SharePart("--good", value.booked),
            SharePart("--busy", value.found),
            SharePart("--quiet", value.in_transit),
            SharePart("--bad", value.unexplained),
        )
    )


def _clean(text: str) -> str:
    return text.removeprefix("/").replace("\x00", "")


def _today() -> date:
    return SystemClock().now().date()
