"""`/api/v1`: serials: where single units are, and which of them left with an order."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
import psycopg
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.api.guard import deed_by
from trueup.api.problem import Problem
from trueup.api.reading import write_session
from trueup.api.v1_dock import At, BookedView, Name, SerialText, Text, booked_view
from trueup.canon.serial import PackLine, trimmed
from trueup.intake import reads as intake
from trueup.ledger.serial import Serial, SerialLine
from trueup.ledger.serials import page_serials, serials_called, tracked_skus
from trueup.warehouse.book import Desk
from trueup.warehouse.packing import Packing, pack_of

Session = psycopg.AsyncConnection[Any]

LINES_MAX = 1000
SERIALS_MAX = 1000

_NO_NUL = "^[^\\x00]*$"
_Wanted = Annotated[str | None, QueryParameter(max_length=255, pattern=_NO_NUL, required=False)]


class PackedLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of one SKU by their serials."""

    sku: Text
    serials: Annotated[list[SerialText], msgspec.Meta(min_length=1, max_length=SERIALS_MAX)]


class PackWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which serials leave with an order; `order` is its number or ref.

    `channel` is the connection whose order it is, where several go by one name, or where the hub
    does not know the order yet.
    """

    ref: Name
    order: Text
    site: Name
    lines: Annotated[list[PackedLine], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    channel: Name | None = None
    occurred_at: At | None = None
    by: Name | None = None
    correct: bool = False
    dry_run: bool = False


class RuleWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether each unit of a SKU must have its serial told."""

    sku: Text
    required: bool


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """What one record says of a serial: from where to where it went, and with what.

    `from_place` null: it was seen there, whatever was told before. `clash` says what it
    contradicts. `connection` is in whose log it stands: of an order its channel.
    """

    at: datetime
    kind: str
    ref: str
    connection: str
    from_place: str | None
    from_site: str
    to_place: str
    to_site: str
    source: str | None
    source_ref: str | None
    clash: str | None


class SerialView(msgspec.Struct, frozen=True, kw_only=True):
    """Where a serial is; with what, at a customer (its order) or on its way (its transfer)."""

    sku: str
    serial: str
    place: str | None
    site: str
    source: str | None
    source_ref: str | None
    connection: str | None
    clashes: int
    story: tuple[StepView, ...] | None = None


class SerialsView(msgspec.Struct, frozen=True, kw_only=True):
    """Serials by SKU and serial; `next` is the `after` of the next page.

    Where only those of one site are asked for, a page may hold fewer than it could.
    """

    tracked: bool
    required: bool
    items: tuple[SerialView, ...]
    next: str | None


_REFUSED = {409: ResponseSpec(Problem, description="A serial lies elsewhere, or the ref is taken.")}


@post("/packs", responses=_REFUSED, right="stock.book")
async def book_pack(
    request: Request[Any, Any, Any], data: JSONBody[PackWanted]
) -> Response[BookedView]:
    """Say which serials leave with an order; it moves no units, the order's own facts do."""
    desk = Desk(request.app.state.hub)
    pack = pack_of(
        data.ref,
        [PackLine(sku=line.sku, serials=trimmed(line.serials)) for line in data.lines],
        site=data.site,
        now=desk.clock.now(),
        occurred_at=data.occurred_at,
        by=deed_by(request, data.by),
    )
    async with write_session(request.app.state) as session:
        booked = await Packing(desk).pack(
            session,
            pack,
            order=data.order,
            channel=data.channel,
            restate=data.correct,
            dry_run=data.dry_run,
        )
    return booked_view(booked)


@post("/packs/undo/{ref:str}", status_code=200, right="stock.book")
async def undo_pack(
    request: Request[Any, Any, Any],
    ref: Annotated[str, PathParameter(max_length=255, pattern=_NO_NUL)],
) -> Response[BookedView]:
    """Take back what was packed by mistake: its serials lie where they lay."""
    async with write_session(request.app.state) as session:
        return booked_view(await Packing(Desk(request.app.state.hub)).undo(session, ref))


@post("/serials/required", status_code=200, right="stock.book")
async def require_serials(
    request: Request[Any, Any, Any], data: JSONBody[RuleWanted]
) -> Response[BookedView]:
    """Say whether each unit of a SKU must have its serial; what comes without is told."""
    async with write_session(request.app.state) as session:
        packing = Packing(Desk(request.app.state.hub))
        booked = await packing.require(session, data.sku, required=data.required)
    return booked_view(booked)


@get("/serials", right="serials.read")
async def list_serials(
    session: NamedDependency[Session],
    sku: _Wanted = None,
    serial: _Wanted = None,
    site: _Wanted = None,
    after: _Wanted = None,
    count: Annotated[int, QueryParameter(ge=1, le=1000, description="Serials at most.")] = 200,
) -> SerialsView:
    """List the serials of a SKU, or tell the story of one, found in whatever case."""
    if sku is None and serial is None:
        what = {"key": "sku", "message": "Say which SKU, or which serial."}
        raise ValidationException(extra=[what])
    names = {row["connection_id"]: row["name"] for row in await intake.name_connections(session)}
    tracked = {} if sku is None else await tracked_skus(session, [sku])
    if serial is not None:
        found = await serials_called(session, serial, sku=sku)
        if not found:
            raise NotFoundException(f"Nobody told of a serial {serial!r}.")
    else:
        found = await page_serials(session, sku or "", count=count + 1, after=after or "")
    more = serial is None and len(found) > count
    page = found[:count] if more else found
    return SerialsView(
        tracked=bool(tracked) or serial is not None,
        required=any(tracked.values()),
        items=tuple(
            _view(each, names, story=serial is not None)
            for each in page
            if site is None or each.standing.site == site
        ),
        next=page[-1].serial if more else None,
    )


def serial_routes() -> list[ControllerRouterHandler]:
    """Return the routes of serials, below `/api/v1`."""
    return [book_pack, undo_pack, require_serials, list_serials]


def _view(found: Serial, names: dict[int, str], *, story: bool) -> SerialView:
    standing = found.standing
    with_it = standing.source_ref is not None
    return SerialView(
        sku=found.sku,
        serial=found.serial,
        place=None if standing.place is None else standing.place.value,
        site=standing.site,
        source=standing.source,
        source_ref=standing.source_ref,
        connection=names.get(standing.connection_id, "removed") if with_it else None,
        clashes=len(found.clashes),
        story=tuple(_step(line, names, found.clashing(line)) for line in found.lines)
        if story
        else None,
    )


def _step(line: SerialLine, names: dict[int, str], clash: str | None) -> StepView:
    return StepView(
        at=line.at,
        kind=line.kind,
        ref=line.ref,
        connection=names.get(line.connection_id, "removed"),
        from_place=None if line.start is None else line.start.value,
        from_site=line.from_site,
        to_place=line.target.value,
        to_site=line.to_site,
        source=line.source,
        source_ref=line.source_ref,
        clash=clash,
    )
