"""The money ledger on a real database: once, exactly, and never into a locked period."""

import asyncio
import os
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from trueup.canon.payout import BalanceEntry, EntryKind, Payout, PayoutState
from trueup.canon.record import Record
from trueup.db.pool import connect
from trueup.errors import ConfigError
from trueup.kernel.money import Money
from trueup.ledger.cleared import entries_of_payout
from trueup.ledger.money import MoneyAccount, Teller, money_of_record
from trueup.ledger.money_book import (
    Told,
    list_locks,
    lock_money,
    money_balances,
    money_items,
    post_money,
    prove_money,
)
from trueup.reconcile.payouts import check_payouts
from trueup.records.model import Stamp, Stored

EXAMPLES = int(os.environ.get("TRUEUP_EXAMPLES", "40"))
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
SHOP, PROVIDER, WOO, MARKET, BOOKS = 1, 2, 3, 4, 5
TELLERS = {SHOP: Teller.SELLER, PROVIDER: Teller.PAYMENTS, WOO: Teller.PAID_ORDERS}
TELLERS |= {MARKET: Teller.MARKETPLACE, BOOKS: Teller.COPY}

_events = count(1_000_001)  # beyond those of a log beside it


def stored(record_id: int, body: Record, *, fresh: bool = False) -> Stored:
    return Stored(
        record_id=record_id,
        connection_id=PROVIDER,
        kind=body.kind,
        ref=body.ref,
        stamp=Stamp(updated_at=body.updated_at, raised_at=body.updated_at, digest=b""),
        body=body,
        person=None,
        event_id=next(_events),
        fresh=fresh,
        touched=True,
    )


def retold(each: Stored) -> Stored:
    return stored(each.record_id, each.body)


def entry(
    ref: str, gross: str, fee: str = "0", *, to: str | None = None, **fields: Any
) -> BalanceEntry:
    currency = fields.pop("currency", "EUR")
    gross_, fee_ = Money(Decimal(gross), currency), Money(Decimal(fee), currency)
    told = {"entry": EntryKind.CHARGE, "updated_at": AT, "occurred_at": AT} | fields
    return BalanceEntry(ref=ref, gross=gross_, fee=fee_, net=gross_ - fee_, payout_ref=to, **told)


def payout(ref: str, amount: str, state: PayoutState = PayoutState.PAID) -> Payout:
    money = Money(Decimal(amount), "EUR")
    return Payout(ref=ref, updated_at=AT, created_at=AT, state=state, amount=money)


async def post(conn: Any, *changed: Stored, learned_at: datetime = AT) -> None:
    async with conn.transaction():
        told = [Told(each.event_id, [each]) for each in changed]
        await post_money(conn, told, TELLERS.__getitem__, learned_at)


async def open_items(conn: Any, account: MoneyAccount) -> dict[str, Decimal]:
    return {each.item: each.amount for each in await money_items(conn, [account]) if each.amount}


