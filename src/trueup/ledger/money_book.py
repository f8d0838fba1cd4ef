"""The money ledger in the database: one write, its reads, and the days up to which it is locked."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg.rows import class_row

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import ConfigError, invariant
from trueup.ledger.money import (
    EXACT,
    MONEY_KINDS,
    SALE_KINDS,
    MoneyAccount,
    MoneyPosition,
    MoneyPositions,
    Teller,
    money_of_record,
    occurred_on,
)
from trueup.ledger.sold import money_of_sale
from trueup.records.model import Stored

_queries = load_queries("trueup.ledger")

Conn = psycopg.AsyncConnection[Any]

_NOTHING = Decimal(0)
_COLUMNS = (
    *("event_ids", "ordinals", "record_ids", "accounts", "connection_ids", "items"),
    *("currencies", "amounts", "occurred_ons", "learned_ons"),
)


class MoneyProof(msgspec.Struct, frozen=True, kw_only=True):
    """What re-summing the money ledger found.

    Attributes:
        unbalanced: transactions that do not sum to zero in a currency.
        total: what the postings of all currencies are off together; zero.
    """

    postings: int
    unbalanced: int
    total: Decimal

    @property
    def holds(self) -> bool:
        """Whether every transaction sums to zero."""
        return self.unbalanced == 0 and self.total == 0


class MoneyItem(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of one item of an account: nothing, where all who tell of it agree.

    Attributes:
        amount: debits less credits.
        first_on, last_on: days on which its money moved.
    """

    account: str
    connection_id: int
    item: str
    currency: str
    amount: Decimal
    debits: Decimal
    credits: Decimal
    postings: int
    first_on: date
    last_on: date


class Told(NamedTuple):
    """Records of one entity whose money is to be worked out again, and because of which event."""

    event_id: int
    records: Sequence[Stored]


async def post_money(
    conn: Conn,
    told: Iterable[Told],
    teller_of: Callable[[int], Teller],
    learned_at: datetime,
) -> None:
    """Post what the records of a batch are worth now, less what was posted for them before.

    Args:
        conn: in the transaction of the batch, which holds the records' entities.
        told: each entity once, with all of its records as they stand after it.
        teller_of: what a connection's word about money is worth.
        learned_at: when the batch's newest event was taken in.
    """
    counted = [
        Told(each.event_id, records)
        for each in told
        if (records := [r for r in each.records if r.kind in MONEY_KINDS])
    ]
    if not counted:
        return
    posted = await _posted(
        conn, [r.record_id for each in counted for r in each.records if not r.fresh]
    )
    rows: list[tuple[Any, ...]] = []
    ordinals: Counter[int] = Counter()
    learned_on = learned_at.date()
    for event_id, changed in counted:
        worth = _worth(changed, teller_of)
        for each in changed:
            moves = _difference(worth[each.record_id], posted.get(each.record_id, {}))
            if not moves:
                continue
            _check_sums(event_id, moves)
            day = occurred_on(each.body)
            for position, amount in sorted(moves.items()):
                ordinals[event_id] += 1
                key = (event_id, ordinals[event_id], each.record_id)
                rows.append((*key, *position, amount, day, learned_on))
    if rows:
        columns = dict(zip(_COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
        await conn.execute(_queries.insert_money, columns)


def _worth(
    records: Sequence[Stored], teller_of: Callable[[int], Teller]
) -> dict[int, MoneyPositions]:
    """Return what each record of one entity is worth: those of a sale together."""
    connection_id = records[0].connection_id
    teller = teller_of(connection_id)
    sale = {each.record_id: each.body for each in records if each.kind in SALE_KINDS}
    worth = money_of_sale(sale, connection_id, teller=teller) if sale else {}
    for each in records:
        if each.record_id not in worth:
            worth[each.record_id] = money_of_record(each.body, connection_id, teller=teller)
    return worth


async def _posted(conn: Conn, record_ids: Sequence[int]) -> dict[int, MoneyPositions]:
    posted: dict[int, MoneyPositions] = defaultdict(dict)
    if record_ids:
        cursor = await conn.execute(_queries.money_of_records, {"record_ids": list(record_ids)})
        for record_id, account, connection_id, item, currency, amount in await cursor.fetchall():
            position = MoneyPosition(MoneyAccount(account), connection_id, item, currency)
            posted[record_id][position] = amount
    return posted


def _difference(wanted: MoneyPositions, posted: MoneyPositions) -> MoneyPositions:
    if not posted:
        return wanted
    moves = {
        position: EXACT.subtract(wanted.get(position, _NOTHING), posted.get(position, _NOTHING))
        for position in {*wanted, *posted}
    }
    return {position: amount for position, amount in moves.items() if amount}


def _check_sums(event_id: int, moves: MoneyPositions) -> None:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for position, amount in moves.items():
        sums[position.currency] = EXACT.add(sums[position.currency], amount)
    invariant(not any(sums.values()), f"event {event_id} posts money that does not sum to zero")


async def money_balances(conn: Conn, *, until: date | None = None) -> list[Row]:
    """Return what every account holds, by connection and currency; above zero is a debit.

    Args:
        conn: any session.
        until: the last day of booking that counts; None: all.
    """
    return await fetch_rows(conn, _queries.money_balances, until=until)


async def money_items(
    conn: Conn, accounts: Collection[MoneyAccount], *, connection_id: int | None = None
) -> list[MoneyItem]:
    """Return every item of some accounts, settled or not."""
    async with conn.cursor(row_factory=class_row(MoneyItem)) as cursor:
        await cursor.execute(
            _queries.money_items,
            {"accounts": sorted(accounts), "connection_id": connection_id},
        )
        return await cursor.fetchall()


async def prove_money(conn: Conn) -> MoneyProof:
    """Re-sum every posting of the money ledger."""
    [row] = await fetch_rows(conn, _queries.prove_money)
    return MoneyProof(postings=row["postings"], unbalanced=row["unbalanced"], total=row["total"])


async def lock_money(
    conn: Conn, through: date | None, *, by: str, today: date, reason: str = ""
) -> None:
    """Lock the books up to a day: what comes later for it is booked after it. None: unlock.

    Args:
        conn: in autocommit, or in the caller's transaction.
        through: the last locked day.
        by: who says so.
        today: nothing is locked that is not over.
        reason: of theirs.

    Raises:
        ConfigError: the day is not over yet.
    """
    if through is not None and through >= today:
        raise ConfigError(
            f"{through} is not over yet: money of that day would have nowhere to go. "
            "Lock a day before today.",
            field="through",
            expected=f"a day before {today}",
        )
    locked = {"locked_through": through, "locked_by": by, "reason": reason}
    async with conn.transaction():
        # A posting that looked before the lock was there may not be committed yet: once the lock
        # stands, nothing of a locked day is still to come.
        await conn.execute(_queries.hold_money)
        await conn.execute(_queries.lock_money, locked)


async def lock_money_through(
    conn: Conn, through: date, *, by: str, today: date, reason: str = ""
) -> bool:
    """Lock the books up to a day unless they are; returns whether they were not.

    Raises:
        ConfigError: the day is not over yet.
    """
    locks = await list_locks(conn)
    locked = locks[0]["locked_through"] if locks else None
    if locked is not None and locked >= through:
        return False
    await lock_money(conn, through, by=by, today=today, reason=reason)
    return True


async def list_locks(conn: Conn) -> list[Row]:
    """Return every lock that was ever set, newest first."""
    return await fetch_rows(conn, _queries.list_locks)
