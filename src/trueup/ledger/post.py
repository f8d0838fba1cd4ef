"""Post transactions and fold balances: the ledger's one write."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.errors import invariant
from trueup.ledger.model import Place, Position, Positions, StockChange, Transaction
from trueup.ledger.rules import own_available

_queries = load_queries("trueup.ledger")

_SITED = (Place.ON_HAND, Place.QUARANTINE)


class SkuNumbers:
    """The numbers of SKUs, remembered by the process: a number never changes."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    async def number(
        self, conn: psycopg.AsyncConnection[Any], codes: Iterable[str]
    ) -> dict[str, int]:
        """Return the number of each SKU. New ones are made in a transaction of their own."""
        wanted = set(codes)
        missing = sorted(wanted - self._known.keys())
        if missing:
            cursor = await conn.execute(_queries.number_skus, {"codes": missing})
            self._known.update(dict(await cursor.fetchall()))
            if any(code not in self._known for code in missing):
                # Another worker was making them at the same moment; now they are there.
                cursor = await conn.execute(_queries.number_skus, {"codes": missing})
                self._known.update(dict(await cursor.fetchall()))
        return {code: self._known[code] for code in wanted}


async def posted_of_records(
    conn: psycopg.AsyncConnection[Any], record_ids: Collection[int]
) -> dict[int, Positions]:
    """Return what has been posted for some records."""
    posted: dict[int, Positions] = defaultdict(dict)
    if not record_ids:
        return posted
    cursor = await conn.execute(
        _queries.posted_of_records, {"record_ids": list(record_ids)}, prepare=True
    )
    for record_id, code, place, site, units in await cursor.fetchall():
        posted[record_id][Position(code, Place(place), site)] = units
    return posted


async def lock_sites(
    conn: psycopg.AsyncConnection[Any], places: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """Return what the books say is on hand per (sku, site), locked until the commit."""
    cursor = await conn.execute(
        _queries.lock_sites,
        {"codes": [sku for sku, _ in places], "sites": [site for _, site in places]},
    )
    return {(sku, site): on_hand for sku, site, on_hand in await cursor.fetchall()}


async def lock_balances(
    conn: psycopg.AsyncConnection[Any], numbers: dict[str, int]
) -> dict[str, tuple[int, int, bool]]:
    """Return (available, sequence, counted) per SKU, locked until the commit.

    A batch that needs this calls it before it posts, for all SKUs it will touch, so that every
    batch locks in the order of the numbers.
    """
    if not numbers:
        return {}
    codes = {sku_id: sku for sku, sku_id in numbers.items()}
    cursor = await conn.execute(_queries.lock_balances, {"sku_ids": sorted(codes)})
    return {
        codes[sku_id]: (available, sequence, counted)
        for sku_id, available, sequence, counted in await cursor.fetchall()
    }


async def post_transactions(
    conn: psycopg.AsyncConnection[Any],
    transactions: Sequence[Transaction],
    numbers: dict[str, int],
) -> list[StockChange]:
    """Post a batch and fold it, in the transaction that stored its records.

    Args:
        conn: in the transaction of the batch; locks each SKU's balance until its end.
        transactions: each event at most once, each summing to zero per SKU.
        numbers: of every SKU that moves.

    Returns:
        What the batch made of each SKU.
    """
    if not transactions:
        return []
    for transaction in transactions:
        _check_sums(transaction)
    await conn.execute(
        _queries.insert_transactions,
        {
            "event_ids": [t.event_id for t in transactions],
            "record_ids": [t.record_id for t in transactions],
            "reasons": [t.reason for t in transactions],
            "occurred_ats": [t.occurred_at for t in transactions],
        },
        prepare=True,
    )
    if any(transaction.moves for transaction in transactions):
        await conn.execute(
            _queries.insert_postings, _posting_columns(transactions, numbers), prepare=True
        )
    return await _fold(conn, transactions, numbers)


async def _fold(
    conn: psycopg.AsyncConnection[Any],
    transactions: Sequence[Transaction],
    numbers: dict[str, int],
) -> list[StockChange]:
    totals: dict[int, dict[Place, int]] = defaultdict(lambda: defaultdict(int))
    sites: dict[tuple[int, str], dict[Place, int]] = defaultdict(lambda: defaultdict(int))
    own: dict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
    own_at: dict[str, dict[int, datetime]] = defaultdict(dict)
    seen: dict[str, datetime] = {}
    opened: set[str] = set()
    for transaction in transactions:
        opened |= transaction.opens
        for sku in transaction.opens:
            totals[numbers[sku]][Place.ON_HAND] += 0
            seen.setdefault(sku, transaction.seen_at)
        for position, units in transaction.moves.items():
            sku_id = numbers[position.sku]
            totals[sku_id][position.place] += units
            if position.place in _SITED:
                sites[sku_id, position.site][position.place] += units
            first = seen.setdefault(position.sku, transaction.seen_at)
            seen[position.sku] = min(first, transaction.seen_at)
        for sku, units in own_available(transaction.moves).items():
            down, up = own[sku].get(transaction.connection_id, (0, 0))
            changed = (down - units, up) if units < 0 else (down, up + units)
            own[sku][transaction.connection_id] = changed
            first = own_at[sku].setdefault(transaction.connection_id, transaction.occurred_at)
            own_at[sku][transaction.connection_id] = min(first, transaction.occurred_at)
    codes = {numbers[sku]: sku for sku in seen}
    sku_ids = sorted(totals)
    columns: dict[str, list[Any]] = {
        place.value: [totals[sku_id][place] for sku_id in sku_ids] for place in Place
    }
    columns["sku_ids"] = sku_ids
    columns["counted"] = [codes[sku_id] in opened for sku_id in sku_ids]
    cursor = await conn.execute(_queries.fold_balances, columns, prepare=True)
    folded = await cursor.fetchall()
    await _fold_sites(conn, sites)
    return [
        StockChange(
            sku=codes[sku_id],
            available=available,
            sequence=sequence,
            counted=counted,
            before=available - sum(up - down for down, up in own[codes[sku_id]].values()),
            own=own[codes[sku_id]],
            own_at=own_at[codes[sku_id]],
            seen_at=seen[codes[sku_id]],
        )
        for sku_id, sequence, available, counted in folded
    ]


async def _fold_sites(
    conn: psycopg.AsyncConnection[Any], sites: dict[tuple[int, str], dict[Place, int]]
) -> None:
    if not sites:
        return
    keys = sorted(sites)
    await conn.execute(
        _queries.fold_sites,
        {
            "sku_ids": [sku_id for sku_id, _ in keys],
            "sites": [site for _, site in keys],
            "on_hand": [sites[key][Place.ON_HAND] for key in keys],
            "quarantine": [sites[key][Place.QUARANTINE] for key in keys],
        },
        prepare=True,
    )


def _posting_columns(
    transactions: Sequence[Transaction], numbers: dict[str, int]
) -> dict[str, list[Any]]:
    rows = [
        (t.event_id, ordinal, t.record_id, numbers[p.sku], p.place.value, p.site, units)
        for t in transactions
        for ordinal, (p, units) in enumerate(sorted(t.moves.items()))
    ]
    names = ("event_ids", "ordinals", "record_ids", "sku_ids", "places", "sites", "units")
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _check_sums(transaction: Transaction) -> None:
    sums: dict[str, int] = defaultdict(int)
    for position, units in transaction.moves.items():
        sums[position.sku] += units
    invariant(
        not any(sums.values()), f"event {transaction.event_id} posts what does not sum to zero"
    )
