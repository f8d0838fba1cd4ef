"""Read the vendor's orders: is there a sale, or an end of one, of which we had no event?

What is found unread is appended to the log as a poll would do it: so finding the cause mends it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from trueup.canon.order import Order
from trueup.canon.record import Record, decode
from trueup.contract.connector import Fetch, Mapped, Piece, Source
from trueup.contract.recognition import identify_piece
from trueup.errors import ConnectorError
from trueup.intake.held import held_up
from trueup.intake.model import Origin
from trueup.ledger.rules import (
    own_available,
    positions_of_order,
    shares_of_variants,
    variants_of_order,
)
from trueup.own import learn_kits
from trueup.pull.access import Access
from trueup.reconcile.cause import Reading, Unread
from trueup.records.reads import records_of_entity

ORDERS = "orders"
LOOK_BACK = timedelta(days=2)
"""So far back orders are read where nobody knows since when a number differs."""

PAGES_MAX = 40
_STEPS_MAX = 100
_WORD_CHARS_MAX = 255


async def read_orders(access: Access, since_at: datetime, looked_at: datetime) -> Reading:
    """Return which of the vendor's orders are newer than ours, and append them to the log.

    Args:
        access: the account.
        since_at: orders that changed after this.
        looked_at: when the levels were looked at; an order placed later explains nothing.
    """
    resources = {r.resource: r for r in access.folder.manifest.pulled(access.connection.settings)}
    if ORDERS not in resources:
        return Reading(since_at=since_at, read_at=None, why="the connector reads none")
    overlap = timedelta(seconds=resources[ORDERS].overlap_s)
    await learn_kits(access.conn, access.hub)
    try:
        return await _read(access, since_at, since_at - overlap, looked_at)
    except ConnectorError as error:
        return Reading(since_at=since_at, read_at=None, why=error.message)


async def _read(
    access: Access, since_at: datetime, begin_at: datetime, looked_at: datetime
) -> Reading:
    pull, unread, orders = access.folder.pull, [], 0
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        asked_at = access.clock.now()
        reply = await access.send(pull.page_request(ORDERS, begin_at, cursor))
        page = pull.page(ORDERS, reply)
        orders += len(page.pieces)
        for piece in page.pieces:
            found = await _unread(access, piece, asked_at, looked_at)
            if found is not None:
                unread.append(found)
        cursor = page.next_cursor
        if cursor is None:
            read_at = access.clock.now()
            return Reading(since_at=since_at, read_at=read_at, orders=orders, unread=tuple(unread))
    why = f"more than {PAGES_MAX} pages of them changed since {since_at.isoformat()}"
    return Reading(since_at=since_at, read_at=None, why=why, orders=orders, unread=tuple(unread))


async def _unread(
    access: Access, piece: Piece, asked_at: datetime, looked_at: datetime
) -> Unread | None:
    """Return what an order tells that we do not know; None where we know it all."""
    mapped = map_piece(access, piece)
    if mapped.ignored is not None:
        return None
    if not mapped.records and not mapped.fetch:
        # It can not be read: it is appended, and parked with its cause if it is not already.
        return await _unreadable(access, piece, asked_at)
    if any(isinstance(each, Order) for each in mapped.records):
        records: Sequence[Record] = mapped.records
        entity = records[0].entity()
        stored = await _stored(access, entity)
        if not _is_news(records, stored):
            return None
        event_id: int | None = await _append(access, piece, asked_at)
    else:
        event_id, records = await _hinted(access, mapped.fetch, piece, asked_at)
        if not records:
            return None
        entity = records[0].entity()
        stored = await _stored(access, entity)
        if not _is_news(records, stored):
            return None
    return await _tell(access, entity, records, stored, event_id, looked_at)


async def _hinted(
    access: Access, fetches: Sequence[Fetch], piece: Piece, asked_at: datetime
) -> tuple[int | None, Sequence[Record]]:
    """Read an order that a page only hints at; one whose hint is in the log is known."""
    async with access.conn.transaction():
        [appended] = await access.append([piece], Origin.POLL, asked_at=asked_at)
    if appended.repeated:
        return None, ()
    records: list[Record] = []
    for fetch in fetches:
        for found in await read_whole(access, fetch):
            records += map_piece(access, found).records
    return appended.event_id, records


async def read_whole(access: Access, fetch: Fetch) -> list[Piece]:
    """Return the pieces of one record as the vendor tells it now; none where it has none."""
    pull, step = access.folder.pull, fetch
    pieces: list[Piece] = []
    for _ in range(_STEPS_MAX):
        page = pull.fetched(step, await access.send(pull.fetch_request(step)))
        pieces += page.pieces
        if page.then is None:
            break
        step = page.then
    return pieces


async def _unreadable(access: Access, piece: Piece, asked_at: datetime) -> Unread | None:
    identified = identify_piece(access.folder, piece, asked_at)
    if not identified.entity.startswith("order/"):
        return None
    connection_id = access.connection.connection_id
    held = (await held_up(access.conn, connection_id, [identified.entity])).get(
        identified.entity, []
    )
    await _append(access, piece, asked_at)
    return Unread(
        ref=identified.entity.partition("/")[2],
        event_id=None,
        units={},
        held=tuple((row["event_id"], row["cause"]) for row in held),
        named=_words(piece.body),
    )


def _words(body: bytes) -> frozenset[str]:
    """Return the short texts of a body that has no other meaning to us."""
    try:
        rest: list[object] = [msgspec.json.decode(body)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return frozenset()
    words: set[str] = set()
    while rest:
        each = rest.pop()
        if isinstance(each, str) and len(each) <= _WORD_CHARS_MAX:
            words.add(each)
        elif isinstance(each, list):
            rest += each
        elif isinstance(each, dict):
            rest += each.values()
    return frozenset(words)


def map_piece(access: Access, piece: Piece) -> Mapped:
    """Return what a piece of the vendor's means."""
    source = Source(
        topic=piece.topic,
        body=piece.body,
        received_at=access.clock.now(),
        settings=access.connection.settings,
    )
    return access.folder.mapping.map_source(source)


