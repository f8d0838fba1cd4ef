"""`/api/v1`: the facts for programs. Pages go on by cursor; every bound is checked and named."""

from typing import Annotated, Any

import psycopg
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from trueup.api.cursor import cursor_at, cursor_number, cursor_of, cursor_text
from trueup.api.described import described
from trueup.api.v1_brakes import brake_routes
from trueup.api.v1_checks import check_routes
from trueup.api.v1_counts import count_routes
from trueup.api.v1_decisions import decision_routes
from trueup.api.v1_dock import dock_routes
from trueup.api.v1_journals import journal_routes
from trueup.api.v1_margin import margin_routes
from trueup.api.v1_matches import match_routes
from trueup.api.v1_model import (
    After,
    ChannelView,
    Count,
    EventView,
    IssueView,
    MovementView,
    OrderLineView,
    OrderSummary,
    OrderView,
    Page,
    ParkedView,
    PostingView,
    RecordView,
    Retried,
    RetryWanted,
    SiteView,
    SkuView,
    StockView,
    amount_of,
    channel_of,
    order_of,
    stock_of,
    summary_of,
    view_of,
)
from trueup.api.v1_models import model_routes
from trueup.api.v1_money import money_routes
from trueup.api.v1_offers import offers_routes
from trueup.api.v1_parity import parity_routes
from trueup.api.v1_reservations import reservation_routes
from trueup.api.v1_returns import return_routes
from trueup.api.v1_serials import serial_routes
from trueup.intake import reads as intake
from trueup.intake.park import requeue_parked
from trueup.ledger import reads as ledger
from trueup.outbox import reads as outbox
from trueup.records import reads as records

Session = psycopg.AsyncConnection[Any]

EVENTS_OF_ORDER_MAX = 500
RETRIED_MAX = 10_000
NUMBER_MAX = 2**63 - 1
TEXT_CHARS_MAX = 255

Text = Annotated[str, PathParameter(max_length=TEXT_CHARS_MAX, pattern="^[^\\x00]*$")]
OptionalText = Annotated[
    str | None, QueryParameter(max_length=TEXT_CHARS_MAX, pattern="^[^\\x00]*$", required=False)
]
Number = Annotated[int, PathParameter(ge=1, le=NUMBER_MAX)]


@get("/orders", right="orders.read")
async def list_orders(
    session: NamedDependency[Session],
    cursor: After = None,
    count: Count = 50,
    connection: OptionalText = None,
) -> Page[OrderSummary]:
    """List orders, newest first."""
    names = await _names(session)
    number = None if connection is None else _number_of(names, connection)
    rows = await records.page_records(
        session,
        "order",
        count=count + 1,
        connection_id=number,
        before=None if cursor is None else cursor_at(cursor),
    )
    shown = [summary_of(row, names.get(row["connection_id"], "removed")) for row in rows[:count]]
    more = None
    if len(rows) > count:
        more = cursor_of(rows[count - 1]["occurred_at"], rows[count - 1]["record_id"])
    return Page(items=shown, next_cursor=more)


@get("/orders/{connection:str}/{ref:path}", right="orders.read")
async def show_order(session: NamedDependency[Session], connection: Text, ref: Text) -> OrderView:
    """Show one order with what belongs to it."""
    names = await _names(session)
    number = _number_of(names, connection)
    entity = f"order/{ref.lstrip('/')}"
    rows = await records.records_of_entity(session, number, entity)
    row = next((each for each in rows if each["kind"] == "order"), None)
    if row is None:
        raise NotFoundException(f"{connection} has no order {ref.lstrip('/')!r}.")
    versions = await records.version_events(
        session, [each["record_id"] for each in rows], count=EVENTS_OF_ORDER_MAX
    )
    event_ids = sorted({each["event_id"] for each in versions})
    postings = await ledger.postings_of_events(session, event_ids)
    issues = await intake.issues_of_events(session, event_ids)
    return OrderView(
        order=summary_of(row, connection),
        lines=tuple(
            OrderLineView(
                ref=line.ref,
                title=line.title,
                sku=line.sku,
                quantity=line.quantity,
                quantity_current=line.quantity_current,
                price=amount_of(line.price),
            )
            for line in order_of(row).lines
        ),
        records=tuple(
            view_of(RecordView, {**each, "stale_versions": each["stale"]}) for each in rows
        ),
        postings=tuple(view_of(PostingView, each) for each in postings),
        issues=tuple(view_of(IssueView, each) for each in issues),
        event_ids=tuple(event_ids),
    )


@get("/stock", right="stock.read")
async def list_stock(
    session: NamedDependency[Session], cursor: After = None, count: Count = 50
) -> Page[StockView]:
    """List the stock of every SKU, in the order of their codes."""
    rows = await ledger.page_balances(
        session, count=count + 1, after=None if cursor is None else cursor_text(cursor)
    )
    channels = await _channels(session, [row["sku"] for row in rows[:count]])
    shown = [stock_of(row, tuple(channels.get(row["sku"], ()))) for row in rows[:count]]
    more = cursor_of(rows[count - 1]["sku"]) if len(rows) > count else None
    return Page(items=shown, next_cursor=more)


