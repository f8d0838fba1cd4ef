"""`/api/v1/returns`: which of its six facts each return has, which it lacks, and since when."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.kernel.clock import SystemClock
from trueup.kernel.money import Money
from trueup.reconcile.loop import Fact, Step
from trueup.reconcile.loop_causes import Loop
from trueup.reconcile.reads import plain
from trueup.reconcile.report import Discrepancy
from trueup.reconcile.returns import View, check_returns, find_loop, list_loops, view_of

Session = psycopg.AsyncConnection[Any]

_Connection = Annotated[
    str | None, QueryParameter(max_length=255, pattern="^[^\\x00]*$", required=False)
]
_Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]


class LoopView(msgspec.Struct, frozen=True, kw_only=True):
    """One return with its six facts; `return_ref` null: no return asks for what came or was paid.

    `units` are by SKU; those of an order nobody has told of stand under "". `discrepancies` are
    what is wrong with it: what lacks for longer than is allowed, and what is too much.
    """

    record_id: int
    ref: str
    connection: str
    order_ref: str | None
    order_number: str | None
    return_ref: str | None
    name: str | None
    state: str | None
    closed: bool
    units: dict[str, int]
    refunded: tuple[Money, ...]
    facts: tuple[Fact, ...]
    discrepancies: tuple[Discrepancy, ...]


class LoopsView(msgspec.Struct, frozen=True, kw_only=True):
    """Returns of the orders of which something was told last, as things stood `judged_at`."""

    judged_at: datetime
    returns: tuple[LoopView, ...]


@get("/returns", right="returns.read")
async def list_returns(
    request: Request[Any, Any, Any],
    session: NamedDependency[Session],
    connection: _Connection = None,
    missing: Annotated[
        Step | None,
        QueryParameter(required=False, description="Only those that lack this fact."),
    ] = None,
    count: Annotated[
        int, QueryParameter(ge=1, le=1000, description="Orders that are looked at, 1 to 1000.")
    ] = 200,
) -> LoopsView:
    """List returns, the newest order first, with the six facts of each."""
    view = await view_of(session, request.app.state.hub, SystemClock().now())
    number = _number_of(view, connection)
    found = await list_loops(session, view, connection_id=number, count=count)
    return LoopsView(
        judged_at=view.now,
        returns=tuple(_view(loop) for loop in found if missing is None or loop.lacks(missing)),
    )


@get("/returns/{record_id:int}", right="returns.read")
async def show_return(
    request: Request[Any, Any, Any], session: NamedDependency[Session], record_id: _Number
) -> LoopView:
    """Show one return: each fact with when and by what, since when it lacks, or why not needed."""
    view = await view_of(session, request.app.state.hub, SystemClock().now())
    loop = await find_loop(session, view, record_id)
    if loop is None:
        raise NotFoundException("There is no such return: GET /api/v1/returns lists them.")
    return _view(loop)


@get("/returns/differences", right="returns.read")
async def check_all(
    request: Request[Any, Any, Any],
    session: NamedDependency[Session],
    connection: _Connection = None,
) -> dict[str, Any]:
    """Go through all returns and tell what is wrong, as `trueup reconcile returns` does."""
    view = await view_of(session, request.app.state.hub, SystemClock().now())
    number = _number_of(view, connection)
    return plain(await check_returns(session, view, connection_id=number))


def _number_of(view: View, name: str | None) -> int | None:
    if name is None:
        return None
    number = next((each for each, known in view.names.items() if known == name), None)
    if number is None:
        raise NotFoundException(f"There is no connection {name!r}.")
    return number


def _view(loop: Loop) -> LoopView:
    return LoopView(**{name: getattr(loop, name) for name in LoopView.__struct_fields__})


def return_routes() -> list[ControllerRouterHandler]:
    """Return the routes of returns, below `/api/v1`."""
    return [list_returns, show_return, check_all]
