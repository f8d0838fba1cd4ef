"""The pages of returns: what each lacks and for how long, and one return as a list of its facts."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.console.forms import whole
from trueup.console.readings import Session
from trueup.console.render import answer
from trueup.kernel.clock import SystemClock
from trueup.reconcile.loop import Step
from trueup.reconcile.loop_causes import CAUSES, Loop
from trueup.reconcile.returns import find_loop, list_loops, view_of

Req = Request[Any, Any, Any]

ORDERS_MAX: Final = 500
ROWS_MAX: Final = 200


class ReturnsPage(msgspec.Struct, frozen=True, kw_only=True):
    """Returns of the orders of which something was told last: what is wrong first.

    Attributes:
        orders_max: so many orders are looked at.
        seen: returns among them; `lacking` is how many of them lack which fact.
        missing: only those that lack this fact are shown.
        more: there are further ones.
    """

    judged_at: datetime
    orders_max: int
    seen: int
    lacking: dict[str, int]
    missing: Step | None
    rows: tuple[Loop, ...]
    more: bool


class ReturnPage(msgspec.Struct, frozen=True, kw_only=True):
    """One return; `meanings` say what each cause is."""

    judged_at: datetime
    loop: Loop
    meanings: dict[str, str]


@get(["/returns", "/returns.json"], right="returns.read")
async def show_returns(
    request: Req,
    session: NamedDependency[Session],
    missing: Annotated[Step | None, QueryParameter(required=False)] = None,
) -> Response[Any]:
    """Show returns with what each lacks, what is wrong first, then what lacks for longest."""
    view = await view_of(session, request.app.state.hub, SystemClock().now())
    found = await list_loops(session, view, count=ORDERS_MAX)
    chosen = [loop for loop in found if missing is None or loop.lacks(missing)]
    chosen.sort(key=_urgency)
    lacking = Counter(step.value for loop in found for step in Step if loop.lacks(step))
    page = ReturnsPage(
        judged_at=view.now,
        orders_max=ORDERS_MAX,
        seen=len(found),
        lacking={step.value: lacking[step.value] for step in Step},
        missing=missing,
        rows=tuple(chosen[:ROWS_MAX]),
        more=len(chosen) > ROWS_MAX,
    )
    return answer(request, "returns.html", page)


def _urgency(loop: Loop) -> tuple[bool, bool, int]:
    return (
        not loop.discrepancies,
        loop.closed,
        -max((fact.waited_s or 0 for fact in loop.facts), default=0),
    )


@get(["/returns/{number:str}"], right="returns.read")
async def show_return(
    request: Req, session: NamedDependency[Session], number: FromPath[str]
) -> Response[Any]:
    """Show one return: its six facts with times and evidence."""
    record_id = whole(number.removesuffix(".json"))
    if record_id is None:
        raise NotFoundException("There is no such return.")
    view = await view_of(session, request.app.state.hub, SystemClock().now())
    loop = await find_loop(session, view, record_id)
    if loop is None:
        raise NotFoundException("There is no such return.")
    meanings = {each.cause: CAUSES[each.cause] for each in loop.discrepancies}
    page = ReturnPage(judged_at=view.now, loop=loop, meanings=meanings)
    return answer(request, "return.html", page)


def return_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the pages of returns."""
    return [show_returns, show_return]
