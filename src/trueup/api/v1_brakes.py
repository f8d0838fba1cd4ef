"""`/api/v1/brakes`: counts that are held for a person, and what the person says."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter
from litestar.types import ControllerRouterHandler

from trueup.api.reading import write_session
from trueup.intake import reads as intake
from trueup.ledger.brakes import discard_brake, list_brakes, release_brake

BRAKES_MAX = 200

Session = psycopg.AsyncConnection[Any]

Id = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]


class BrakeView(msgspec.Struct, frozen=True, kw_only=True):
    """One group of held counts; `state` is held, released or discarded."""

    brake_id: int
    connection: str
    source: str
    state: str
    reason: str
    events: int
    held_at: datetime
    decided_at: datetime | None


class BrakePage(msgspec.Struct, frozen=True, kw_only=True):
    """Groups of held counts, those that wait for a person first; the newest 200."""

    items: tuple[BrakeView, ...]


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """How many events were put back on the queue, or given up."""

    events: int


@get("/brakes", right="stock.read")
async def show_brakes(session: NamedDependency[Session]) -> BrakePage:
    """List counts that are held because they would change too much at once."""
    names = {row["connection_id"]: row["name"] for row in await intake.name_connections(session)}
    rows = await list_brakes(session, count=BRAKES_MAX)
    return BrakePage(
        items=tuple(
            BrakeView(connection=names.get(row.pop("connection_id"), "removed"), **row)
            for row in rows
        )
    )


@post("/brakes/{brake_id:int}/release", status_code=200, right="stock.decide")
async def release(request: Request[Any, Any, Any], brake_id: Id) -> Decided:
    """Let a group be applied, as of its own instants."""
    async with write_session(request.app.state) as session:
        return _decided(await release_brake(session, brake_id, datetime.now(UTC)), brake_id)


@post("/brakes/{brake_id:int}/discard", status_code=200, right="stock.decide")
async def discard(request: Request[Any, Any, Any], brake_id: Id) -> Decided:
    """Give a group up: it stays in the log and moves nothing."""
    async with write_session(request.app.state) as session:
        return _decided(await discard_brake(session, brake_id, datetime.now(UTC)), brake_id)


def brake_routes() -> list[ControllerRouterHandler]:
    """Return the routes of held counts, below `/api/v1`."""
    return [show_brakes, release, discard]


def _decided(events: int | None, brake_id: int) -> Decided:
    if events is None:
        raise NotFoundException(f"No group {brake_id} is held.")
    return Decided(events=events)
