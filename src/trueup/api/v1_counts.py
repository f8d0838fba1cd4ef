"""`/api/v1/counts`: count sheets. Who counts is told nothing of what the books say."""

from datetime import datetime
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from litestar import Request, get, post
from litestar.exceptions import NotFoundException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from trueup.api.guard import deed_by, deed_of_somebody
from trueup.api.problem import Problem
from trueup.api.reading import write_session
from trueup.api.v1_dock import At, Name, PathText, Text, Units
from trueup.canon.count import CountLine, CountSheet, LineState, SheetState
from trueup.warehouse.book import Desk
from trueup.warehouse.counting import Counting, Missing, Said
from trueup.warehouse.tally import Sheet

SKUS_MAX = 5000


class SheetWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to count at a site: some SKUs, or all that lie there.

    A variance up to the greater of both tolerances is booked at once.
    """

    site: Name
    ref: Name | None = None
    skus: Annotated[list[Text], msgspec.Meta(max_length=SKUS_MAX)] = []
    blind: bool = True
    tolerance_units: Units = 0
    tolerance_percent: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    by: Name | None = None


class EntryWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody counted; `key` names it for ever. Of one bin the last entry counts."""

    sku: Text
    quantity: Units
    key: Name
    by: Name | None = None
    bin: Annotated[str, msgspec.Meta(max_length=120, pattern="^[^\\x00]*$")] = ""
    counted_at: At | None = None


class ClosingWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it means that a SKU was not counted: `refuse` to close, `skip` it, or `zero`."""

    missing: Missing = Missing.REFUSE
    by: Name | None = None


class Decision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether a variance is booked, or the SKU counted again; by somebody who did not count it."""

    sku: Text
    approve: bool
    by: Name | None = None


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it was taken down."""

    sku: str
    quantity: int
    bin: str
    round: int
    by: str
    counted_at: datetime


class LineView(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted of a SKU beside what the books said then.

    `state` is posted, waiting, approved or refused; `moved`: units came or left meanwhile.
    """

    sku: str
    round: int
    state: LineState
    counted: int
    book: int
    variance: int
    moved: bool
    counted_at: datetime
    counted_by: tuple[str, ...]
    by: str | None


class SheetView(msgspec.Struct, frozen=True, kw_only=True):
    """A count sheet. Lines are there once it was closed; `missing` is still to be counted."""

    ref: str
    site: str
    state: SheetState
    blind: bool
    tolerance_units: int
    tolerance_percent: int
    lines: list[LineView]
    missing: list[str] = []


_TAKEN = {409: ResponseSpec(Problem, description="The ref or key names something else.")}


@post("/counts", responses=_TAKEN, right="stock.book")
async def open_count(request: Request[Any, Any, Any], data: JSONBody[SheetWanted]) -> SheetView:
    """Open a count sheet; the same again is the same sheet."""
    counting, now = _room(request)
    sheet = CountSheet(
        ref=data.ref or f"count-{uuid4()}",
        updated_at=now,
        site=data.site,
        state=SheetState.OPEN,
        skus=tuple(dict.fromkeys(data.skus)),
        blind=data.blind,
        tolerance_units=data.tolerance_units,
        tolerance_percent=data.tolerance_percent,
        created_at=now,
        by=deed_by(request, data.by),
    )
    async with write_session(request.app.state) as session:
        return view_of(await counting.open(session, sheet))


@get("/counts/{ref:str}", right="stock.read")
async def show_count(request: Request[Any, Any, Any], ref: PathText) -> SheetView:
    """Show a count sheet."""
    counting, _ = _room(request)
    async with write_session(request.app.state) as session:
        sheet = await counting.find(session, ref)
        if sheet is None:
            raise NotFoundException(f"There is no count sheet {ref!r}.")
        return view_of(sheet, await counting.missing(session, ref))


@post("/counts/{ref:str}/entries", responses=_TAKEN, right="stock.book")
async def enter_count(
    request: Request[Any, Any, Any], ref: PathText, data: JSONBody[EntryWanted]
) -> EntryView:
    """Take down what somebody counted; the same key again changes nothing."""
    counting, _ = _room(request)
    by = deed_of_somebody(request, data.by)
    said = Said(**msgspec.structs.asdict(data) | {"by": by})
    async with write_session(request.app.state) as session:
        entry = await counting.enter(session, ref, said)
    names = msgspec.structs.fields(EntryView)
    return EntryView(**{field.name: getattr(entry, field.name) for field in names})


@post("/counts/{ref:str}/close", status_code=200, right="stock.book")
async def close_count(
    request: Request[Any, Any, Any], ref: PathText, data: JSONBody[ClosingWanted]
) -> SheetView:
    """Hold what was counted beside the books of that instant; the rest waits for a person."""
    counting, _ = _room(request)
    async with write_session(request.app.state) as session:
        by = deed_by(request, data.by) or ""
        return view_of(await counting.close(session, ref, missing=data.missing, by=by))


@post("/counts/{ref:str}/decide", status_code=200, right="stock.decide")
async def decide_count(
    request: Request[Any, Any, Any], ref: PathText, data: JSONBody[Decision]
) -> LineView:
    """Book a variance, or have it counted again; who counted it can not decide."""
    counting, _ = _room(request)
    async with write_session(request.app.state) as session:
        by = deed_of_somebody(request, data.by)
        line = await counting.decide(session, ref, data.sku, approve=data.approve, by=by)
    return line_view(line)


def count_routes() -> list[ControllerRouterHandler]:
    """Return the routes of counts, below `/api/v1`."""
    return [open_count, show_count, enter_count, close_count, decide_count]


def view_of(sheet: Sheet, missing: tuple[str, ...] = ()) -> SheetView:
    """Return a count sheet as the API shows it."""
    told = sheet.sheet
    return SheetView(
        ref=told.ref,
        site=told.site,
        state=told.state,
        blind=told.blind,
        tolerance_units=told.tolerance_units,
        tolerance_percent=told.tolerance_percent,
        lines=[line_view(line) for line in sheet.lines],
        missing=list(missing),
    )


def line_view(line: CountLine) -> LineView:
    """Return a line as the API shows it."""
    names = msgspec.structs.fields(LineView)
    return LineView(**{field.name: getattr(line, field.name) for field in names})


def _room(request: Request[Any, Any, Any]) -> tuple[Counting, datetime]:
    desk = Desk(request.app.state.hub)
    return Counting(desk), desk.clock.now()
