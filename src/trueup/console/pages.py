"""The pages behind the links: one order, one SKU, one event, what is parked."""

from datetime import datetime
from typing import Final

import msgspec

from trueup.canon.order import Order
from trueup.canon.record import decode
from trueup.console.elsewhere import Elsewhere, read_elsewhere
from trueup.console.fact import Chart, Money, money_of
from trueup.console.orders_page import status_of
from trueup.console.oversold import Beyond, read_beyond
from trueup.console.readings import Session
from trueup.console.serials import SerialRow, rows_of_order, rows_of_sku
from trueup.console.series import read_chart
from trueup.console.supply import Outlook, read_outlook, read_sku_offers
from trueup.console.today import (
    ChannelCell,
    ClusterRow,
    read_clusters,
    read_names,
    span_ms,
)
from trueup.db.rows import Row
from trueup.intake import reads as intake
from trueup.ledger import reads as ledger
from trueup.ledger.brakes import list_brakes
from trueup.outbox import reads as outbox
from trueup.outbox.followed import commands_about, messages_sent
from trueup.outbox.offers import Offers
from trueup.records import reads as records
from trueup.records.listings import list_listings

EVENTS_MAX = 200
PARKED_ROWS = 100

CALLS_SHOWN: Final = 50
CALLS_READ: Final = 300
"""Of a SKU: enough to tell what stood at a channel when it sold what was not there."""


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with an event's content, and what to do."""

    event_id: int
    code: str
    severity: str
    pointer: str
    expected: str
    found: str
    how_to_fix: str


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a stock transaction."""

    event_id: int
    sku: str
    place: str
    site: str
    units: int


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What was said to a channel of a SKU, and what came of it; `receipt` null is not known yet."""

    call_id: int
    sku: str
    connection: str
    value: int
    receipt: str | None
    code: str | None
    sends: int
    started_at: datetime
    finished_at: datetime | None


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A state of a record that an event told."""

    kind: str
    ref: str
    stale: bool


class TimelineEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of an order, with everything that came of it."""

    event_id: int
    connection: str
    topic: str
    origin: str
    received_at: datetime
    state: str
    apply_ms: int | None
    versions: tuple[Version, ...]
    postings: tuple[Posting, ...]
    issues: tuple[Issue, ...]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an order."""

    title: str
    sku: str | None
    quantity: int
    quantity_current: int | None
    price: Money


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """One order: what it says now, and how it came to that, newest first.

    Attributes:
        customer: the id of whose it is; empty where nobody is named.
    """

    connection: str
    ref: str
    number: str
    status: str
    customer: str
    placed_at: datetime
    updated_at: datetime
    total: Money
    versions: int
    stale_versions: int
    lines: tuple[Line, ...]
    timeline: tuple[TimelineEvent, ...]
    elsewhere: tuple[Elsewhere, ...]
    serials: tuple[SerialRow, ...]
    calls: tuple[Call, ...]


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """One posting of a SKU."""

    event_id: int
    reason: str
    place: str
    site: str
    units: int
    posted_at: datetime


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """What lies at one site."""

    site: str
    on_hand: int
    quarantine: int
    reserved: int


class SkuPage(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU: what lies where, what moved, what the channels were told."""

    sku: str
    title: str | None
    available: int
    on_hand: int
    reserved: int
    in_transit: int
    quarantine: int
    customer: int
    counted: bool
    moved_at: datetime
    channels: tuple[ChannelCell, ...]
    sites: tuple[Site, ...]
    movements: tuple[Movement, ...]
    calls: tuple[Call, ...]
    chart: Chart | None
    offers: Offers | None
    outlook: Outlook | None
    serials: tuple[SerialRow, ...]
    beyond: tuple[Beyond, ...]


class ParkedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One parked event."""

    event_id: int
    connection: str
    topic: str
    entity: str
    cause: str
    detail: str
    cluster: str
    attempts: int
    parked_at: datetime


class BrakeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A group of counts that waits for a person."""

    brake_id: int
    reason: str
    events: int
    held_at: datetime


