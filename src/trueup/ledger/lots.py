"""Lots: what records name is kept, and what is left of each is worked out when somebody asks.

The write costs nothing where no record names a lot. The read takes a SKU's postings on hand, which
carry the instant at which each unit came or left, and the lots that records name.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import psycopg

from trueup.canon.dock import Arrival, Transfer
from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.record import Record
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import invariant
from trueup.ledger.fefo import Flow, Shelf, fill_shelf
from trueup.records.model import Stored

_queries = load_queries("trueup.ledger")

Conn = psycopg.AsyncConnection[Any]

LotLine = tuple[str, str, str, date | None, int, datetime]
"""SKU, site, lot, its last good day, units that came (or left with a minus), and when."""

_LEAVES = (MovementKind.QUARANTINE, MovementKind.ADJUSTMENT)


def lots_of_record(record: Record) -> list[LotLine]:
    """Return the lots that a record names."""
    if record.deleted:
        return []
    if isinstance(record, Arrival):
        return [
            (line.sku, record.site, line.lot, line.expires_on, line.quantity, record.occurred_at)
            for line in record.lines
            if line.lot and line.quantity
        ]
    if isinstance(record, Transfer):
        return [
            (line.sku, record.from_site, line.lot, None, -line.quantity, record.occurred_at)
            for line in record.lines
            if line.lot
        ]
    if isinstance(record, StockMovement) and record.lot and record.movement in _LEAVES:
        sign = -1 if record.movement is MovementKind.QUARANTINE else 1
        units = sign * record.quantity
        return [(record.sku, record.site, record.lot, None, units, record.moved_at)]
    return []


async def note_lots(conn: Conn, changed: Sequence[Stored], numbers: Mapping[str, int]) -> None:
    """Keep the lots that the records of a batch name, and forget those they named before.

    Args:
        conn: in the transaction of the batch, after it has posted: it holds the balances.
        changed: records as they stand after it.
        numbers: of all their SKUs.
    """
    told = [(each, lots_of_record(each.body)) for each in changed if _may_name(each.body)]
    touched = [(each, lines) for each, lines in told if lines or not each.fresh]
    if not touched:
        return
    rows = [
        (each.record_id, n, numbers[sku], *rest)
        for each, lines in touched
        for n, (sku, *rest) in enumerate(lines)
    ]
    names = ("record_ids", "ordinals", "sku_ids", "sites", "lots", "expires_ons", "units")
    columns = {name: [row[n] for row in rows] for n, name in enumerate((*names, "moved_ats"))}
    replaced = [each.record_id for each, _ in touched]
    await conn.execute(_queries.replace_lots, {"replaced": replaced, **columns})


def _may_name(record: Record) -> bool:
    return isinstance(record, Arrival | Transfer | StockMovement)


async def shelves_of(
    conn: Conn, skus: Collection[str] | None, today: date
) -> dict[tuple[str, str], Shelf]:
    """Return what lies on each shelf, lot by lot: (sku, site) -> shelf.

    Args:
        conn: any session; reads several times, so what it returns is of one snapshot only inside
            a transaction that has one.
        skus: whose; None: of all that have lots. Those without lots are left out.
        today: decides what is expired.
    """
    codes = None if skus is None else sorted(set(skus))
    named = await fetch_rows(conn, _queries.lots_named, codes=codes)
    tracked = sorted({row["code"] for row in named})
    if not tracked:
        return {}
    moves = await fetch_rows(conn, _queries.moves_on_hand, codes=tracked)
    expires_on = _expiries(named)
    found: dict[tuple[str, str], Shelf] = {}
    for (sku, site), flows in _flows(named, moves).items():
        found[sku, site] = fill_shelf(flows, expires_on[sku], today)
    return found


async def known_lots(conn: Conn) -> set[tuple[str, str, str]]:
    """Return (SKU, site, lot) of every lot that a record names."""
    named = await fetch_rows(conn, _queries.lots_named, codes=None)
    return {(row["code"], row["site"], row["lot"]) for row in named}


async def prove_lots(conn: Conn, today: date) -> int:
    """Hold all shelves beside what the books call on hand; returns how many there are.

    Raises:
        InvariantBroken: lots and unlotted units of a shelf are not what is on hand there.
    """
    async with conn.transaction():
        await conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        shelves = await shelves_of(conn, None, today)
        codes = sorted({sku for sku, _ in shelves})
        rows = await fetch_rows(conn, _queries.sites_of_skus, codes=codes)
    for row in rows:
        shelf = shelves.get((row["code"], row["site"]), Shelf())
        same = shelf.units == row["on_hand"]
        invariant(same, f"lots of {row['code']} at {row['site']} do not sum to what is on hand")
    return len(shelves)


def _expiries(named: Iterable[Row]) -> dict[str, dict[str, date | None]]:
    """Return the last good day of each lot; of two that were told the earlier counts."""
    found: dict[str, dict[str, date | None]] = defaultdict(dict)
    for row in named:
        known, told = found[row["code"]].get(row["lot"]), row["expires_on"]
        days = [day for day in (known, told) if day is not None]
        found[row["code"]][row["lot"]] = min(days, default=None)
    return found


def _flows(named: Iterable[Row], moves: Iterable[Row]) -> dict[tuple[str, str], list[Flow]]:
    lots: dict[tuple[str, str, datetime], list[tuple[str, int]]] = defaultdict(list)
    for row in named:
        lots[row["code"], row["site"], row["moved_at"]].append((row["lot"], row["units"]))
    found: dict[tuple[str, str], list[Flow]] = defaultdict(list)
    for row in moves:
        key = (row["code"], row["site"], row["occurred_at"])
        found[key[0], key[1]].append(
            Flow(
                at=key[2],
                came=row["came"] or 0,
                went=-(row["went"] or 0),
                lots=tuple(sorted(lots.get(key, ()))),
            )
        )
    return found
