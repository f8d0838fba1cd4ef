"""Counts: what was found at a site is a statement as of an instant, in whatever order facts arrive.

What happened at or before the instant is in the count, what happened after comes on top. A count
posts the difference between what was found and what the books say stood there then. Who moves a
unit at or before a count later (a parcel of which we hear late) moves that count's difference too:
on hand stays what was counted. Each count is corrected by what happened since the one before it,
so the counts' differences are the same for every order of arrival. Of two counts of one place and
one instant the lower holds.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from itertools import product
from typing import Any, NamedTuple

import msgspec
import psycopg

from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.record import Record
from trueup.db.queries import load_queries
from trueup.intake.model import Event
from trueup.ledger.model import Place, Position, Positions, Transaction
from trueup.ledger.rules import positions_of_movement

_queries = load_queries("trueup.ledger")

REASON = "count"

Spot = tuple[str, str]
"""A SKU at a site."""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """So many units of a SKU lie at a site, of all that happened until `counted_at`."""

    sku: str
    site: str
    counted_at: datetime
    units: int


class Recount(msgspec.Struct, frozen=True, kw_only=True):
    """A record that counts, or has counted before.

    Attributes:
        event_id: the last event of the batch that tells of it.
        count: what it counts now; None: nothing any more.
        wanted: what it posts where it is no count.
        reason: why, where it posts.
        seen_at: when the event was taken in.
        occurred_at: the version's stamp.
    """

    event_id: int
    record_id: int
    connection_id: int
    count: Count | None
    wanted: Positions
    reason: str
    seen_at: datetime
    occurred_at: datetime


class Touched(NamedTuple):
    """From which instant on counts of a place must be looked at, and because of which event."""

    spot: Spot
    at: datetime
    later: bool
    event_id: int
    seen_at: datetime


def is_count(record: Record) -> bool:
    """Whether a record counts."""
    if not isinstance(record, StockMovement) or record.deleted:
        return False
    return record.movement is MovementKind.COUNT


def count_of(movement: StockMovement) -> Count | None:
    """Return what a movement counts; None where it moves."""
    if not is_count(movement):
        return None
    return Count(
        sku=movement.sku,
        site=movement.site,
        counted_at=movement.moved_at,
        units=movement.quantity,
    )


def recount_of(movement: StockMovement, event: Event, record_id: int) -> Recount:
    """Return what a movement counts now that is a count, or has been one."""
    return Recount(
        event_id=event.event_id,
        record_id=record_id,
        connection_id=event.connection_id,
        count=count_of(movement),
        wanted=positions_of_movement(movement),
        reason=movement.movement.value,
        seen_at=event.received_at,
        occurred_at=movement.updated_at,
    )


def kept(recount: Recount, posted: Positions) -> Positions:
    """Return what of a record's postings may stay: a count's difference at its place and instant.

    Whether it is still the right difference is looked at afterwards.
    """
    count = recount.count
    if count is None:
        return recount.wanted
    here = Position(count.sku, Place.ON_HAND, count.site, count.counted_at)
    stays = all(p == here or p == Position(count.sku, Place.LOSS) for p in posted)
    return posted if stays else {}


async def replace_counts(
    conn: psycopg.AsyncConnection[Any], recounts: Sequence[Recount], numbers: dict[str, int]
) -> None:
    """Set what records count; the caller holds the balances of all their SKUs."""
    counts = [(each, each.count) for each in recounts if each.count is not None]
    cursor = await conn.execute(
        _queries.replace_counts,
        {
            "gone": [each.record_id for each in recounts if each.count is None],
            "record_ids": [each.record_id for each, _ in counts],
            "connection_ids": [each.connection_id for each, _ in counts],
            "sku_ids": [numbers[count.sku] for _, count in counts],
            "sites": [count.site for _, count in counts],
            "counted_ats": [count.counted_at for _, count in counts],
            "units": [count.units for _, count in counts],
        },
    )
    places = {(sku_id, site) for sku_id, site in await cursor.fetchall()}
    places |= {(numbers[count.sku], count.site) for _, count in counts}
    ordered = sorted(places)
    await conn.execute(
        _queries.note_counted,
        {"sku_ids": [sku_id for sku_id, _ in ordered], "sites": [site for _, site in ordered]},
    )


def lagging(
    transactions: Sequence[Transaction],
    counted_at: dict[Spot, datetime],
    recounts: Sequence[Recount],
) -> list[Touched]:
    """Return which counts a batch has touched: those told anew, and those that came after a move.

    Args:
        transactions: what the batch has posted.
        counted_at: when the newest count was, of each place whose units on hand moved.
        recounts: the batch's records that count.
    """
    found: dict[tuple[Spot, datetime, bool], Touched] = {}
    told_anew = {each.record_id for each in recounts}
    for transaction in transactions:
        # Where a count ends, another of the same instant may hold from now on, and the next one
        # after both has something else before it.
        passing = (False, True) if transaction.record_id in told_anew else (False,)
        for position, later in product(transaction.moves, passing):
            spot, at = (position.sku, position.site), position.at
            newest = counted_at.get(spot)
            if at is not None and newest is not None and at <= newest:
                found[spot, at, later] = Touched(
                    spot,
                    at,
                    later=later,
                    event_id=transaction.event_id,
                    seen_at=transaction.seen_at,
                )
    for each in recounts:
        if each.count is not None:
            spot, at = (each.count.sku, each.count.site), each.count.counted_at
            for later in (False, True):
                found[spot, at, later] = Touched(
                    spot, at, later=later, event_id=each.event_id, seen_at=each.seen_at
                )
    return list(found.values())


async def restate(
    conn: psycopg.AsyncConnection[Any], touched: Sequence[Touched], numbers: dict[str, int]
) -> list[Transaction]:
    """Return what must be posted so that what was counted stood there when it was counted."""
    cursor = await conn.execute(
        _queries.counts_after,
        {
            "sku_ids": [numbers[each.spot[0]] for each in touched],
            "sites": [each.spot[1] for each in touched],
            "ats": [each.at for each in touched],
            "later": [each.later for each in touched],
        },
        prepare=True,
    )
    codes = {numbers[each.spot[0]]: each.spot[0] for each in touched}
    because = {each.spot: each for each in touched}
    shifts: dict[Spot, int] = defaultdict(int)
    corrections = []
    for sku_id, site, counted_at, record_id, connection_id, units, stood in await cursor.fetchall():
        spot = (codes[sku_id], site)
        units_off = units - stood - shifts[spot]
        if not units_off:
            continue
        shifts[spot] += units_off
        corrections.append(
            Transaction(
                event_id=because[spot].event_id,
                record_id=record_id,
                connection_id=connection_id,
                reason=REASON,
                occurred_at=counted_at,
                seen_at=because[spot].seen_at,
                moves={
                    Position(spot[0], Place.ON_HAND, site, counted_at): units_off,
                    Position(spot[0], Place.LOSS): -units_off,
                },
            )
        )
    return corrections


async def promised_then(
    conn: psycopg.AsyncConnection[Any], sku_id: int, site: str, at: datetime
) -> dict[int, int]:
    """Return what each record had promised of a SKU at a site and what lay there still."""
    cursor = await conn.execute(
        _queries.promised_then, {"sku_id": sku_id, "site": site, "at": at}, prepare=True
    )
    return dict(await cursor.fetchall())