@pytest.mark.anyio
async def test_an_entry_that_gets_its_payout_later_moves_there(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        await post(conn, stored(1, entry("t1", "20.00", "0.88"), fresh=True))
        assert await open_items(conn, MoneyAccount.CLEARING) == {"": Decimal("19.12")}
        await post(conn, stored(1, entry("t1", "20.00", "0.88", to="po")))
        await post(conn, stored(2, payout("po", "19.12"), fresh=True))
        assert await open_items(conn, MoneyAccount.CLEARING) == {}
        assert await open_items(conn, MoneyAccount.TRANSIT) == {"po": Decimal("19.12")}
        await post(conn, stored(1, entry("t1", "20.00", "0.88", to="po")))
        assert (await prove_money(conn)).postings == 3 + 2 + 2, "told again, nothing is posted"
        await post(conn, stored(2, payout("po", "19.12", PayoutState.FAILED)))
        assert await open_items(conn, MoneyAccount.CLEARING) == {"po": Decimal("19.12")}
        assert (await prove_money(conn)).holds


@pytest.mark.anyio
async def test_a_payout_is_held_beside_its_entries_to_the_cent(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        told = [
            *(entry("a", "100.00", "3.00", to="po-1"), payout("po-1", "97.00")),
            *(entry("b", "50.00", to="po-2"), payout("po-2", "49.99")),
            payout("po-3", "5.00"),
            entry("c", "8.00", to="po-4"),
            entry("d", "1.00"),
        ]
        await post(conn, *(stored(n, each, fresh=True) for n, each in enumerate(told, 1)))
        report = await check_payouts(conn, {PROVIDER: "stripe"})
        assert (report.left, report.right, report.matched) == (3, 3, 1)
        assert [(d.cause, d.amount, d.currency, d.left_ref) for d in report.discrepancies] == [
            ("unexplained", Decimal("0.01"), "EUR", "stripe/payout/po-2"),
            ("entries_missing", Decimal("-5.00"), "EUR", "stripe/payout/po-3"),
            ("payout_missing", Decimal("8.00"), "EUR", "stripe/payout/po-4"),
        ]
        assert report.discrepancies[0].evidence[0] == (
            "1 entries come to 50.00, the payout says 49.99"
        )
        assert report.explained_share == round(97 / 151.99, 4)
        assert (await check_payouts(conn, {}, connection_id=99)).discrepancies == ()


@pytest.mark.anyio
async def test_the_entries_of_a_payout_are_those_that_went_out_with_it(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        told = [
            *(entry("a", "100.00", "3.00", to="po-1"), entry("b", "50.00", to="po-1")),
            *(payout("po-1", "97.00"), entry("c", "8.00", to="po-2"), entry("d", "1.00")),
        ]
        await post(conn, *(stored(n, each, fresh=True) for n, each in enumerate(told, 1)))
        assert sorted(await entries_of_payout(conn, PROVIDER, "po-1")) == [1, 2]
        await post(conn, stored(2, entry("b", "50.00", to="po-2")))
        assert await entries_of_payout(conn, PROVIDER, "po-1") == [1], "it moved to another"
        assert sorted(await entries_of_payout(conn, PROVIDER, "po-2")) == [2, 4]
        assert await entries_of_payout(conn, SHOP, "po-1") == []


@pytest.mark.anyio
async def test_a_locked_period_stays_as_it_was(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        await post(conn, stored(1, entry("t1", "20.00"), fresh=True))
        march = await money_balances(conn, until=date(2026, 3, 31))
        with pytest.raises(ConfigError, match="is not over yet"):
            await lock_money(conn, date(2026, 4, 2), by="ada", today=date(2026, 4, 2))
        await lock_money(conn, date(2026, 3, 31), by="ada", today=date(2026, 4, 2), reason="Q1")
        late = datetime(2026, 4, 10, 8, tzinfo=UTC)
        await post(conn, stored(1, entry("t1", "25.00")), learned_at=late)
        await post(conn, stored(2, entry("t2", "7.00"), fresh=True), learned_at=AT)
        assert await money_balances(conn, until=date(2026, 3, 31)) == march
        cursor = await conn.execute(
            "SELECT record_id, amount, occurred_on, booked_on FROM ledger.money_posting "
            "WHERE account = 'clearing' ORDER BY event_id"
        )
        assert await cursor.fetchall() == [
            (1, Decimal("20.00"), AT.date(), AT.date()),
            (1, Decimal("5.00"), AT.date(), late.date()),
            (2, Decimal("7.00"), AT.date(), date(2026, 4, 1)),
        ]
        await lock_money(conn, None, by="ada", today=date(2026, 4, 11))
        await post(conn, stored(3, entry("t3", "1.00"), fresh=True), learned_at=late)
        locks = [(each["locked_through"], each["reason"]) for each in await list_locks(conn)]
        assert locks == [(None, ""), (date(2026, 3, 31), "Q1")]
        [newest] = await (
            await conn.execute(
                "SELECT booked_on FROM ledger.money_posting WHERE record_id = 3 "
                "AND account = 'clearing'"
            )
        ).fetchall()
        assert newest == (AT.date(),)


@pytest.mark.anyio
async def test_the_database_holds_what_the_rules_promise(database_url: str) -> None:
    row = "(%s, 1, 1, 'clearing', 2, '', 'EUR', %s, '2026-03-02', '2026-03-02', now())"
    async with await connect(database_url, application_name="test") as conn:
        for bad in ("1.00", "0"):
            with pytest.raises(psycopg.errors.CheckViolation):
                await conn.execute(f"INSERT INTO ledger.money_posting VALUES {row}", (1, bad))  # noqa: S608 - our own words
        await post(conn, stored(1, entry("t1", "20.00"), fresh=True))
        for change in (
            "UPDATE ledger.money_posting SET amount = 1",
            "DELETE FROM ledger.money_posting",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
                await conn.execute(change)


# -- any history -----------------------------------------------------------------------------------

AMOUNTS = st.decimals(-1000, 1000, places=2)
ENTRIES = st.builds(
    lambda ref, gross, fee, to, kind, currency: entry(
        ref, str(gross), str(fee), to=to, entry=kind, currency=currency
    ),
    st.sampled_from(("t1", "t2", "t3", "t4")),
    AMOUNTS,
    AMOUNTS,
    st.none() | st.sampled_from(("po-1", "po-2")),
    st.sampled_from(EntryKind),
    st.sampled_from(("EUR", "JPY", "KWD")),
)
PAYOUTS = st.builds(
    lambda ref, amount, state: payout(ref, str(amount), state),
    st.sampled_from(("po-1", "po-2")),
    AMOUNTS,
    st.sampled_from(PayoutState),
)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def conn(runner: asyncio.Runner, module_database_url: str) -> Iterator[Any]:
    opened = runner.run(connect(module_database_url, application_name="test"))
    yield opened
    runner.run(opened.close())


def test_any_history_sums_to_zero_and_repeats_change_nothing(
    runner: asyncio.Runner, conn: Any
) -> None:
    """Versions in any batches: what is posted of a record is what its last version is worth."""
    numbers = count(1_000)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(history=st.lists(ENTRIES | PAYOUTS, min_size=1, max_size=12), seed=st.integers(0, 99))
    def tried(history: list[Record], seed: int) -> None:
        pick, known, last = random.Random(seed), {}, {}
        batches: list[list[Stored]] = [[]]
        for body in history:
            key = (body.kind, body.ref)
            fresh = key not in known
            known.setdefault(key, next(numbers))
            if any(each.record_id == known[key] for each in batches[-1]) or pick.random() < 0.4:
                batches.append([])
            batches[-1].append(stored(known[key], body, fresh=fresh))
            last[key] = batches[-1][-1]
        runner.run(told(batches, pick))
        worth: dict[Any, Decimal] = defaultdict(Decimal)
        for each in last.values():
            for position, amount in money_of_record(
                each.body, PROVIDER, teller=Teller.PAYMENTS
            ).items():
                worth[each.record_id, *position] += amount
        assert runner.run(posted(list(known.values()))) == dict(worth)

    async def told(batches: list[list[Stored]], pick: random.Random) -> None:
        for batch in batches:
            await post(conn, *batch)
            if pick.random() < 0.5:
                again = [retold(each) for each in batch]
                before = (await prove_money(conn)).postings
                await post(conn, *again)
                assert (await prove_money(conn)).postings == before

    async def posted(record_ids: list[int]) -> dict[Any, Decimal]:
        cursor = await conn.execute(
            "SELECT record_id, account, connection_id, item, currency, sum(amount) "
            "FROM ledger.money_posting WHERE record_id = ANY(%s) "
            "GROUP BY 1, 2, 3, 4, 5 HAVING sum(amount) <> 0",
            (record_ids,),
        )
        return {tuple(row[:-1]): row[-1] for row in await cursor.fetchall()}

    tried()
    assert runner.run(prove_money(conn)).holds
