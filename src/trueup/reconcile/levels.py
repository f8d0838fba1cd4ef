"""Does each channel show what the books say? Where not: who is right, and why do they differ?"""

from collections import defaultdict
from datetime import timedelta
from typing import Any

import msgspec

from trueup.canon.inventory import InventoryLevel
from trueup.canon.order import Order
from trueup.canon.record import decode
from trueup.contract.connector import Source
from trueup.intake.cursors import read_cursor
from trueup.ledger.reads import list_balances
from trueup.outbox.reads import list_intents
from trueup.pull.access import Access
from trueup.pull.levels import read_levels
from trueup.reconcile.report import Discrepancy, Report
from trueup.records.listings import Listing, list_listings
from trueup.records.reads import find_records

LOOK_BACK = timedelta(days=2)
UNREAD_PAGES_MAX = 40

_ALL = 10_000_000


class _Side(msgspec.Struct, frozen=True, kw_only=True):
    """One listing of a SKU on one channel, from both sides; None where a side does not know it."""

    sku: str
    level: InventoryLevel | None
    balance: dict[str, Any] | None
    intent: dict[str, Any] | None


async def check_levels(access: Access) -> Report:
    """Compare one channel's levels at the location that the hub writes with the books.

    Raises:
        ConnectorError: the vendor did not answer; half a picture is none.
    """
    connection = access.connection
    location = access.hub.stock_location(connection.connection_id)
    levels = [
        level
        for level in await read_levels(access)
        if not location or level.location_ref == location
    ]
    listings = [
        each
        for each in await list_listings(access.conn)
        if each.connection_id == connection.connection_id and each.active and each.stocked
    ]
    sides, unlisted = await _join(access, levels, listings)
    unread = await _unread_orders(access) if _any_differs(sides) else {}
    found: list[Discrepancy] = []
    matched = 0
    for side in sides:
        discrepancy = _judge(connection.name, side, unread)
        if discrepancy is None:
            matched += 1
        else:
            found.append(discrepancy)
    found += [_unmapped(connection.name, level) for level in unlisted]
    return Report(
        check=f"stock/{connection.name}",
        left=len(sides),
        right=len(levels),
        matched=matched,
        discrepancies=tuple(found),
    )


async def _join(
    access: Access, levels: list[InventoryLevel], listings: list[Listing]
) -> tuple[list[_Side], list[InventoryLevel]]:
    sku_of = {each.item_ref: each.sku for each in listings if each.item_ref}
    at_vendor = {each.item_ref: each for each in levels if each.item_ref in sku_of}
    unlisted = [each for each in levels if each.item_ref not in sku_of]
    balances = {row["sku"]: row for row in await list_balances(access.conn, count=_ALL)}
    intents = {
        row["item_ref"]: row
        for row in await list_intents(access.conn, count=_ALL)
        if row["connection_id"] == access.connection.connection_id and row["kind"] == "stock.set"
    }
    sides = [
        _Side(
            sku=sku,
            level=at_vendor.get(item_ref),
            balance=balances.get(sku),
            intent=intents.get(item_ref),
        )
        for item_ref, sku in sorted(sku_of.items(), key=lambda pair: (pair[1], pair[0]))
    ]
    return sides, unlisted


def _shown(side: _Side) -> int | None:
    return None if side.level is None else side.level.available


def _wanted(side: _Side) -> int | None:
    """Return what the channel should show by the books; None where they are not open."""
    if side.balance is None or not side.balance["counted"]:
        return None
    return max(0, int(side.balance["available"]))


def _any_differs(sides: list[_Side]) -> bool:
    return any(_shown(side) != _wanted(side) for side in sides)


