"""Post transactions and fold balances: the ledger's one write."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.errors import invariant
from trueup.ledger.counts import Recount, kept, lagging, replace_counts, restate
from trueup.ledger.model import Place, Position, Positions, StockChange, Transaction, Whose
from trueup.ledger.rules import (
    available_change,
    difference,
    own_available,
    shares_of_variants,
)

_queries = load_queries("trueup.ledger")

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_SITED = (Place.ON_HAND, Place.QUARANTINE, Place.RESERVED)


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
    for record_id, code, place, site, at, units in await cursor.fetchall():
        posted[record_id][Position(code, Place(place), site, at)] = units
    return posted


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


async def recount(
    conn: psycopg.AsyncConnection[Any],
    recounts: Sequence[Recount],
    numbers: dict[str, int],
    pending: Sequence[Transaction],
) -> list[Transaction]:
    """Lock the balances, set what records count, and return what they no longer post.

    A count's postings change with the facts around it, so they are read under the locks.

    Args:
        conn: in the transaction of the batch.
        recounts: each record once.
        numbers: of every SKU that the batch may move: all are locked, in their order.
        pending: what the batch will post; it may be of one of these records.
    """
    if not recounts:
        return []
    await lock_balances(conn, numbers)
    posted = await posted_of_records(conn, [each.record_id for each in recounts])
    counting = {each.record_id for each in recounts}
    for transaction in pending:
        if transaction.record_id in counting:
            before = posted[transaction.record_id]
            moved = {p: before.get(p, 0) + units for p, units in transaction.moves.items()}
            posted[transaction.record_id] = before | moved
    await replace_counts(conn, recounts, numbers)
    return [
        Transaction(
            event_id=each.event_id,
            record_id=each.record_id,
            connection_id=each.connection_id,
            reason=each.reason,
            occurred_at=each.occurred_at,
            seen_at=each.seen_at,
            moves=moves,
        )
        for each in recounts
        if (moves := difference(kept(each, posted[each.record_id]), posted[each.record_id]))
    ]


async def post_transactions(
    conn: psycopg.AsyncConnection[Any],
    transactions: Sequence[Transaction],
    numbers: dict[str, int],
    recounts: Sequence[Recount] = (),
) -> list[StockChange]:
    """Post a batch and fold it, in the transaction that stored its records.

    Where units moved at or before a count that has seen them, the count's own difference is put
    right too: on hand stays what was counted, and what happened after it comes on top.

    Args:
        conn: in the transaction of the batch; locks each SKU's balance until its end.
        transactions: each event at most once per record, each summing to zero per SKU.
        numbers: of every SKU that moves.
        recounts: the batch's records that count, or have counted; their balances are locked.

    Returns:
        What the batch made of each SKU.
    """
    if not transactions:
        return []
    fold = _Fold(conn, numbers)
    # An event is named after the first that moves something, so that what was graded is no sale.
    ranked = sorted(transactions, key=lambda transaction: not transaction.moves)
    told = {transaction.event_id: transaction for transaction in reversed(ranked)}
    await conn.execute(
        _queries.insert_transactions,
        {
            "event_ids": list(told),
            "record_ids": [t.record_id for t in told.values()],
            "reasons": [t.reason for t in told.values()],
            "occurred_ats": [t.occurred_at for t in told.values()],
        },
        prepare=True,
    )
    await fold.post(transactions)
    if touched := lagging(transactions, fold.counted_at, recounts):
        await fold.post(await restate(conn, touched, numbers))
    return fold.changes()


class _Fold:
    """Posts and folds, once or twice, and says what came of each SKU in all.

    Attributes:
        counted_at: when the newest count was of each (sku, site) whose units on hand moved.
    """

    def __init__(self, conn: psycopg.AsyncConnection[Any], numbers: dict[str, int]) -> None:
        self._conn = conn
        self._numbers = numbers
        self._ordinals: Counter[int] = Counter()
        self._own: dict[str, dict[Whose, tuple[int, int]]] = defaultdict(dict)
        self._own_at: dict[str, dict[Whose, datetime]] = defaultdict(dict)
        self._own_live: dict[str, Counter[Whose]] = defaultdict(Counter)
        self._seen: dict[str, datetime] = {}
        self._moved: Counter[str] = Counter()
        self._folded: dict[str, tuple[int, int, bool]] = {}
        self.counted_at: dict[tuple[str, str], datetime] = {}

    async def post(self, transactions: Sequence[Transaction]) -> None:
        """Append the postings and fold them."""
        for transaction in transactions:
            _check_sums(transaction)
        if any(transaction.moves for transaction in transactions):
            await self._conn.execute(
                _queries.insert_postings, self._posting_columns(transactions), prepare=True
            )
        totals: dict[int, dict[Place, int]] = defaultdict(lambda: defaultdict(int))
        sites: dict[tuple[int, str], dict[Place, int]] = defaultdict(lambda: defaultdict(int))
        opened: set[str] = set()
        for transaction in transactions:
            opened |= transaction.opens
            for sku in (*transaction.opens, *transaction.own_back):
                totals[self._numbers[sku]][Place.ON_HAND] += 0
                self._seen.setdefault(sku, transaction.seen_at)
            for position, units in transaction.moves.items():
                sku_id = self._numbers[position.sku]
                totals[sku_id][position.place] += units
                if position.place in _SITED and position.site:
                    sites[sku_id, position.site][position.place] += units
                first = self._seen.setdefault(position.sku, transaction.seen_at)
                self._seen[position.sku] = min(first, transaction.seen_at)
            self._add_own(transaction)
        await self._fold_balances(totals, opened)
        await self._fold_sites(sites)

    def _add_own(self, transaction: Transaction) -> None:
        at = transaction.own_at or transaction.occurred_at
        for sku, units in available_change(transaction.moves).items():
            self._moved[sku] += units
        moved = own_available(transaction.moves)
        for sku in {**moved, **transaction.own_back}:
            units, back = moved.get(sku, 0), transaction.own_back.get(sku, 0)
            sold_as = transaction.variants.get(sku, {})
            for each in shares_of_variants(units, back, sold_as):
                whose = (transaction.connection_id, each.variant)
                down, up = self._own[sku].get(whose, (0, 0))
                fell, rose = each.back + max(0, -each.units), each.back + max(0, each.units)
                self._own[sku][whose] = (down + fell, up + rose)
                # What may be another's may be in a number already, however new that is.
                since = at if each.sure else _LONG_AGO
                self._own_at[sku][whose] = min(self._own_at[sku].setdefault(whose, since), since)
                if transaction.live and each.units < 0:
                    self._own_live[sku][whose] -= each.units

    async def _fold_balances(self, totals: dict[int, dict[Place, int]], opened: set[str]) -> None:
        if not totals:
            return
        codes = {self._numbers[sku]: sku for sku in self._seen}
        sku_ids = sorted(totals)
        columns: dict[str, list[Any]] = {
            place.value: [totals[sku_id][place] for sku_id in sku_ids] for place in Place
        }
        columns["sku_ids"] = sku_ids
        columns["counted"] = [codes[sku_id] in opened for sku_id in sku_ids]
        cursor = await self._conn.execute(_queries.fold_balances, columns, prepare=True)
        for sku_id, sequence, available, counted in await cursor.fetchall():
            self._folded[codes[sku_id]] = (sequence, available, counted)

    async def _fold_sites(self, sites: dict[tuple[int, str], dict[Place, int]]) -> None:
        if not sites:
            return
        keys = sorted(sites)
        cursor = await self._conn.execute(
            _queries.fold_sites,
            {
                "sku_ids": [sku_id for sku_id, _ in keys],
                "sites": [site for _, site in keys],
                "on_hand": [sites[key][Place.ON_HAND] for key in keys],
                "quarantine": [sites[key][Place.QUARANTINE] for key in keys],
                "reserved": [sites[key][Place.RESERVED] for key in keys],
            },
            prepare=True,
        )
        codes = {self._numbers[sku]: sku for sku in self._seen}
        for sku_id, site, counted_at in await cursor.fetchall():
            if counted_at is not None:
                self.counted_at[codes[sku_id], site] = counted_at

    def changes(self) -> list[StockChange]:
        """Return what became of each SKU."""
        return [
            StockChange(
                sku=sku,
                available=available,
                sequence=sequence,
                counted=counted,
                before=available - self._moved[sku],
                own=self._own[sku],
                own_at=self._own_at[sku],
                own_live=self._own_live[sku],
                seen_at=self._seen[sku],
            )
            for sku, (sequence, available, counted) in self._folded.items()
        ]

    def _posting_columns(self, transactions: Sequence[Transaction]) -> dict[str, list[Any]]:
        rows = []
        for t in transactions:
            for p, units in sorted(t.moves.items()):
                ordinal = self._ordinals[t.event_id]
                self._ordinals[t.event_id] += 1
                where = (self._numbers[p.sku], p.place.value, p.site, p.at)
                rows.append((t.event_id, ordinal, t.record_id, *where, units))
        names = ("event_ids", "ordinals", "record_ids", "sku_ids", "places", "sites", "ats")
        columns = zip((*names, "units"), zip(*rows, strict=True), strict=True)
        return {name: list(column) for name, column in columns}


def _check_sums(transaction: Transaction) -> None:
    sums: dict[str, int] = defaultdict(int)
    for position, units in transaction.moves.items():
        sums[position.sku] += units
    invariant(
        not any(sums.values()), f"event {transaction.event_id} posts what does not sum to zero"
    )