class ParkedPage(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be applied, by cause. `requeued` counts those just put back."""

    brakes: tuple[BrakeRow, ...]
    clusters: tuple[ClusterRow, ...]
    events: tuple[ParkedRow, ...]
    requeued: int | None


async def read_order(session: Session, connection: str, ref: str) -> OrderPage | None:
    """Return an order's page; None where there is no such order."""
    names = await read_names(session)
    number = next((n for n, name in names.items() if name == connection), None)
    if number is None:
        return None
    entity = f"order/{ref}"
    rows = await records.records_of_entity(session, number, entity)
    row = next((each for each in rows if each["kind"] == "order"), None)
    if row is None:
        return None
    order = msgspec.convert(decode(Order.kind, row["body"]), Order)
    near = await records.related_records(session, [row["record_id"]])
    near += await messages_sent(session, await commands_about(session, near), near)
    timeline = await _timeline(session, number, entity, near, names)
    skus = sorted({line.sku for line in order.lines if line.sku})
    calls: tuple[Call, ...] = ()
    if skus and timeline:
        own = [event for event in timeline if event.connection == connection]
        first = (own or timeline)[-1].received_at
        calls = tuple(
            _call(each, names, each["sku"])
            for each in await outbox.calls_since(session, skus, first)
        )
    return OrderPage(
        connection=connection,
        ref=order.ref,
        number=order.number,
        status=status_of(order),
        customer="" if row["person"] is None else bytes(row["person"]).hex(),
        placed_at=order.placed_at,
        updated_at=order.updated_at,
        total=money_of(order.totals.current_total or order.totals.total),
        versions=row["versions"],
        stale_versions=row["stale"],
        lines=tuple(
            Line(
                title=line.title,
                sku=line.sku,
                quantity=line.quantity,
                quantity_current=line.quantity_current,
                price=money_of(line.price),
            )
            for line in order.lines
        ),
        timeline=timeline,
        elsewhere=read_elsewhere(near, names, row["record_id"]),
        serials=await rows_of_order(session, number, order.ref),
        calls=calls,
    )


async def _timeline(
    session: Session, number: int, entity: str, rows: list[Row], names: dict[int, str]
) -> tuple[TimelineEvent, ...]:
    kinds = {row["record_id"]: (row["kind"], row["ref"]) for row in rows}
    versions: dict[int, list[Version]] = {}
    for each in await records.version_events(session, list(kinds), count=EVENTS_MAX):
        kind, ref = kinds[each["record_id"]]
        told = Version(kind=kind, ref=ref, stale=each["stale"])
        versions.setdefault(each["event_id"], []).append(told)
    parked = await intake.parked_of_entity(session, number, entity)
    event_ids = sorted({*versions, *parked}, reverse=True)[:EVENTS_MAX]
    postings = await read_postings(session, event_ids)
    issues = await read_event_issues(session, event_ids)
    posted = await ledger.transactions_of_events(session, event_ids)
    posted_at = {each["event_id"]: each["posted_at"] for each in posted}
    events = await intake.events_by_number(session, event_ids)
    return tuple(
        TimelineEvent(
            event_id=event["event_id"],
            connection=names.get(event["connection_id"], "removed"),
            topic=event["topic"],
            origin=event["origin"],
            received_at=event["received_at"],
            state=state_of(event),
            apply_ms=span_ms(event["received_at"], posted_at.get(event["event_id"])),
            versions=tuple(versions.get(event["event_id"], ())),
            postings=tuple(p for p in postings if p.event_id == event["event_id"]),
            issues=tuple(i for i in issues if i.event_id == event["event_id"]),
        )
        for event in reversed(events)
    )


async def read_sku(session: Session, sku: str) -> SkuPage | None:
    """Return a SKU's page; None where the ledger does not know it."""
    balances = await ledger.list_balances(session, sku=sku, count=1)
    if not balances:
        return None
    balance = balances[0]
    names = await read_names(session)
    intents = await outbox.intents_of_skus(session, [sku])
    calls = await outbox.calls_of_sku(session, sku, count=CALLS_READ)
    movements = await ledger.list_movements(session, sku, count=100)
    listings = await list_listings(session, sku)
    places = ("available", "on_hand", "reserved", "in_transit", "quarantine", "customer")
    return SkuPage(
        sku=sku,
        title=next((each.title for each in listings if each.title), None),
        **{place: balance[place] for place in places},
        counted=balance["counted"],
        moved_at=balance["moved_at"],
        channels=tuple(
            ChannelCell(
                connection=names.get(each["connection_id"], "removed"),
                listing=each["key"],
                believed=each["believed"],
                wanted=each["value"],
                state=each["state"],
            )
            for each in intents
        ),
        sites=tuple(msgspec.convert(each, Site) for each in await ledger.list_sites(session, sku)),
        movements=tuple(
            msgspec.convert({k: each[k] for k in Movement.__struct_fields__}, Movement)
            for each in movements
        ),
        calls=tuple(_call(each, names, sku) for each in calls[:CALLS_SHOWN]),
        chart=await read_chart(session, sku),
        offers=await read_sku_offers(session, sku),
        outlook=await read_outlook(session, sku),
        serials=await rows_of_sku(session, sku),
        beyond=await read_beyond(session, sku, names, calls),
    )


async def read_parked(
    session: Session, *, cluster: str | None = None, requeued: int | None = None
) -> ParkedPage:
    """Return what is parked; of one cluster where it is given."""
    events = await intake.page_parked(session, count=PARKED_ROWS, cluster=cluster)
    held = await list_brakes(session, state="held")
    return ParkedPage(
        brakes=tuple(msgspec.convert(each, BrakeRow) for each in held),
        clusters=await read_clusters(session),
        events=tuple(msgspec.convert(each, ParkedRow) for each in events),
        requeued=requeued,
    )


async def read_postings(session: Session, event_ids: list[int]) -> tuple[Posting, ...]:
    """Return what some events moved."""
    rows = await ledger.postings_of_events(session, event_ids)
    return tuple(msgspec.convert(each, Posting) for each in rows)


async def read_event_issues(session: Session, event_ids: list[int]) -> tuple[Issue, ...]:
    """Return what is wrong with some events."""
    rows = await intake.issues_of_events(session, event_ids)
    return tuple(msgspec.convert(each, Issue) for each in rows)


def state_of(event: Row) -> str:
    """Return what became of an event: applied, queued or parked."""
    if event["cause"] is not None:
        return "parked"
    return "queued" if event["queued_attempts"] is not None else "applied"


def _call(row: Row, names: dict[int, str], sku: str) -> Call:
    return Call(
        call_id=row["call_id"],
        sku=sku,
        connection=names.get(row["connection_id"], "removed"),
        value=row["value"],
        receipt=row["receipt"],
        code=row["code"],
        sends=row["sends"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
