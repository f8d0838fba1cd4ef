"""`/api/v1`: purchase orders, arrivals, transfers, graded returns and what is still to come.

The answer follows the commit. The same ref with the same content is booked once; with other content
it is refused, unless `correct` says that it is told anew.
"""

from datetime import date, datetime
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
from trueup.api.problem import Problem, problem
from trueup.api.reading import write_session
from trueup.canon.dock import ArrivalLine, ArrivalSource, TransferLine
from trueup.canon.inspection import Grade, InspectionLine
from trueup.canon.issue import Issue
from trueup.canon.purchase import PurchaseLine
from trueup.canon.serial import SERIAL_CHARS_MAX, trimmed
from trueup.errors import InsufficientStock
from trueup.kernel.limits import UNITS_MAX
from trueup.ledger.fefo import Lot, Shelf, pick
from trueup.ledger.lots import shelves_of
from trueup.records.expected import Document, Incoming, incoming_of
from trueup.warehouse.book import Booked, Desk, Move
from trueup.warehouse.costing import read_money
from trueup.warehouse.dock import Dock, arrival_of, purchase_of, transfer_of
from trueup.warehouse.inspecting import Inspecting, inspection_of

Session = psycopg.AsyncConnection[Any]

LINES_MAX = 1000
SKUS_MAX = 200

_NO_NUL = "^[^\\x00]*$"

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=_NO_NUL)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=120, pattern=_NO_NUL)]
LotCode = Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=_NO_NUL)]
SerialText = Annotated[
    str, msgspec.Meta(min_length=1, max_length=SERIAL_CHARS_MAX, pattern=_NO_NUL)
]
Serials = Annotated[list[SerialText], msgspec.Meta(max_length=10_000)]
Why = Annotated[str, msgspec.Meta(max_length=500, pattern=_NO_NUL)]
Note = Annotated[str, msgspec.Meta(min_length=1, max_length=500, pattern=_NO_NUL)]
Units = Annotated[int, msgspec.Meta(ge=0, le=UNITS_MAX)]
SomeUnits = Annotated[int, msgspec.Meta(ge=1, le=UNITS_MAX)]
At = Annotated[datetime, msgspec.Meta(tz=True)]
PathText = Annotated[str, PathParameter(max_length=255, pattern=_NO_NUL)]


class ArrivedLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of one SKU that came: those that can be sold, and those that are damaged.

    `serials` name units of the former, `damaged_serials` of the latter, as far as they were read.
    """

    sku: Text
    quantity: Units
    damaged: Units = 0
    line_ref: Name | None = None
    lot: LotCode | None = None
    expires_on: date | None = None
    serials: Serials = []
    damaged_serials: Serials = []


class SentLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of one SKU."""

    sku: Text
    quantity: SomeUnits
    lot: LotCode | None = None


