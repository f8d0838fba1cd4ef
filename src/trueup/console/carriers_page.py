"""The page of carriers' routes: how many parcels were late, how long they took and were silent."""

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.console.draw import Span, draw_spans_page
from trueup.console.readings import Session
from trueup.console.render import answer, wants_json
from trueup.decisions.parcels.tracked import zone_here
from trueup.kernel.clock import SystemClock
from trueup.models.arrivals.past import LONG_SHARE, SOON_SHARE, Past, past_of, quantile
from trueup.models.arrivals.pasts import PAST_DAYS, read_pasts, read_weeks
from trueup.models.arrivals.route import Route

Req = Request[Any, Any, Any]

ROWS_MAX: Final = 200

_Carrier = Annotated[
    str, QueryParameter(name="carrier", max_length=255, pattern="^[^\\x00]*$", required=False)
]


class RouteRow(msgspec.Struct, frozen=True, kw_only=True):
    """How parcels did on a route; an empty part stands for all.

    Attributes:
        gap_h_p90: nine of ten parcels were never silent for longer: beyond it one is silent.
        score: of a hundred parcels, how many were neither late nor silent for 36 hours.
        told_by: whose figures these are: the route's own, or its carrier's where it has too few.
    """

    connection: str
    carrier: str
    service: str
    origin: str
    region: str
    parcels: int
    promised: int
    late: int
    late_share: float | None
    days_p50: float | None
    days_p90: float | None
    gap_h_p90: float | None
    score: int | None
    told_by: str


class WeekRow(msgspec.Struct, frozen=True, kw_only=True):
    """How the parcels did that were promised for a week."""

    monday: date
    promised: int
    late: int
    late_share: float


class RoutesPage(msgspec.Struct, frozen=True, kw_only=True):
    """How routes did in some days, those with most parcels first.

    Attributes:
        carrier: only of this one; empty: of all.
        carriers: that have parcels.
    """

    past_days: int
    carrier: str
    carriers: tuple[str, ...]
    weeks: tuple[WeekRow, ...]
    rows: tuple[RouteRow, ...]
    more: bool


@get(["/routes", "/routes.json"], right="models.read")
async def show_routes(
    request: Req, session: NamedDependency[Session], carrier: _Carrier = ""
) -> Response[Any]:
    """Show how carriers' routes did, and how many parcels were late week by week."""
    hub, now = request.app.state.hub, SystemClock().now()
    zone = zone_here(hub)
    pasts = await read_pasts(session, now, zone, hub.vault)
    weeks = await read_weeks(session, now, zone, carrier)
    rows = sorted(
        (_row(each, pasts, hub.names()) for each in pasts if carrier in ("", each.carrier)),
        key=lambda row: (-row.parcels, row.carrier, row.service, row.origin, row.region),
    )
    page = RoutesPage(
        past_days=PAST_DAYS,
        carrier=carrier,
        carriers=tuple(sorted({each.carrier for each in pasts if each.carrier})),
        weeks=tuple(
            WeekRow(
                monday=each.monday,
                promised=each.promised,
                late=each.late,
                late_share=each.late_share,
            )
            for each in weeks
        ),
        rows=tuple(rows[:ROWS_MAX]),
        more=len(rows) > ROWS_MAX,
    )
    if wants_json(request):
        return answer(request, "routes.html", page)
    spans = [Span(on=week.monday, value=week.late_share) for week in page.weeks]
    svg = await asyncio.to_thread(draw_spans_page, spans, share=True) if len(spans) > 1 else ""
    return answer(request, "routes.html", page, svg=svg)


def _row(route: Route, pasts: Mapping[Route, Past], names: Mapping[int, str]) -> RouteRow:
    own, told = pasts[route], past_of(route, pasts)
    return RouteRow(
        connection=names.get(route.connection_id, "removed"),
        carrier=route.carrier,
        service=route.service,
        origin=route.origin,
        region=route.region,
        parcels=own.parcels,
        promised=own.promised,
        late=own.late,
        late_share=told.late_share,
        days_p50=quantile(told.days, SOON_SHARE),
        days_p90=quantile(told.days, LONG_SHARE),
        gap_h_p90=told.usual_gap_h,
        score=told.score,
        told_by="route" if told is own else "carrier",
    )


def route_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the page of routes."""
    return [show_routes]
