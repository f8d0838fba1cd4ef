"""`/api/v1/models`, `/forecast`, `/reorders`, `/customers/...` and `/routes`: what lies ahead.

The models are loaded when they are asked for: the web process starts without numpy.
"""

import asyncio
import importlib
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.api.cursor import cursor_of, cursor_text
from trueup.api.v1_model import After, Count, Page
from trueup.decisions.parcels.tracked import zone_here
from trueup.decisions.purchasing.planned import Planned, planned_lines
from trueup.decisions.rules.reorder import NAME as REORDER
from trueup.decisions.written.store import read_rulebook
from trueup.kernel.clock import SystemClock
from trueup.models.arrivals.past import LONG_SHARE, SOON_SHARE, Past, past_of, quantile
from trueup.models.arrivals.pasts import read_pasts
from trueup.models.arrivals.route import Route
from trueup.models.finding import find_model
from trueup.models.model import Card
from trueup.models.reads import list_trained, tell_card

Session = psycopg.AsyncConnection[Any]

_NO_NUL = "^[^\\x00]*$"
_Sku = Annotated[
    str | None,
    QueryParameter(required=False, max_length=255, pattern=_NO_NUL, description="Only this SKU."),
]
_Part = Annotated[
    str | None,
    QueryParameter(
        required=False, max_length=255, pattern=_NO_NUL, description="Only of this one."
    ),
]
_From = Annotated[
    str | None,
    QueryParameter(
        name="from", required=False, max_length=255, pattern=_NO_NUL, description="Only from here."
    ),
]
_To = Annotated[
    str | None,
    QueryParameter(
        name="to", required=False, max_length=255, pattern=_NO_NUL, description="Only to here."
    ),
]
_Person = Annotated[str, PathParameter(pattern="^[0-9a-f]{2,64}$", description="Any of their ids.")]


class TrainedView(msgspec.Struct, frozen=True, kw_only=True):
    """The newest of a model; `beats` the rule below it, else the rule counts.

    `value` is how an older one did on `watched_at`, `carded` what its card said.
    """

    model: str
    version: int
    trained_at: datetime
    sha256: str
    beats: bool
    card: Card
    sentence: str
    watched_at: datetime | None
    value: float | None
    carded: float | None
    drifted: bool | None


