"""The page of orders: a list by channel, progress, SKU and day, and rows that other pages show."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import ValidationException
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.access.manner import manner_in_force
from trueup.api.cursor import cursor_at, cursor_of
from trueup.canon.order import Order
from trueup.canon.record import decode
from trueup.console.fact import Money, money_of
from trueup.console.forms import day_in
from trueup.console.readings import Session
from trueup.console.render import answer
from trueup.console.sheet import ROWS_MAX as SHEET_ROWS_MAX
from trueup.console.sheet import sheet, wants_sheet
from trueup.db.rows import Row
from trueup.intake import reads as intake
from trueup.records import reads as records
from trueup.records.orders import Asked, Mark, Progress, page_orders

Req = Request[Any, Any, Any]

ROWS_MAX: Final = 50
_SHEET_PAGE: Final = 1_000


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order; `issues` counts those of all its events."""

    connection: str
    ref: str
    number: str
    placed_at: datetime
    status: str
    units: int
    total: Money
    issues: int


class OrdersAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders are asked for, as the address says; empty: whatever it is.

    Attributes:
        first, last: the days on which they were placed, where the reader is.
    """

    channel: str = ""
    progress: Progress | None = None
    sku: str = ""
    first: date | None = None
    last: date | None = None

    @property
    def is_narrow(self) -> bool:
        """Say whether not all are asked for."""
        return self != OrdersAsked()


class OrdersPage(msgspec.Struct, frozen=True, kw_only=True):
    """Orders, the newest first.

    Attributes:
        channels: connections that told of orders.
        looked: how many orders were looked at for this page.
        older: where the next page begins; empty: there is none.
        newest: this is the first page.
    """

    asked: OrdersAsked
    channels: tuple[str, ...]
    rows: tuple[OrderRow, ...]
    looked: int
    older: str
    newest: bool


_Text = Annotated[str, QueryParameter(max_length=255, pattern="^[^\\x00]*$", required=False)]
_Day = Annotated[str, QueryParameter(max_length=10, required=False)]


@get(["/orders", "/orders.json", "/orders.csv"], right="orders.read")
async def show_orders(
    request: Req,
    session: NamedDependency[Session],
    channel: _Text = "",
    progress: _Text = "",
    sku: _Text = "",
    first: _Day = "",
    last: _Day = "",
) -> Response[Any]:
    """Show orders, the newest first."""
    wish = _asked(channel.strip(), progress, sku.strip(), first, last)
    numbers = {name: number for number, name in request.app.state.hub.names().items()}
    if wish.channel and wish.channel not in numbers:
        raise ValidationException(f"There is no connection named {wish.channel!r}.")
    names = {number: name for name, number in numbers.items()}
    asked = Asked(
        connection_id=numbers.get(wish.channel),
        since=_instant(wish.first),
        until=_instant(wish.last, days=1),
        sku=wish.sku or None,
        progress=wish.progress,
    )
    if wants_sheet(request.url.path):
        return await _sheet(session, asked, names)
    before = request.query_params.get("before", "")
    mark = Mark(*cursor_at(before)) if before else None
    found = await page_orders(session, asked, count=ROWS_MAX, before=mark)
    sellers = request.app.state.hub.sellers()
    page = OrdersPage(
        asked=wish,
        channels=tuple(sorted(names[number] for number in sellers if number in names)),
        rows=await rows_of_orders(session, found.rows, names),
        looked=found.looked,
        older="" if found.older is None else cursor_of(*found.older),
        newest=mark is None,
    )
    return answer(request, "orders.html", page, progresses=list(Progress), asks=_query(wish))


def orders_handlers() -> list[ControllerRouterHandler]:
    """Return the handlers of the page of orders."""
    return [show_orders]


async def rows_of_orders(
    session: Session, rows: Sequence[Row], names: Mapping[int, str]
) -> tuple[OrderRow, ...]:
    """Return orders as pages list them.

    Args:
        session: to count issues with.
        rows: record_id, connection_id and body of each.
        names: of connections, by number.
    """
    versions = await records.version_events(session, [row["record_id"] for row in rows])
    order_of = {row["event_id"]: row["record_id"] for row in versions}
    issues: dict[int, int] = {}
    for issue in await intake.issues_of_events(session, list(order_of)):
        record_id = order_of[issue["event_id"]]
        issues[record_id] = issues.get(record_id, 0) + 1
    return tuple(_row(row, names, issues.get(row["record_id"], 0)) for row in rows)


def _row(row: Row, names: Mapping[int, str], issues: int) -> OrderRow:
    order = msgspec.convert(decode(Order.kind, row["body"]), Order)
    wanted = (line.quantity_current for line in order.lines)
    units = sum(
        line.quantity if now is None else now for line, now in zip(order.lines, wanted, strict=True)
    )
    return OrderRow(
        connection=names.get(row["connection_id"], "removed"),
        ref=order.ref,
        number=order.number,
        placed_at=order.placed_at,
        status=status_of(order),
        units=units,
        total=money_of(order.totals.current_total or order.totals.total),
        issues=issues,
    )


def status_of(order: Order) -> str:
    """Return how an order stands, in a few words: "paid, fulfilled"."""
    if order.deleted:
        return "deleted"
    if order.cancelled_at is not None:
        return "cancelled"
    words = [order.payment_status.value.replace("_", " ")]
    if order.fulfilment_code:
        words.append(order.fulfilment_code.replace("_", " ").lower())
    if order.test:
        words.append("test")
    return ", ".join(words)


def _asked(channel: str, progress: str, sku: str, first: str, last: str) -> OrdersAsked:
    try:
        return OrdersAsked(
            channel=channel,
            progress=Progress(progress) if progress else None,
            sku=sku,
            first=day_in(first),
            last=day_in(last),
        )
    except ValueError as error:
        raise ValidationException(str(error)) from error


def _instant(day: date | None, *, days: int = 0) -> datetime | None:
    """Return when a day begins where the reader is, or so many days later."""
    if day is None:
        return None
    place = manner_in_force().place()
    try:
        return datetime.combine(day + timedelta(days=days), time(), place)
    except OverflowError as error:
        raise ValidationException(f"{day} is too far away.") from error


def _query(wish: OrdersAsked) -> dict[str, str]:
    """Return what an address says that asks for the same."""
    said = {
        "channel": wish.channel,
        "progress": wish.progress.value if wish.progress else "",
        "sku": wish.sku,
        "first": str(wish.first or ""),
        "last": str(wish.last or ""),
    }
    return {name: value for name, value in said.items() if value}


async def _sheet(session: Session, asked: Asked, names: Mapping[int, str]) -> Response[Any]:
    rows: list[OrderRow] = []
    mark: Mark | None = None
    while len(rows) < SHEET_ROWS_MAX:
        found = await page_orders(session, asked, count=_SHEET_PAGE, before=mark)
        rows += await rows_of_orders(session, found.rows, names)
        mark = found.older
        if mark is None:
            break
    head = (
        *("channel", "order", "ref", "placed_at", "status", "units"),
        *("total", "currency", "issues"),
    )
    lines = (
        (
            *(row.connection, row.number, row.ref, row.placed_at.isoformat(), row.status),
            *(row.units, row.total.amount, row.total.currency, row.issues),
        )
        for row in rows[:SHEET_ROWS_MAX]
    )
    return sheet("orders", head, lines)