@get("/stock/{sku:path}", right="stock.read")
async def show_stock(session: NamedDependency[Session], sku: Text, count: Count = 50) -> SkuView:
    """Show one SKU: its balance, its sites, what channels are told, its newest movements."""
    code = sku.removeprefix("/")
    rows = await ledger.list_balances(session, sku=code, count=1)
    if not rows:
        raise NotFoundException(f"There is no SKU {code!r}.")
    channels = await _channels(session, [code])
    movements = await ledger.list_movements(session, code, count=count)
    sites = await ledger.list_sites(session, code)
    return SkuView(
        stock=stock_of(rows[0], tuple(channels.get(code, ()))),
        sites=tuple(view_of(SiteView, each) for each in sites),
        movements=tuple(view_of(MovementView, each) for each in movements),
    )


@get("/events/{event_id:str}", right="events.read")
async def show_event(session: NamedDependency[Session], event_id: Number) -> EventView:
    """Show one event's envelope and what came of it; never its body."""
    rows = await intake.events_by_number(session, [event_id])
    if not rows:
        raise NotFoundException(f"There is no event {event_id}.")
    row = rows[0]
    posted = await ledger.transactions_of_events(session, [event_id])
    issues = await intake.issues_of_events(session, [event_id])
    postings = await ledger.postings_of_events(session, [event_id])
    return EventView(
        **{name: row[name] for name in _ENVELOPE},
        state=_state_of(row),
        posted_at=posted[0]["posted_at"] if posted else None,
        parked_cause=row["cause"],
        parked_detail=row["detail"],
        issues=tuple(view_of(IssueView, each) for each in issues),
        postings=tuple(view_of(PostingView, each) for each in postings),
    )


@get("/issues", right="events.read")
async def list_issues(
    session: NamedDependency[Session],
    cursor: After = None,
    count: Count = 50,
    code: OptionalText = None,
) -> Page[IssueView]:
    """List open issues, newest first."""
    before = None if cursor is None else cursor_number(cursor)
    rows = await intake.page_issues(session, count=count + 1, code=code, before=before)
    shown = [view_of(IssueView, row) for row in rows[:count]]
    more = cursor_of(rows[count - 1]["issue_id"]) if len(rows) > count else None
    return Page(items=shown, next_cursor=more)


@get("/parked", right="events.read")
async def list_parked(
    session: NamedDependency[Session],
    cursor: After = None,
    count: Count = 50,
    cluster: OptionalText = None,
) -> Page[ParkedView]:
    """List parked events, newest first."""
    before = None if cursor is None else cursor_number(cursor)
    rows = await intake.page_parked(session, count=count + 1, cluster=cluster, before=before)
    shown = [view_of(ParkedView, row) for row in rows[:count]]
    more = cursor_of(rows[count - 1]["event_id"]) if len(rows) > count else None
    return Page(items=shown, next_cursor=more)


@post("/parked/retry", status_code=200, right="events.retry")
async def retry_parked(session: NamedDependency[Session], data: JSONBody[RetryWanted]) -> Retried:
    """Put parked events back on the queue: some by number, or one cluster."""
    if (data.event_ids is None) == (data.cluster is None):
        raise _wrong("event_ids", "Give either event_ids or cluster.")
    for event_id in data.event_ids or ():
        if not 1 <= event_id <= NUMBER_MAX:
            raise _wrong("event_ids", f"Each is a number from 1 to {NUMBER_MAX}.")
    if len(data.event_ids or ()) > RETRIED_MAX:
        raise _wrong("event_ids", f"At most {RETRIED_MAX} at once.")
    if data.cluster is not None and "\x00" in data.cluster:
        raise _wrong("cluster", "It can not hold a NUL character.")
    back = await requeue_parked(session, event_ids=data.event_ids, cluster=data.cluster)
    await session.commit()  # before the answer leaves
    return Retried(event_ids=sorted(back))


def v1_routes() -> ControllerRouterHandler:
    """Return the routes of the API."""
    return Router(
        path="/api/v1",
        route_handlers=described(
            [
                *(list_orders, show_order, list_stock, show_stock, show_event),
                *(list_issues, list_parked, retry_parked),
                *reservation_routes(),
                *parity_routes(),
                *match_routes(),
                *money_routes(),
                *journal_routes(),
                *offers_routes(),
                *dock_routes(),
                *serial_routes(),
                *brake_routes(),
                *count_routes(),
                *return_routes(),
                *check_routes(),
                *margin_routes(),
                *decision_routes(),
                *model_routes(),
            ]
        ),
        tags=["v1"],
    )


_ENVELOPE = (
    *("event_id", "connection", "external_id", "topic", "entity", "origin", "raised_at"),
    *("received_at", "body_bytes", "sha256"),
)


def _state_of(row: dict[str, Any]) -> str:
    if row["cause"] is not None:
        return "parked"
    return "queued" if row["queued_attempts"] is not None else "applied"


async def _names(session: Session) -> dict[int, str]:
    return {row["connection_id"]: row["name"] for row in await intake.name_connections(session)}


def _number_of(names: dict[int, str], wanted: str) -> int:
    for number, name in names.items():
        if name == wanted:
            return number
    raise NotFoundException(f"There is no connection {wanted!r}.")


async def _channels(session: Session, skus: list[str]) -> dict[str, list[ChannelView]]:
    names = await _names(session)
    found: dict[str, list[ChannelView]] = {}
    for row in await outbox.intents_of_skus(session, skus):
        view = channel_of(row, names.get(row["connection_id"], "removed"))
        found.setdefault(row["sku"], []).append(view)
    return found


def _wrong(name: str, message: str) -> ValidationException:
    return ValidationException(extra=[{"key": name, "message": message}])