class DayView(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of a day; eight of ten such days lie between `low` and `high`."""

    on: date
    units: float
    low: float
    high: float


class ForecastView(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of a SKU: in all, by channel (they sum to it), and day by day."""

    sku: str
    kind: str
    units: float
    channels: dict[str, float]
    days: list[DayView]
    beats: bool


class TierView(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected in the next 52 weeks of the customers of a tier; an estimate."""

    currency: str
    tier: str
    customers: int
    orders: float
    value: float
    alive: float


class ExpectedView(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of one customer in the next 52 weeks; no dates below three purchases."""

    person: str
    purchases: int
    last_on: date
    alive: float
    orders: float
    value: float
    currency: str
    tier: str
    again: float | None
    early_on: date | None
    soon_on: date | None
    expected_on: date | None
    late_on: date | None
    beats: bool


class RouteView(
    msgspec.Struct, frozen=True, kw_only=True, rename={"origin": "from", "region": "to"}
):
    """How parcels of the last 90 days did on a route; an empty part stands for all.

    Half and nine of ten came within `days_p50` and `days_p90`, and nine of ten were never silent
    for longer than `gap_h_p90`. Of a hundred parcels `score` were neither late nor silent for 36
    hours. Where too few went over it, these are its carrier's (`told_by`), or nobody's.
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


@get("/models", right="models.read")
async def list_models(session: NamedDependency[Session]) -> list[TrainedView]:
    """List the models as they were trained last, each with its card."""
    return [
        msgspec.convert(
            row
            | {"sha256": row["sha256"].hex()}
            | {"card": msgspec.structs.asdict(row["card"])}
            | {"sentence": tell_card(row["model"], row["card"], row["trained_at"])},
            TrainedView,
            from_attributes=True,
        )
        for row in await list_trained(session)
    ]


@get("/forecast", right="models.read")
async def forecast(
    session: NamedDependency[Session], cursor: After = None, count: Count = 50, sku: _Sku = None
) -> Page[ForecastView]:
    """Tell what is expected of each SKU from the day after the newest training on, by SKU."""
    demand = await _aside(lambda: importlib.import_module("trueup.models.demand.told"))
    after = "" if cursor is None else cursor_text(cursor)
    found = await demand.read_forecasts(session, sku=sku, after=after, count=count + 1)
    shown = [
        ForecastView(
            sku=each.sku,
            kind=each.kind,
            units=sum(each.means),
            channels=each.channels,
            days=[
                DayView(on=each.first_on + timedelta(days=number), units=mean, low=low, high=high)
                for number, (mean, low, high) in enumerate(
                    zip(each.means, each.low, each.high, strict=True)
                )
            ],
            beats=each.beats,
        )
        for each in found[:count]
    ]
    following = cursor_of(shown[-1].sku) if len(found) > count else None
    return Page(items=shown, next_cursor=following)


@get("/reorders", right="models.read")
async def list_reorders(
    request: Request[Any, Any, Any], session: NamedDependency[Session]
) -> list[Planned]:
    """Tell what the rule `reorder` would order now, by SKU; nothing is kept or sent."""
    hub = request.app.state.hub
    book = await read_rulebook(session, hub.rule_tables)
    found = await planned_lines(session, hub, book.settings[REORDER], SystemClock().now())
    return [found[sku] for sku in sorted(found)]


@get("/customers/tiers", right="customers.read")
async def list_tiers(session: NamedDependency[Session]) -> list[TierView]:
    """Tell what is expected of the customers of each tier, by currency; none before training."""
    tiers = await (await _aside(_value)).read_tiers(session)
    return [msgspec.convert(each, TierView, from_attributes=True) for each in tiers]


@get("/customers/{person:str}/expected", right="customers.read")
async def show_expected(
    request: Request[Any, Any, Any], session: NamedDependency[Session], person: _Person
) -> ExpectedView:
    """Tell what is expected of one customer, by any id of theirs."""
    hub, now = request.app.state.hub, SystemClock().now()
    number = bytes.fromhex(person) if len(person) % 2 == 0 else b""
    found = await (await _aside(_value)).expect_of(session, hub, number, now)
    if found is None:
        raise NotFoundException("Of this customer nothing was bought, or nothing was learned yet.")
    return msgspec.convert(found, ExpectedView, from_attributes=True)


@get("/routes", right="models.read")
async def list_routes(
    request: Request[Any, Any, Any],
    session: NamedDependency[Session],
    cursor: After = None,
    count: Count = 50,
    carrier: _Part = None,
    origin: _From = None,
    region: _To = None,
) -> Page[RouteView]:
    """Tell how each route did, and each carrier as a whole, as the rules about parcels see it."""
    hub, now = request.app.state.hub, SystemClock().now()
    names = hub.names()
    pasts = await read_pasts(session, now, zone_here(hub), hub.vault)
    wanted = (carrier, origin, region)
    after = "" if cursor is None else cursor_text(cursor)
    found = sorted(
        (
            each
            for each in pasts
            if each.ref > after
            and all(
                part is None or part.casefold() == own.casefold()
                for part, own in zip(wanted, (each.carrier, each.origin, each.region), strict=True)
            )
        ),
        key=lambda each: each.ref,
    )
    shown = [_route(each, pasts, names) for each in found[:count]]
    following = cursor_of(found[count - 1].ref) if len(found) > count else None
    return Page(items=shown, next_cursor=following)


def _route(route: Route, pasts: Mapping[Route, Past], names: Mapping[int, str]) -> RouteView:
    own, told = pasts[route], past_of(route, pasts)
    return RouteView(
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


def _value() -> Any:  # noqa: ANN401 - a module
    find_model("value")  # says how its library is installed where it is not
    return importlib.import_module("trueup.models.value.one")


async def _aside(load: Callable[[], Any]) -> Any:  # noqa: ANN401 - a module
    """Return a module whose libraries take seconds to load; others are served meanwhile."""
    return await asyncio.to_thread(load)


def model_routes() -> list[ControllerRouterHandler]:
    """Return the routes of models, below `/api/v1`."""
    return [list_models, forecast, list_reorders, list_tiers, show_expected, list_routes]
