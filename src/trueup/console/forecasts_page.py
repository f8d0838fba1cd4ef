"""The pages of forecasts: which SKUs run out first, and of one what was sold and what will be."""

import asyncio
import importlib
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.console.draw import Bar, Span, draw_bars_page, draw_spans_page
from trueup.console.readings import Session
from trueup.console.render import answer, wants_json
from trueup.console.supply import Outlook
from trueup.decisions.purchasing.planned import Planned, planned_lines
from trueup.decisions.rules.reorder import NAME
from trueup.decisions.written.store import read_rulebook
from trueup.kernel.clock import SystemClock
from trueup.ledger.outlook import days_before, ending_outlooks, outlooks_of
from trueup.records.expected import Incoming, incoming_of

Req = Request[Any, Any, Any]

ROWS_MAX: Final = 200
BARS_MAX: Final = 12
AHEAD_DAYS: Final = 90
PAST_DAYS: Final = 91

_Sku = Annotated[
    str, QueryParameter(name="sku", max_length=255, pattern="^[^\\x00]*$", required=False)
]


class OutlookRow(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU in the list: when it is sold out, and what the rule would order now.

    Attributes:
        days_left: until it is as likely as not sold out.
        planned: None where nothing would be ordered.
    """

    outlook: Outlook
    days_left: int
    planned: Planned | None


class ForecastsPage(msgspec.Struct, frozen=True, kw_only=True):
    """The SKUs that are as likely as not sold out within some days, the first first."""

    ahead_days: int
    rows: tuple[OutlookRow, ...]
    more: bool


class ForecastDay(msgspec.Struct, frozen=True, kw_only=True):
    """One day of a SKU: what was sold, or what is expected.

    Attributes:
        sold: None for a day to come; `open`: there was something to sell.
        expected, low, high: eight of ten such days lie between; None for a day that is over.
    """

    on: date
    sold: int | None
    open: bool
    expected: float | None
    low: float | None
    high: float | None


class ForecastPage(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU: its days, its outlook, what is on the way and what would be ordered.

    Attributes:
        kind: of demand, as the model sees it; empty before the first training.
        beats: the model beats the mean of 13 weeks, so what it tells counts.
    """

    sku: str
    outlook: Outlook | None
    days: tuple[ForecastDay, ...]
    expected_units: float | None
    kind: str
    beats: bool
    incoming: tuple[Incoming, ...]
    planned: Planned | None


@get(["/forecasts", "/forecasts.json"], right="models.read")
async def show_forecasts(
    request: Req, session: NamedDependency[Session], sku: _Sku = ""
) -> Response[Any]:
    """Show which SKUs run out first; of one, what was sold and what is expected."""
    now = SystemClock().now()
    planned = await _planned(request, session, now)
    if sku:
        return await _show_one(request, session, sku, planned, now)
    page = await _list(session, planned, now.astimezone(UTC).date())
    if wants_json(request):
        return answer(request, "forecasts.html", page)
    bars = [Bar(label=row.outlook.sku, value=float(row.days_left)) for row in page.rows[:BARS_MAX]]
    svg = await asyncio.to_thread(draw_bars_page, bars) if bars else ""
    return answer(request, "forecasts.html", page, svg=svg)


async def _show_one(
    request: Req, session: Session, sku: str, planned: Mapping[str, Planned], now: datetime
) -> Response[Any]:
    page = await _one(session, sku, planned, now.astimezone(UTC).date())
    if page is None:
        raise NotFoundException("Of this SKU nothing was sold, or it is not counted yet.")
    if wants_json(request):
        return answer(request, "forecast.html", page)
    sold_out = page.outlook.expected_on if page.outlook is not None else None
    shown = page.days[-1].on if page.days else None
    mark = sold_out if sold_out and shown and sold_out <= shown else None
    svg = ""
    if page.days:
        svg = await asyncio.to_thread(draw_spans_page, _spans(page.days), mark=mark)
    return answer(request, "forecast.html", page, svg=svg)


async def _planned(request: Req, session: Session, now: datetime) -> Mapping[str, Planned]:
    hub = request.app.state.hub
    book = await read_rulebook(session, hub.rule_tables)
    return await planned_lines(session, hub, book.settings[NAME], now)


async def _list(session: Session, planned: Mapping[str, Planned], today: date) -> ForecastsPage:
    found = await ending_outlooks(session, today + timedelta(days=AHEAD_DAYS), count=ROWS_MAX + 1)
    rows = [msgspec.convert(row, Outlook) for row in found[:ROWS_MAX]]
    return ForecastsPage(
        ahead_days=AHEAD_DAYS,
        rows=tuple(
            OutlookRow(
                outlook=row,
                days_left=(row.expected_on - today).days if row.expected_on else AHEAD_DAYS,
                planned=planned.get(row.sku),
            )
            for row in rows
        ),
        more=len(found) > ROWS_MAX,
    )


async def _one(
    session: Session, sku: str, planned: Mapping[str, Planned], today: date
) -> ForecastPage | None:
    outlooks = await outlooks_of(session, [sku])
    past = (await days_before(session, [sku], today, days_max=PAST_DAYS)).get(sku, [])
    # Loaded when it is asked for: the web process starts without the models.
    told = importlib.import_module("trueup.models.demand.told")
    forecasts = await told.read_forecasts(session, sku=sku, count=1)
    if not (outlooks or past or forecasts):
        return None
    was = [
        ForecastDay(on=day.on, sold=day.units, open=day.open, expected=None, low=None, high=None)
        for day in past
    ]
    found = forecasts[0] if forecasts else None
    return ForecastPage(
        sku=sku,
        outlook=msgspec.convert(outlooks[0], Outlook) if outlooks else None,
        days=(*was, *_ahead(found, today)),
        expected_units=None if found is None else sum(found.means),
        kind="" if found is None else found.kind,
        beats=found is not None and found.beats,
        incoming=tuple(await incoming_of(session, [sku])),
        planned=planned.get(sku),
    )


def _ahead(found: Any, today: date) -> list[ForecastDay]:  # noqa: ANN401 - a module loaded late
    """Return the days that are told and not over."""
    if found is None:
        return []
    told = zip(found.means, found.low, found.high, strict=True)
    days = [
        ForecastDay(
            on=found.first_on + timedelta(days=number),
            sold=None,
            open=True,
            expected=mean,
            low=low,
            high=high,
        )
        for number, (mean, low, high) in enumerate(told)
    ]
    return [day for day in days if day.on >= today]


def _spans(days: Sequence[ForecastDay]) -> list[Span]:
    """Return what is drawn; a day on which there was nothing to sell leaves a gap."""
    return [
        Span(
            on=day.on,
            value=float(day.sold) if day.sold is not None and (day.open or day.sold) else None,
            expected=day.expected,
            low=day.low,
            high=day.high,
        )
        for day in days
    ]


def forecast_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the pages of forecasts."""
    return [show_forecasts]