class MovedLine(SentLine, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of one SKU on their way; `serials` name them, as far as they were read."""

    serials: Serials = []


class ArrivalWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came in at a site, for a purchase order, of a transfer, or for neither.

    `source_connection` says whose purchase order it is, where several go by one name.
    """

    ref: Name
    site: Name
    lines: Annotated[list[ArrivedLine], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    source: ArrivalSource | None = None
    source_ref: Text | None = None
    source_connection: Name | None = None
    occurred_at: At | None = None
    by: Name | None = None
    reason: Why | None = None
    correct: bool = False
    dry_run: bool = False


class TransferWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What leaves a site for another one; refused where it is not there."""

    ref: Name
    from_site: Name
    to_site: Name
    lines: Annotated[list[MovedLine], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    expected_on: date | None = None
    occurred_at: At | None = None
    by: Name | None = None
    reason: Why | None = None
    correct: bool = False
    dry_run: bool = False


class MoneyWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exact amount as text, and its ISO 4217 currency."""

    amount: Annotated[str, msgspec.Meta(max_length=30, pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]


class PurchasedLine(SentLine, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of one SKU that are ordered; cost, weight and volume are of one unit."""

    cost: MoneyWanted | None = None
    weight_g: SomeUnits | None = None
    volume_cm3: SomeUnits | None = None


class PurchaseWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is ordered at a supplier, where no other system holds the order."""

    ref: Name
    lines: Annotated[list[PurchasedLine], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    site: Name = "main"
    supplier: Text | None = None
    expected_on: date | None = None
    correct: bool = False
    dry_run: bool = False


class GradedLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of one SKU that came back in one grade; `note` says what is wrong with them.

    `serials` name them, as far as they were read.
    """

    sku: Text
    quantity: SomeUnits
    grade: Grade
    note: Note | None = None
    serials: Serials = []


class InspectionWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What came back from a customer, graded; `order` is a number or ref, none where unknown.

    `channel` is the connection whose order it is, where several go by one name, or where the hub
    does not know the order yet.
    """

    ref: Name
    site: Name
    lines: Annotated[list[GradedLine], msgspec.Meta(min_length=1, max_length=LINES_MAX)]
    order: Text | None = None
    channel: Name | None = None
    occurred_at: At | None = None
    by: Name | None = None
    reason: Note | None = None
    correct: bool = False
    dry_run: bool = False


class BookedView(msgspec.Struct, frozen=True, kw_only=True):
    """What was booked; on a dry run what would be. `repeated`: it was booked before."""

    ref: str
    repeated: bool
    dry_run: bool
    moves: tuple[Move, ...]
    issues: tuple[Issue, ...]


class IncomingView(msgspec.Struct, frozen=True, kw_only=True):
    """What is still to come, the earliest first."""

    items: list[Incoming]


class PickView(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of one lot; "" is without a lot."""

    lot: str
    units: int


class ShelfView(msgspec.Struct, frozen=True, kw_only=True):
    """What of a SKU lies at a site, lot by lot in the order in which it is picked."""

    site: str
    lots: tuple[Lot, ...]
    unlotted: int


class LotsView(msgspec.Struct, frozen=True, kw_only=True):
    """The lots of a SKU; none where nobody named one. `pick` is what to take for `units`."""

    sku: str
    shelves: list[ShelfView]
    pick: list[PickView]


class DocumentsView(msgspec.Struct, frozen=True, kw_only=True):
    """Purchase orders or transfers of one name, each with what came of it."""

    items: list[Document]


_REFUSED = {409: ResponseSpec(Problem, description="Too little is left, or the ref is taken.")}


@post("/arrivals", responses=_REFUSED, right="stock.book")
async def book_arrival(
    request: Request[Any, Any, Any], data: JSONBody[ArrivalWanted]
) -> Response[BookedView]:
    """Book what came, in as many parts as it comes; what is too much is booked too, and told."""
    if (data.source is None) != (data.source_ref is None):
        raise _wrong("source_ref", "Give both source and source_ref, or neither.")
    if not any(line.quantity + line.damaged for line in data.lines):
        raise _wrong("lines", "At least one unit comes.")
    _check_sum([line.quantity + line.damaged for line in data.lines])
    desk = Desk(request.app.state.hub)
    arrival = arrival_of(
        data.ref,
        [ArrivalLine(**_fields(line)) for line in data.lines],
        site=data.site,
        now=desk.clock.now(),
        occurred_at=data.occurred_at,
        source=data.source,
        source_ref=data.source_ref,
        source_connection=data.source_connection,
        by=deed_by(request, data.by),
        reason=data.reason,
    )
    async with write_session(request.app.state) as session:
        booked = await Dock(desk).arrive(
            session, arrival, restate=data.correct, dry_run=data.dry_run
        )
    return booked_view(booked)


@post("/arrivals/undo/{ref:str}", status_code=200, responses=_REFUSED, right="stock.book")
async def undo_arrival(request: Request[Any, Any, Any], ref: PathText) -> Response[BookedView]:
    """Take back what was entered by mistake; refused where it is gone already."""
    try:
        async with write_session(request.app.state) as session:
            return booked_view(await Dock(Desk(request.app.state.hub)).undo_arrival(session, ref))
    except InsufficientStock as refusal:
        return _short(refusal)


@post("/transfers", responses=_REFUSED, right="stock.book")
async def book_transfer(
    request: Request[Any, Any, Any], data: JSONBody[TransferWanted]
) -> Response[BookedView]:
    """Send units to another site; until they are taken in there they are in transit."""
    _check_sum([line.quantity for line in data.lines])
    if data.from_site == data.to_site:
        raise _wrong("to_site", "Another site than they leave.")
    desk = Desk(request.app.state.hub)
    transfer = transfer_of(
        data.ref,
        [TransferLine(**_fields(line)) for line in data.lines],
        from_site=data.from_site,
        to_site=data.to_site,
        now=desk.clock.now(),
        expected_on=data.expected_on,
        occurred_at=data.occurred_at,
        by=deed_by(request, data.by),
        reason=data.reason,
    )
    try:
        async with write_session(request.app.state) as session:
            booked = await Dock(desk).send(
                session, transfer, restate=data.correct, dry_run=data.dry_run
            )
    except InsufficientStock as refusal:
        return _short(refusal)
    return booked_view(booked)


@post("/transfers/close/{ref:str}", status_code=200, right="stock.book")
async def close_transfer(request: Request[Any, Any, Any], ref: PathText) -> Response[BookedView]:
    """Wait no longer for the rest: what never came is lost, what came too much is found."""
    async with write_session(request.app.state) as session:
        return booked_view(await Dock(Desk(request.app.state.hub)).close_transfer(session, ref))


@post("/purchases", responses=_REFUSED, right="stock.book")
async def book_purchase(
    request: Request[Any, Any, Any], data: JSONBody[PurchaseWanted]
) -> Response[BookedView]:
    """Note a purchase order; what arrives for it is told by `POST /arrivals`."""
    _check_sum([line.quantity for line in data.lines])
    desk = Desk(request.app.state.hub)
    lines = [
        PurchaseLine(
            ref=str(number),
            sku=line.sku,
            quantity=line.quantity,
            cost=None if line.cost is None else read_money(line.cost.amount, line.cost.currency),
            weight_g=line.weight_g,
            volume_cm3=line.volume_cm3,
        )
        for number, line in enumerate(data.lines, start=1)
    ]
    purchase = purchase_of(
        data.ref,
        lines,
        site=data.site,
        now=desk.clock.now(),
        expected_on=data.expected_on,
        supplier=data.supplier,
    )
    async with write_session(request.app.state) as session:
        booked = await Dock(desk).order(
            session, purchase, restate=data.correct, dry_run=data.dry_run
        )
    return booked_view(booked)


@post("/inspections", responses=_REFUSED, right="returns.book")
async def book_inspection(
    request: Request[Any, Any, Any], data: JSONBody[InspectionWanted]
) -> Response[BookedView]:
    """Book graded returns beside what the channel tells of them, each unit once."""
    if data.channel is not None and data.order is None:
        raise _wrong("order", "Say which order of the channel it is of.")
    _check_sum([line.quantity for line in data.lines])
    desk = Desk(request.app.state.hub)
    inspection = inspection_of(
        data.ref,
        [InspectionLine(**_fields(line)) for line in data.lines],
        site=data.site,
        now=desk.clock.now(),
        occurred_at=data.occurred_at,
        by=deed_by(request, data.by),
        reason=data.reason,
    )
    async with write_session(request.app.state) as session:
        booked = await Inspecting(desk).inspect(
            session,
            inspection,
            order=data.order,
            channel=data.channel,
            restate=data.correct,
            dry_run=data.dry_run,
        )
    return booked_view(booked)


@post("/inspections/undo/{ref:str}", status_code=200, responses=_REFUSED, right="returns.book")
async def undo_inspection(request: Request[Any, Any, Any], ref: PathText) -> Response[BookedView]:
    """Take back what was entered by mistake; refused where its units are gone already."""
    try:
        async with write_session(request.app.state) as session:
            return booked_view(await Inspecting(Desk(request.app.state.hub)).undo(session, ref))
    except InsufficientStock as refusal:
        return _short(refusal)


@get("/expected/{source:str}/{name:str}", right="stock.read")
async def show_expected(
    request: Request[Any, Any, Any],
    source: Annotated[str, PathParameter(pattern="^(purchase|transfer)$")],
    name: PathText,
) -> DocumentsView:
    """Show a purchase order or transfer line by line: expected, arrived, still to come."""
    async with write_session(request.app.state) as session:
        dock = Dock(Desk(request.app.state.hub))
        found = await dock.find(session, ArrivalSource(source), name)
    if not found:
        raise NotFoundException(f"There is no {source} {name!r}.")
    return DocumentsView(items=found)


@get("/incoming", right="stock.read")
async def list_incoming(
    session: NamedDependency[Session],
    sku: Annotated[
        list[str] | None,
        QueryParameter(max_items=SKUS_MAX, required=False, description="Of these; of all."),
    ] = None,
    until: Annotated[
        date | None, QueryParameter(required=False, description="Expected by this day.")
    ] = None,
) -> IncomingView:
    """List what is still to come, of purchase orders and of transfers, the earliest first."""
    wanted = None if sku is None else [each for each in sku if "\x00" not in each]
    return IncomingView(items=await incoming_of(session, wanted, until))


@get("/lots/{sku:path}", right="stock.read")
async def list_lots(
    request: Request[Any, Any, Any],
    sku: PathText,
    site: Annotated[
        str | None, QueryParameter(max_length=120, pattern=_NO_NUL, required=False)
    ] = None,
    units: Annotated[
        int, QueryParameter(ge=0, le=UNITS_MAX, description="Say what to pick for so many.")
    ] = 0,
) -> LotsView:
    """List the lots of a SKU as they are picked, and what to take for so many units."""
    sku = sku.removeprefix("/")
    today = Desk(request.app.state.hub).clock.now().date()
    async with write_session(request.app.state) as session:
        shelves = await shelves_of(session, [sku], today)
    shown = [
        ShelfView(site=where, lots=shelf.lots, unlotted=shelf.unlotted)
        for (_, where), shelf in sorted(shelves.items())
        if site is None or where == site
    ]
    picked = pick(shelves.get((sku, site or "main"), Shelf()), units, today)
    return LotsView(
        sku=sku, shelves=shown, pick=[PickView(lot=lot, units=taken) for lot, taken in picked]
    )


def dock_routes() -> list[ControllerRouterHandler]:
    """Return the routes of the dock, below `/api/v1`."""
    return [
        *(book_arrival, undo_arrival, book_transfer, close_transfer),
        *(book_inspection, undo_inspection),
        *(book_purchase, show_expected, list_incoming, list_lots),
    ]


def booked_view(booked: Booked[Any]) -> Response[BookedView]:
    """Return the answer to what was booked: 201, or 200 where nothing new was."""
    view = BookedView(
        ref=booked.record.ref,
        repeated=booked.repeated,
        dry_run=booked.dry_run,
        moves=booked.moves,
        issues=booked.issues,
    )
    return Response(view, status_code=200 if booked.repeated or booked.dry_run else 201)


def _fields(line: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of a line, its serials as they are kept."""
    fields = msgspec.structs.asdict(line)
    read = {
        name: trimmed(fields[name]) for name in ("serials", "damaged_serials") if name in fields
    }
    return fields | read


def _short(refusal: InsufficientStock) -> Response[BookedView]:
    shortages: Any = refusal.context["shortages"]
    # The schema tells of it as a 409.
    return problem(409, InsufficientStock.code, refusal.message, shortages=shortages)  # type: ignore[return-value]


def _check_sum(units: list[int]) -> None:
    if sum(units) > UNITS_MAX:
        raise _wrong("lines", f"At most {UNITS_MAX} units together.")


def _wrong(name: str, message: str) -> ValidationException:
    return ValidationException(extra=[{"key": name, "message": message}])
