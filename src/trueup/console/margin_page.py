"""The page of margins: what channels, SKUs and orders earned, as a picture and as a table."""

import asyncio
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import FromQuery, QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.console.draw import Bar, draw_bars_page
from trueup.console.forms import day_in
from trueup.console.readings import Session
from trueup.console.render import answer, wants_json
from trueup.errors import ConfigError
from trueup.kernel.clock import SystemClock
from trueup.margin.earned import Earned, Figure
from trueup.margin.groups import FIGURES
from trueup.margin.layers import Certainty, Method
from trueup.margin.reads import By, read_margins, span_of, totals_of

Req = Request[Any, Any, Any]

ROWS_MAX: Final = 200
BARS_MAX: Final = 12


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One number of a row: what it is, exact, how it is known, and from what."""

    name: str
    amount: str
    certainty: Certainty
    how: str


class MarginRow(msgspec.Struct, frozen=True, kw_only=True):
    """What something earned; `ref` is the order's, where it is an order."""

    label: str
    connection: str
    ref: str | None
    currency: str
    units: int
    parts: tuple[Part, ...]
    margin: str
    share: float | None
    certainty: Certainty


class MarginPage(msgspec.Struct, frozen=True, kw_only=True):
    """Margins of orders placed on some days, what is worth most first.

    Attributes:
        drawn: of which currency the picture is: the one of most rows.
        more: there are further rows.
    """

    by: By
    method: Method
    first: date
    last: date
    drawn: str | None
    rows: tuple[MarginRow, ...]
    more: bool
    totals: tuple[MarginRow, ...]


_Day = Annotated[str, QueryParameter(max_length=10, required=False)]


@get(["/margin", "/margin.json"], right="costs.read")
async def show_margin(
    request: Req,
    session: NamedDependency[Session],
    by: FromQuery[By] = By.CHANNELS,
    method: FromQuery[Method] = Method.FIFO,
    first: _Day = "",
    last: _Day = "",
) -> Response[Any]:
    """Show what was earned in some days; without any, in the last thirty."""
    try:
        span = span_of(day_in(first), day_in(last), SystemClock().now().date())
        rows = await read_margins(session, request.app.state.hub, span, by=by, method=method)
    except (ConfigError, ValueError) as error:
        raise ValidationException(str(error)) from error
    currencies = [row.currency for row in rows]
    drawn = max(sorted(set(currencies)), key=currencies.count, default=None)
    page = MarginPage(
        by=by,
        method=method,
        first=span.first,
        last=span.last,
        drawn=drawn,
        rows=tuple(_row(row, by) for row in rows[:ROWS_MAX]),
        more=len(rows) > ROWS_MAX,
        totals=tuple(_row(row, By.CHANNELS) for row in totals_of(rows)),
    )
    if wants_json(request):
        return answer(request, "margin.html", page)
    bars = tuple(
        Bar(label=row.label, value=float(row.margin)) for row in rows if row.currency == drawn
    )
    svg = await asyncio.to_thread(draw_bars_page, bars[:BARS_MAX]) if bars else ""
    return answer(request, "margin.html", page, svg=svg)


def _row(row: Earned, by: By) -> MarginRow:
    figures = [(name, getattr(row, name)) for name in FIGURES]
    return MarginRow(
        label=row.label,
        connection=row.connection,
        ref=row.key.partition("/")[2] if by is By.ORDERS else None,
        currency=row.currency,
        units=row.units,
        parts=tuple(_part(name, figure) for name, figure in figures),
        margin=f"{row.margin:f}",
        share=row.share,
        certainty=row.certainty,
    )


def _part(name: str, figure: Figure) -> Part:
    return Part(name=name, amount=f"{figure.amount:f}", certainty=figure.certainty, how=figure.how)


def margin_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the page of margins."""
    return [show_margin]