def _judge(name: str, side: _Side, unread: dict[str, list[str]]) -> Discrepancy | None:
    """Return the difference of one SKU with its cause; None where both sides agree."""
    shown, wanted = _shown(side), _wanted(side)
    if shown == wanted and shown is not None:
        return None
    cause, evidence = _cause(side, unread)
    return Discrepancy(
        cause=cause,
        amount=(shown or 0) - (wanted or 0),
        left_ref=f"sku/{side.sku}",
        right_ref=f"{name}/{side.level.ref}" if side.level is not None else None,
        evidence=evidence,
    )


def _cause(side: _Side, unread: dict[str, list[str]]) -> tuple[str, tuple[str, ...]]:
    if side.level is None:
        return "gone_at_vendor", ("the vendor keeps no stock of it at this location",)
    if _wanted(side) is None:
        return "books_not_open", ("nobody has told what lies there: trueup stock open",)
    if orders := unread.get(side.sku):
        return "lost_webhook", tuple(f"order/{ref} was not read yet" for ref in orders)
    if side.intent is None:
        return "not_listed_out", ("the hub has no intent for it: is stock_location set?",)
    return _cause_by_intent(side.intent, _shown(side))


def _cause_by_intent(intent: dict[str, Any], shown: int | None) -> tuple[str, tuple[str, ...]]:
    state = f"intent is {intent['state']}: {intent['value']} shall stand there"
    if intent["dropped"]:
        return "unexplained_drop", (f"{intent['dropped']} units fell without a sale", state)
    if intent["risen"]:
        return "unexplained_rise", (f"{intent['risen']} units rose without a reason", state)
    if intent["state"] in {"due", "sending", "unknown"}:
        return "in_flight", (state,)
    if intent["state"] == "dead":
        return "given_up", (state, "see trueup dead list")
    if intent["believed"] is not None and shown != intent["believed"]:
        told = f"we left {intent['believed']} there, now it shows {shown}"
        return "second_writer", (told, "an app or a person wrote it after us")
    return "unexplained", (state,)


def _unmapped(name: str, level: InventoryLevel) -> Discrepancy:
    return Discrepancy(
        cause="unmapped_sku",
        amount=level.available or 0,
        left_ref=None,
        right_ref=f"{name}/{level.ref}",
        evidence=(f"item {level.item_ref} ({level.sku or 'no SKU'}) is no listing of ours",),
    )


async def _unread_orders(access: Access) -> dict[str, list[str]]:
    """Return orders that the vendor has and that we have not, or older: SKU -> their ids.

    Reads what changed lately, and appends nothing.
    """
    if not any(each.resource == "orders" for each in access.folder.manifest.pull):
        return {}
    connection_id = access.connection.connection_id
    cursor = await read_cursor(access.conn, connection_id, "orders", "poll")
    since_at = access.clock.now() - LOOK_BACK
    if cursor is not None and cursor.since_at is not None:
        since_at = min(since_at, cursor.since_at - LOOK_BACK)
    found: dict[str, list[str]] = defaultdict(list)
    page_cursor: str | None = None
    pull = access.folder.pull
    for _ in range(UNREAD_PAGES_MAX):
        reply = await access.send(pull.page_request("orders", since_at, page_cursor))
        page = pull.page("orders", reply)
        for piece in page.pieces:
            await _note_unread(access, piece.topic, piece.body, found)
        page_cursor = page.next_cursor
        if page_cursor is None:
            break
    return found


async def _note_unread(
    access: Access, topic: str, body: bytes, found: dict[str, list[str]]
) -> None:
    source = Source(topic=topic, body=body, received_at=access.clock.now())
    for record in access.folder.mapping.map_source(source).records:
        if isinstance(record, Order) and await _is_unread(access, record):
            for sku in {line.sku for line in record.lines if line.sku}:
                found[sku].append(record.ref)


async def _is_unread(access: Access, order: Order) -> bool:
    for row in await find_records(access.conn, Order.kind, order.ref):
        if row["connection_id"] == access.connection.connection_id:
            return decode(Order.kind, row["body"]).updated_at < order.updated_at
    return True
