"""`/api/v1/margin`, `/costs`, `/cost-layers`: what orders earn, and what goods cost."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.api.guard import deed_by
from trueup.api.problem import Problem
from trueup.api.reading import write_session
from trueup.api.v1_dock import At, BookedView, MoneyWanted, Name, PathText, Text, booked_view
from trueup.canon.cost import Allocation, CostKind, CostOf
from trueup.kernel.clock import SystemClock
from trueup.kernel.money import Money
from trueup.margin.costs import read_costs
from trueup.margin.earned import Earned, Figure
from trueup.margin.layers import Certainty, Layer, Method, Taken
from trueup.margin.reads import By, read_margins, span_of, totals_of
from trueup.warehouse.book import Desk
from trueup.warehouse.costing import Costing, cost_of, read_money

Session = psycopg.AsyncConnection[Any]

ROWS_TOLD_MAX = 10_000

_Day = Annotated[date | None, QueryParameter(required=False)]
_Connection = Annotated[
    str | None, QueryParameter(max_length=255, pattern="^[^\\x00]*$", required=False)
]
_REFUSED = {409: ResponseSpec(Problem, description="The ref names another cost.")}


class CostWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A cost of a purchase order or an order, by its number or ref; without taxes."""

    ref: Name
    kind: CostKind
    amount: MoneyWanted
    of: CostOf
    of_ref: Text
    allocation: Allocation | None = None
    occurred_at: At | None = None
    by: Name | None = None
    correct: bool = False
    dry_run: bool = False


class EarnedView(msgspec.Struct, frozen=True, kw_only=True):
    """What something earned; `certainty` of the margin is that of its least known number.

    `share` is the margin over what was kept of the revenue; null where nothing was.
    """

    key: str
    label: str
    connection: str
    placed_at: datetime | None
    currency: str
    units: int
    revenue: Figure
    refunds: Figure
    goods: Figure
    fees: Figure
    shipping: Figure
    ads: Figure
    margin: Decimal
    share: float | None
    certainty: Certainty


class MarginView(msgspec.Struct, frozen=True, kw_only=True):
    """Margins of orders placed on the days from `first` to `last`, what is worth most first.

    `more`: there are further rows; `totals` are of all of them, by currency.
    """

    by: By
    method: Method
    first: date
    last: date
    rows: tuple[EarnedView, ...]
    more: bool
    totals: tuple[EarnedView, ...]


class LayerView(msgspec.Struct, frozen=True, kw_only=True):
    """Units that came at once; `cost` of all of them, landed; null: nobody knows."""

    at: datetime
    source: str
    units: int
    cost: Money | None
    certainty: Certainty
    how: str


class TakenView(msgspec.Struct, frozen=True, kw_only=True):
    """What units cost, by currency."""

    units: int
    cost: tuple[Money, ...]
    certainty: Certainty
    how: tuple[str, ...]


class CostsView(msgspec.Struct, frozen=True, kw_only=True):
    """What the units of a SKU cost when they came, when they went (by order), and what is left."""

    sku: str
    method: Method
    layers: tuple[LayerView, ...]
    gone: dict[str, TakenView]
    left: TakenView


@get("/margin/{by:str}", right="costs.read")
async def show_margin(
    request: Request[Any, Any, Any],
    session: NamedDependency[Session],
    by: Annotated[str, PathParameter(max_length=20, description="orders, skus or channels")],
    first: _Day = None,
    last: _Day = None,
    method: FromQuery[Method] = Method.FIFO,
    connection: _Connection = None,
) -> MarginView:
    """Show contribution margins by order, SKU or channel; without days, of the last thirty."""
    if by not in set(By):
        raise NotFoundException(f"There are margins by {', '.join(By)}, and not by {by!r}.")
    hub = request.app.state.hub
    span = span_of(first, last, SystemClock().now().date())
    number = hub.number_of(connection)
    if connection is not None and number is None:
        raise NotFoundException(f"There is no connection {connection!r}.")
    rows = await read_margins(session, hub, span, by=By(by), method=method, connection_id=number)
    return MarginView(
        by=By(by),
        method=method,
        first=span.first,
        last=span.last,
        rows=tuple(_earned(row) for row in rows[:ROWS_TOLD_MAX]),
        more=len(rows) > ROWS_TOLD_MAX,
        totals=tuple(_earned(row) for row in totals_of(rows)),
    )


@get("/cost-layers/{sku:str}", right="costs.read")
async def show_costs(
    request: Request[Any, Any, Any],
    session: NamedDependency[Session],
    sku: PathText,
    method: FromQuery[Method] = Method.FIFO,
) -> CostsView:
    """Show the cost layers of a SKU, landed, what went of them and what is left."""
    book = await read_costs(session, request.app.state.hub, method, [sku])
    if sku not in book.costed:
        raise NotFoundException("Nothing of this SKU ever came or went.")
    costed = book.costed[sku]
    return CostsView(
        sku=sku,
        method=method,
        layers=tuple(_layer(each) for each in book.layers.get(sku, ())),
        gone={name: _taken(taken) for name, taken in costed.gone.items()},
        left=_taken(costed.left),
    )


@post("/costs", responses=_REFUSED, right="costs.book")
async def tell_cost(
    request: Request[Any, Any, Any], data: JSONBody[CostWanted]
) -> Response[BookedView]:
    """Tell a cost; a purchase's becomes part of what its units cost, whenever it is told."""
    desk = Desk(request.app.state.hub)
    cost = cost_of(
        *(data.ref, data.kind, read_money(data.amount.amount, data.amount.currency)),
        of=(data.of, data.of_ref),
        now=data.occurred_at or desk.clock.now(),
        allocation=data.allocation,
        by=deed_by(request, data.by),
    )
    async with write_session(request.app.state) as session:
        booked = await Costing(desk).tell(session, cost, restate=data.correct, dry_run=data.dry_run)
    return booked_view(booked)


@post("/costs/undo/{ref:str}", status_code=200, responses=_REFUSED, right="costs.book")
async def undo_cost(request: Request[Any, Any, Any], ref: PathText) -> Response[BookedView]:
    """Take back a cost that was told by mistake."""
    async with write_session(request.app.state) as session:
        return booked_view(await Costing(Desk(request.app.state.hub)).undo(session, ref))


def _earned(row: Earned) -> EarnedView:
    return EarnedView(**{name: getattr(row, name) for name in EarnedView.__struct_fields__})


def _layer(layer: Layer) -> LayerView:
    return LayerView(
        at=layer.at,
        source=layer.key,
        units=layer.units,
        cost=layer.cost,
        certainty=layer.certainty,
        how=layer.how,
    )


def _taken(taken: Taken) -> TakenView:
    return TakenView(
        units=taken.units,
        cost=tuple(Money(amount, code) for code, amount in taken.cost.items()),
        certainty=taken.certainty,
        how=taken.how,
    )


def margin_routes() -> list[ControllerRouterHandler]:
    """Return the routes of margins and costs, below `/api/v1`."""
    return [show_margin, show_costs, tell_cost, undo_cost]
