"""What the API answers: typed, snake_case, money as text with its currency."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from trueup.canon.order import Order
from trueup.canon.price import Price
from trueup.canon.record import decode

T = TypeVar("T")

Count = Annotated[int, QueryParameter(ge=1, le=200, description="Rows of a page, 1 to 200.")]
After = Annotated[
    str | None,
    QueryParameter(max_length=400, required=False, description="`next_cursor` of the page before."),
]


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """Money: the exact amount as text, and its ISO 4217 currency."""

    amount: str
    currency: str


class OrderSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One order in a list."""

    connection: str
    ref: str
    number: str
    placed_at: datetime
    updated_at: datetime
    total: Amount
    payment_status: str
    cancelled_at: datetime | None
    test: bool
    deleted: bool
    versions: int
    stale_versions: int


class OrderLineView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an order; quantities are whole units."""

    ref: str
    title: str
    sku: str | None
    quantity: int
    quantity_current: int | None
    price: Amount


class IssueView(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with some content, and what to do."""

    code: str
    severity: str
    pointer: str
    expected: str
    found: str
    how_to_fix: str
    ref: str | None
    event_id: int | None
    issue_id: int | None = None
    connection: str | None = None
    opened_at: datetime | None = None


class PostingView(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a stock transaction: signed whole units at one place."""

    event_id: int
    sku: str
    place: str
    site: str
    units: int


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """One record that belongs to an order."""

    kind: str
    ref: str
    updated_at: datetime
    versions: int
    stale_versions: int
    deleted: bool


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """One order with what belongs to it; nothing personal."""

    order: OrderSummary
    lines: tuple[OrderLineView, ...]
    records: tuple[RecordView, ...]
    postings: tuple[PostingView, ...]
    issues: tuple[IssueView, ...]
    event_ids: tuple[int, ...]


class ChannelView(msgspec.Struct, frozen=True, kw_only=True):
    """What of a SKU shall stand at a channel, and what is believed to stand there.

    `listing` is the SKU, or for a further listing of it at the channel its own name.
    `believed` is null where nothing is known yet.
    `state` is settled, due, sending, unknown or dead.
    """

    connection: str
    listing: str
    wanted: int
    believed: int | None
    state: str
    dropped: int
    risen: int
    attempts: int
    due_at: datetime


class StockView(msgspec.Struct, frozen=True, kw_only=True):
    """The stock of one SKU in whole units; available below zero is an oversell."""

    sku: str
    available: int
    on_hand: int
    reserved: int
    in_transit: int
    quarantine: int
    customer: int
    counted: bool
    sequence: int
    moved_at: datetime
    channels: tuple[ChannelView, ...]


class SiteView(msgspec.Struct, frozen=True, kw_only=True):
    """What of a SKU lies at one site."""

    site: str
    on_hand: int
    quarantine: int
    reserved: int


class MovementView(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of a SKU."""

    event_id: int
    reason: str
    place: str
    site: str
    units: int
    occurred_at: datetime
    posted_at: datetime


class SkuView(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU with its sites and newest movements."""

    stock: StockView
    sites: tuple[SiteView, ...]
    movements: tuple[MovementView, ...]


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the log: the envelope, never the body."""

    event_id: int
    connection: str
    external_id: str
    topic: str
    entity: str
    origin: str
    state: str
    raised_at: datetime | None
    received_at: datetime
    posted_at: datetime | None
    body_bytes: int
    sha256: str
    parked_cause: str | None
    parked_detail: str | None
    issues: tuple[IssueView, ...]
    postings: tuple[PostingView, ...]


class ParkedView(msgspec.Struct, frozen=True, kw_only=True):
    """One parked event with its cause."""

    event_id: int
    connection: str
    topic: str
    entity: str
    cause: str
    detail: str
    cluster: str
    attempts: int
    parked_at: datetime


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page; `next_cursor` asks for the one behind it and is null on the last."""

    items: list[T]
    next_cursor: str | None


class RetryWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which parked events to put back on the queue: some by number, or one cluster."""

    event_ids: list[int] | None = None
    cluster: str | None = None


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """The events that went back on the queue."""

    event_ids: list[int]


def order_of(row: Mapping[str, Any]) -> Order:
    """Return the order of a record's row."""
    record = decode(Order.kind, row["body"])
    if not isinstance(record, Order):
        raise TypeError(f"record {row['record_id']} is not an order")
    return record


def amount_of(price: Price) -> Amount:
    """Return a price as booked."""
    return Amount(amount=str(price.booked.amount), currency=price.booked.currency)


def summary_of(row: Mapping[str, Any], connection: str) -> OrderSummary:
    """Return an order's row as it stands in a list."""
    order = order_of(row)
    return OrderSummary(
        connection=connection,
        ref=order.ref,
        number=order.number,
        placed_at=order.placed_at,
        updated_at=order.updated_at,
        total=amount_of(order.totals.current_total or order.totals.total),
        payment_status=order.payment_status.value,
        cancelled_at=order.cancelled_at,
        test=order.test,
        deleted=row["deleted"],
        versions=row["versions"],
        stale_versions=row["stale"],
    )


def stock_of(row: Mapping[str, Any], channels: tuple[ChannelView, ...]) -> StockView:
    """Return a balance's row with its channels."""
    fields = {name: row[name] for name in StockView.__struct_fields__ if name != "channels"}
    return StockView(**fields, channels=channels)


def channel_of(row: Mapping[str, Any], connection: str) -> ChannelView:
    """Return an intent's row."""
    return ChannelView(
        connection=connection,
        listing=row["key"],
        wanted=row["value"],
        believed=row["believed"],
        state=row["state"],
        dropped=row["dropped"],
        risen=row["risen"],
        attempts=row["attempts"],
        due_at=row["due_at"],
    )


def view_of(kind: type[T], row: Mapping[str, Any]) -> T:
    """Return a row as a struct whose fields are its columns."""
    return msgspec.convert({k: row.get(k) for k in kind.__struct_fields__}, kind)  # type: ignore[attr-defined]