async def _stored(access: Access, entity: str) -> dict[tuple[str, str], Record]:
    rows = await records_of_entity(access.conn, access.connection.connection_id, entity)
    return {(row["kind"], row["ref"]): decode(row["kind"], row["body"]) for row in rows}


def _is_news(records: Sequence[Record], stored: Mapping[tuple[str, str], Record]) -> bool:
    return any(_is_newer(each, stored.get((each.kind, each.ref))) for each in records)


def _is_newer(record: Record, known: Record | None) -> bool:
    return known is None or record.updated_at > known.updated_at


async def _append(access: Access, piece: Piece, asked_at: datetime) -> int | None:
    """Append an order; returns its event, None where the log had the very same."""
    async with access.conn.transaction():
        [appended] = await access.append([piece], Origin.POLL, asked_at=asked_at)
    return None if appended.repeated else appended.event_id


async def _tell(
    access: Access,
    entity: str,
    records: Sequence[Record],
    stored: Mapping[tuple[str, str], Record],
    event_id: int | None,
    looked_at: datetime,
) -> Unread | None:
    """Say how an unread order changed the channel's number, and whether an event of it waits."""
    connection_id = access.connection.connection_id
    after = dict(stored)
    after |= {
        (each.kind, each.ref): each
        for each in records
        if _is_newer(each, stored.get((each.kind, each.ref)))
    }
    order = next((each for each in after.values() if isinstance(each, Order)), None)
    known = any(isinstance(each, Order) for each in stored.values())
    if order is None or (not known and order.placed_at > looked_at):
        return None
    site_of = access.hub.site_of(connection_id)
    kits = access.hub.kits
    was = own_available(positions_of_order(stored.values(), site_of, kits))
    is_now = own_available(positions_of_order(after.values(), site_of, kits))
    units = {sku: is_now.get(sku, 0) - was.get(sku, 0) for sku in {*was, *is_now}}
    held = (await held_up(access.conn, connection_id, [entity])).get(entity, [])
    return Unread(
        ref=order.ref,
        event_id=event_id,
        units={sku: moved for sku, moved in units.items() if moved},
        variants={
            sku: {e.variant: e.units for e in shares_of_variants(units.get(sku, 0), 0, sold)}
            for sku, sold in variants_of_order(order).items()
        },
        known=known,
        over=order.cancelled_at is not None or order.deleted,
        held=tuple((r["event_id"], r["cause"]) for r in held if r["event_id"] != event_id),
    )
