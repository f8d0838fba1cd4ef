"""The page of phantom reservations: what waits for a person, with evidence, and the way to let go.

A release is asked for twice: the first press only shows what would be let go.
"""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
import structlog
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from trueup.api.reading import write_session
from trueup.console.forms import DIGITS_MAX, whole
from trueup.console.readings import Session
from trueup.console.render import answer
from trueup.console.today import read_names
from trueup.errors import ConfigError
from trueup.kernel.clock import SystemClock
from trueup.reconcile.suspects import count_suspects, list_suspects, release_suspect

_log = structlog.get_logger("trueup.console")

Req = Request[Any, Any, Any]

ROWS_MAX: Final = 200


class PhantomRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order that holds units and may never take them.

    Attributes:
        proven: facts show it, so it was released by itself at `told_at`; else a person decides.
    """

    record_id: int
    connection: str
    ref: str
    number: str
    placed_at: datetime
    units: dict[str, int]
    cause: str | None
    proven: bool
    evidence: list[str]
    asked_at: datetime | None
    told_at: datetime | None


class PhantomsPage(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for a person, and what was released by itself.

    Attributes:
        waiting_count: of all that wait; `waiting` are the oldest of them.
        watched: orders that are only old; their vendors are asked.
        event_id: by which units were let go just now.
    """

    waiting_count: int
    watched: int
    waiting: tuple[PhantomRow, ...]
    released: tuple[PhantomRow, ...]
    event_id: int | None


async def read_phantoms(session: Session) -> tuple[PhantomRow, ...]:
    """Return the orders of which something shows that they may never take their units."""
    names = await read_names(session)
    rows = await list_suspects(session, count=ROWS_MAX, judged=True)
    named = [{**row, "connection": names.get(row["connection_id"], "removed")} for row in rows]
    fields = PhantomRow.__struct_fields__
    return tuple(msgspec.convert({f: row[f] for f in fields}, PhantomRow) for row in named)


@get(["/phantoms", "/phantoms.json"], right="stock.read")
async def show_phantoms(
    request: Req,
    session: NamedDependency[Session],
    event: Annotated[int | None, QueryParameter(ge=1, lt=10**DIGITS_MAX, required=False)] = None,
) -> Response[Any]:
    """Show orders that hold units and may never take them."""
    rows, counts = await read_phantoms(session), await count_suspects(session)
    page = PhantomsPage(
        waiting_count=counts["waiting"],
        watched=counts["watched"],
        waiting=tuple(row for row in rows if not row.proven),
        released=tuple(row for row in rows if row.proven),
        event_id=event,
    )
    return answer(request, "phantoms.html", page)


@post("/phantoms", status_code=303, right="stock.decide")
async def release_phantom(request: Req, data: URLEncodedBody[dict[str, Any]]) -> Response[Any]:
    """Let go what an order holds, because a person says so."""
    number = whole(str(data.get("phantom", "")))
    if number is None:
        raise NotFoundException("There is no such order.")
    async with write_session(request.app.state) as session:
        try:
            event_id = await release_suspect(
                session, request.app.state.hub, number, SystemClock().now(), by="console"
            )
        except ConfigError as error:
            raise NotFoundException(error.message) from error
    _log.info("phantom_released", record_id=number, event_id=event_id)
    return Redirect(f"/phantoms?event={event_id}", status_code=303)


def phantom_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the page of phantoms."""
    return [show_phantoms, release_phantom]
