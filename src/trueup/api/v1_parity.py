"""`/api/v1/parity`: where a channel does not show what shall stand there, and why."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.api.guard import deed_by
from trueup.api.reading import write_session
from trueup.errors import ConfigError
from trueup.intake import reads as intake
from trueup.kernel.clock import SystemClock
from trueup.reconcile import reads as reconcile
from trueup.reconcile.report import Discrepancy
from trueup.reconcile.suspects import list_suspects, release_suspect

Session = psycopg.AsyncConnection[Any]

REPAIRS_TOLD_MAX = 100
DISCREPANCIES_TOLD_MAX = 1_000

Connection = Annotated[
    str | None, QueryParameter(max_length=255, pattern="^[^\\x00]*$", required=False)
]


class LooksView(msgspec.Struct, frozen=True, kw_only=True):
    """How far looking at a channel has come: listings, and when the oldest look was."""

    connection: str
    looked: int
    differing: int
    unexplained: int
    oldest_at: datetime
    newest_at: datetime


class RepairView(msgspec.Struct, frozen=True, kw_only=True):
    """What was done about a difference; `mended_at` null: no look has found it in order yet."""

    connection: str
    sku: str
    action: str
    cause: str
    shall: int
    stood: int | None
    evidence: list[str]
    repaired_at: datetime
    mended_at: datetime | None


class ParityView(msgspec.Struct, frozen=True, kw_only=True):
    """What the last looks found, what nothing explains first.

    `left` are the listings at which something shall stand, `right` those that were looked at.
    """

    check: str
    left: int
    right: int
    matched: int
    discrepancies: tuple[Discrepancy, ...]
    explained_share: float
    looks: tuple[LooksView, ...]
    repairs: tuple[RepairView, ...]


@get("/parity", right="stock.read")
async def show_parity(
    session: NamedDependency[Session], connection: Connection = None
) -> ParityView:
    """Show where channels do not show what shall stand there, with causes and evidence."""
    names = {row["connection_id"]: row["name"] for row in await intake.name_connections(session)}
    number = next((n for n, name in names.items() if name == connection), None)
    if connection is not None and number is None:
        raise NotFoundException(f"There is no connection {connection!r}.")
    report = await reconcile.report_of_parity(session, names, connection_id=number)
    looks = [
        row
        for row in await reconcile.count_looks(session)
        if row["connection_id"] in ({number} if number is not None else names.keys())
    ]
    repairs = await reconcile.list_repairs(session, connection_id=number, count=REPAIRS_TOLD_MAX)
    return ParityView(
        check=report.check,
        left=report.left,
        right=report.right,
        matched=report.matched,
        discrepancies=report.discrepancies[:DISCREPANCIES_TOLD_MAX],
        explained_share=report.explained_share,
        looks=tuple(_view(LooksView, row, names) for row in looks),
        repairs=tuple(_view(RepairView, row, names) for row in repairs),
    )


Number = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
PHANTOMS_TOLD_MAX = 1_000


class PhantomView(msgspec.Struct, frozen=True, kw_only=True):
    """An order that holds units and may never take them.

    `cause` null: it is only old. `proven`: facts show it, and it was released by itself.
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


class PhantomsView(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that hold units and may never take them, those with a cause first."""

    phantoms: tuple[PhantomView, ...]


class ReleasedView(msgspec.Struct, frozen=True, kw_only=True):
    """The event by which units were let go."""

    event_id: int


@get("/phantoms", right="stock.read")
async def list_phantoms(session: NamedDependency[Session]) -> PhantomsView:
    """List orders that hold units and may never take them."""
    names = {row["connection_id"]: row["name"] for row in await intake.name_connections(session)}
    rows = await list_suspects(session, count=PHANTOMS_TOLD_MAX)
    return PhantomsView(phantoms=tuple(_view(PhantomView, row, names) for row in rows))


@post("/phantoms/{record_id:int}/release", status_code=200, right="stock.decide")
async def release_phantom(request: Request[Any, Any, Any], record_id: Number) -> ReleasedView:
    """Let go what an order holds; what its vendor tells later counts all the same."""
    async with write_session(request.app.state) as session:
        try:
            by = deed_by(request, None) or "api"
            event_id = await release_suspect(
                session, request.app.state.hub, record_id, SystemClock().now(), by=by
            )
        except ConfigError as error:
            raise NotFoundException(error.message) from error
    return ReleasedView(event_id=event_id)


def parity_routes() -> list[ControllerRouterHandler]:
    """Return the routes of parity and of phantom reservations."""
    return [show_parity, list_phantoms, release_phantom]


def _view(kind: Any, row: dict[str, Any], names: dict[int, str]) -> Any:  # noqa: ANN401
    named = {**row, "connection": names.get(row["connection_id"], "removed")}
    return kind(**{name: named[name] for name in kind.__struct_fields__})
