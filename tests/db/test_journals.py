"""Journals on a real database: each cent once, whatever is booked, posted, taken back, or at once."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest

from tests.db.test_money import AT, PROVIDER, SHOP, entry, payout, post, stored
from trueup.canon.payment import Payment, PaymentKind, PaymentState
from trueup.canon.price import Price
from trueup.config import JournalsConfig, MappedAccount
from trueup.contract.loader import find_connectors
from trueup.db.pool import connect
from trueup.errors import ConfigError
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.connections import create_connection, load_accounts
from trueup.journals.post import Posted, plan_journals, post_journals, preview_post
from trueup.journals.reads import find_journal, list_journals
from trueup.journals.undo import reverse_journal, withdraw_journal
from trueup.kernel.money import Money
from trueup.ledger.money import MoneyAccount
from trueup.ledger.money_book import lock_money
from trueup.ledger.money_days import Grain, sum_money_days
from trueup.outbox.command import discard_commands, revive_commands
from trueup.records.model import Stored

pytestmark = pytest.mark.anyio
DAY = AT.date()
NOW = datetime(2026, 3, 10, 8, tzinfo=UTC)
EVERY = tuple(
    MappedAccount(account=each, account_ref=str(n), name=f"Assets:{each.title()}")
    for n, each in enumerate(MoneyAccount, 1)
)
SETTINGS = JournalsConfig(connection="books", account=EVERY)


class Stage:
    """A hub with a shop (1), a provider (2) and QuickBooks (3), and no line to any."""

    def __init__(self, conn: psycopg.AsyncConnection[Any], hub: Hub) -> None:
        self.conn, self.hub = conn, hub

    async def post(
        self, through: date = DAY, settings: JournalsConfig = SETTINGS, now: datetime = NOW
    ) -> Posted:
        return await post_journals(
            self.conn, self.hub, settings, through=through, by="ada", now=now
        )

    async def outcome(self, number: str, state: str) -> None:
        """Let a command have come to an end, as the commander writes it down."""
        await self.conn.execute(
            "UPDATE outbox.command SET state = %s, vendor_ref = '77' WHERE ref = %s",
            (state, f"journal/{number}"),
        )

    async def books(self) -> dict[tuple[date, str], Decimal]:
        """Return what the journals that stand come to, by day and account."""
        cursor = await self.conn.execute(
            "SELECT j.day, l.account, sum(l.amount) FROM journals.journal j "
            "JOIN journals.line l USING (journal_id) LEFT JOIN journals.withdrawal w "
            "USING (journal_id) WHERE w.journal_id IS NULL GROUP BY 1, 2 HAVING sum(l.amount) <> 0"
        )
        return {(day, account): amount for day, account, amount in await cursor.fetchall()}

    async def ledger(self) -> dict[tuple[date, str], Decimal]:
        cursor = await self.conn.execute(
            "SELECT booked_on, account, sum(amount) FROM ledger.money_posting "
            "GROUP BY 1, 2 HAVING sum(amount) <> 0"
        )
        return {(day, account): amount for day, account, amount in await cursor.fetchall()}

    async def count(self, table: str) -> int:
        cursor = await self.conn.execute(b"SELECT count(*) FROM " + table.encode())
        [(count,)] = await cursor.fetchall()
        return int(count)


@asynccontextmanager
async def open_stage(url: str) -> AsyncIterator[Stage]:
    hub = Hub(Vault(bytes(range(32))), find_connectors())
    async with await connect(url, application_name="test") as conn:
        for name, connector in (("shop", "shopify"), ("stripe", "stripe"), ("books", "quickbooks")):
            await create_connection(
                conn, hub.vault, name=name, connector=connector, settings={}, secrets={}
            )
        accounts = await load_accounts(conn, hub.vault)
        hub.use_connections(account.connection for account in accounts)
        assert hub.names() == {SHOP: "shop", PROVIDER: "stripe", 3: "books"}
        yield Stage(conn, hub)


def payment(ref: str, order: str | None, amount: str) -> Payment:
    return Payment(
        ref=ref,
        order_ref=order,
        updated_at=AT,
        payment_kind=PaymentKind.SALE,
        state=PaymentState.SUCCEEDED,
        price=Price(Money(Decimal(amount), "EUR")),
    )


def sold(record_id: int, body: Payment, *, fresh: bool = True) -> Stored:
    return msgspec.structs.replace(stored(record_id, body, fresh=fresh), connection_id=SHOP)


async def test_a_day_is_posted_once_and_what_comes_later_for_it_is_in_the_next(
    database_url: str,
) -> None:
    async with open_stage(database_url) as stage:
        await post(stage.conn, stored(1, entry("t1", "20.00", "0.88"), fresh=True))
        looked = await preview_post(stage.conn, stage.hub, SETTINGS, through=DAY, now=NOW)
        assert await stage.count("journals.journal") + await stage.count("outbox.command") == 0
        assert await stage.count("ledger.money_lock") == 0, "a dry run locks nothing"
        done = await stage.post()
        assert [each.journal for each in done.said] == [each.journal for each in looked.said]
        assert done.locked
        [said] = done.said
        assert said.journal.number == "TU260302-1"
        assert await stage.books() == await stage.ledger()
        again = await stage.post()
        assert (again.said, again.held, again.locked) == ((), (), False)
        await post(stage.conn, stored(1, entry("t1", "25.00", "0.88")), learned_at=NOW)
        assert (await stage.post()).said == (), "the day is locked: nothing came to it"
        later = await stage.post(NOW.date(), now=NOW + timedelta(days=1))
        [said] = later.said
        assert (said.journal.number, said.journal.group.day) == ("TU260310-1", NOW.date())
        assert said.journal.lines[0].amount == Decimal("5.00")
        assert await stage.books() == await stage.ledger()
        [newest, _] = await list_journals(stage.conn)
        assert (newest.state, newest.total, newest.vendor_ref) == ("due", Decimal("5.00"), None)


async def test_a_posting_under_way_when_the_day_is_locked_is_in_its_journal(
    database_url: str,
) -> None:
    """It was written before the lock was there and committed after: it must not be lost between."""
    async with (
        open_stage(database_url) as stage,
        await connect(database_url, application_name="worker") as worker,
    ):
        async with worker.transaction():
            await post(worker, stored(1, entry("t1", "20.00"), fresh=True))
            posting = asyncio.create_task(stage.post())
            for _ in range(6000):
                cursor = await worker.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if (await cursor.fetchone()) == (1,) or posting.done():
                    break
                await asyncio.sleep(0.01)
            assert not posting.done(), "the lock does not wait for what is under way"
        done = await posting
        assert [each.journal.group.day for each in done.said] == [DAY]
        assert await stage.books() == await stage.ledger()


async def test_many_at_once_post_each_day_once(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        told = [entry(f"t{n}", f"{n}.00", "0.10") for n in range(1, 30)]
        await post(stage.conn, *(stored(n, each, fresh=True) for n, each in enumerate(told, 1)))

        async def poster() -> int:
            async with await connect(database_url, application_name="test") as conn:
                done = await Stage(conn, stage.hub).post()
                return len(done.said)

        counts = await asyncio.gather(*(poster() for _ in range(5)))
        assert sorted(counts) == [0, 0, 0, 0, 1]
        assert await stage.books() == await stage.ledger()
        assert await stage.count("outbox.command") == 1


async def test_grains_hold_whole_transactions_and_come_to_the_same(database_url: str) -> None:
    """A transaction that touches two connections, or two orders, is none of theirs."""
    async with open_stage(database_url) as stage:
        told = [payment("p1", "o-1", "10"), payment("p2", "o-2", "7"), payment("p3", None, "1")]
        await post(stage.conn, *(sold(n, each) for n, each in enumerate(told, 1)))
        await post(stage.conn, stored(4, entry("t1", "17.00", "0.50"), fresh=True))
        moved = sold(2, payment("p2", "o-3", "7.00"), fresh=False)  # from one order to another
        await post(stage.conn, moved)
        across = (
            "INSERT INTO ledger.money_posting (event_id, ordinal, record_id, account, "
            "connection_id, item, currency, amount, occurred_on, booked_on) VALUES "
            "(900, 1, 9, 'transit', 2, 'po', 'EUR', -3, %(day)s, %(day)s), "
            "(900, 2, 9, 'unmatched', 1, 'l', 'EUR', 3, %(day)s, %(day)s)"
        )
        await stage.conn.execute(across, {"day": DAY})
        sums = {
            grain: await sum_money_days(stage.conn, since=None, until=DAY, grain=grain, kept={})
            for grain in Grain
        }
        groups = {
            grain: {(each.told_by, each.order_ref) for each in found}
            for grain, found in sums.items()
        }
        assert groups[Grain.DAY] == {(0, "")}
        assert groups[Grain.CONNECTION] == {(0, ""), (1, ""), (2, "")}
        assert groups[Grain.ORDER] == {
            *((0, ""), (2, "")),
            *((1, ""), (1, "o-1"), (1, "o-2")),
        }
        for found in sums.values():
            totals: dict[Any, Decimal] = defaultdict(Decimal)
            accounts: dict[Any, Decimal] = defaultdict(Decimal)
            for each in found:
                totals[each.told_by, each.order_ref] += each.amount
                accounts[each.account, each.connection_id] += each.amount
            assert set(totals.values()) == {Decimal(0)}
            held = {key: amount for key, amount in accounts.items() if amount}
            assert held == {
                (each.account, each.connection_id): each.amount for each in sums[Grain.DAY]
            }
        kept = await sum_money_days(
            stage.conn, since=None, until=DAY, grain=Grain.ORDER, kept={(DAY, "EUR"): Grain.DAY}
        )
        assert kept == sums[Grain.DAY]
        assert not await sum_money_days(
            stage.conn, since=DAY + timedelta(days=1), until=NOW.date(), grain=Grain.DAY, kept={}
        )


async def test_a_day_keeps_the_grain_that_it_was_posted_with(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        await post(stage.conn, sold(1, payment("p1", "o-1", "10.00")))
        assert len((await stage.post()).said) == 1
        await lock_money(stage.conn, None, by="ada", today=NOW.date())
        await post(stage.conn, sold(2, payment("p2", "o-2", "7.00")))
        by_order = JournalsConfig(connection="books", account=EVERY, grain="order")
        done = await stage.post(settings=by_order)
        [said] = done.said
        assert done.locked
        assert (said.journal.group.order_ref, said.journal.grain) == ("", Grain.CONNECTION)
        assert said.journal.lines[0].amount in {Decimal("7.00"), Decimal("-7.00")}
        assert await stage.books() == await stage.ledger()


async def test_a_journal_is_taken_back_by_its_counter_and_the_day_posted_anew(
    database_url: str,
) -> None:
    async with open_stage(database_url) as stage:
        await post(stage.conn, stored(1, entry("t1", "20.00", "0.88"), fresh=True))
        await stage.post()
        back = {"on": None, "by": "ada", "now": NOW, "dry_run": False}
        with pytest.raises(ConfigError, match="it has not left yet"):
            await reverse_journal(stage.conn, stage.hub, "TU260302-1", **back)
        await stage.outcome("TU260302-1", "done")
        shown = await reverse_journal(
            stage.conn, stage.hub, "TU260302-1", **(back | {"dry_run": True})
        )
        assert await stage.count("journals.journal") == 1
        said = await reverse_journal(
            stage.conn, stage.hub, "TU260302-1", **(back | {"on": date(2026, 3, 5)})
        )
        assert said.journal.number == shown.journal.number == "TU260302-2"
        assert (said.journal.posted_on, said.journal.group.day) == (date(2026, 3, 5), DAY)
        assert await stage.books() == {}
        with pytest.raises(ConfigError, match="TU260302-2 took it back before"):
            await reverse_journal(stage.conn, stage.hub, "TU260302-1", **back)
        await stage.outcome("TU260302-2", "done")
        with pytest.raises(ConfigError, match="it takes TU260302-1 back itself"):
            await reverse_journal(stage.conn, stage.hub, "TU260302-2", **back)
        with pytest.raises(ConfigError, match="There is no journal 'TU1'"):
            await reverse_journal(stage.conn, stage.hub, "TU1", **back)
        elsewhere = (*(each for each in EVERY if each.account != "fees"), FEES_ELSEWHERE)
        other = JournalsConfig(connection="books", account=elsewhere)
        [anew] = (await stage.post(settings=other)).said
        assert anew.journal.number == "TU260302-3"
        refs = {line.account: line.account_ref for line in anew.journal.lines}
        assert refs["fees"] == "62-stripe"
        assert await stage.books() == await stage.ledger()
        told = {each.number: each for each in await list_journals(stage.conn)}
        assert told["TU260302-1"].reversed_by == "TU260302-2"
        assert told["TU260302-2"].reverses == "TU260302-1"
        first, second = [
            (await find_journal(stage.conn, n))[2] for n in ("TU260302-1", "TU260302-2")
        ]
        assert [line.amount for line in second] == [-line.amount for line in first]


FEES_ELSEWHERE = MappedAccount(account="fees", connection="stripe", account_ref="62-stripe")


async def test_what_surely_does_not_stand_there_is_withdrawn_and_posted_anew(
    database_url: str,
) -> None:
    gone = ("due", "refused", "dead", "unknown", "discarded")
    there = ("sending", "submitted", "done")
    async with open_stage(database_url) as stage:
        for n in range(1, len(gone) + len(there) + 1):
            day = AT - timedelta(days=n)
            await post(stage.conn, stored(n, entry("t", "20.00", occurred_at=day), fresh=True))
        numbers = {
            state: f"TU{AT - timedelta(days=n):%y%m%d}-1"
            for n, state in enumerate((*gone, *there), 1)
        }
        assert len((await stage.post()).said) == len(numbers)
        for state, number in numbers.items():
            await stage.outcome(number, state)
        for state in gone:
            told = await withdraw_journal(
                stage.conn, numbers[state], by="ada", reason="wrong account", now=NOW
            )
            assert told.state == "withdrawn"
        for state in there:
            with pytest.raises(ConfigError, match=f"is {state}: only what surely does not stand"):
                await withdraw_journal(stage.conn, numbers[state], by="ada", reason="", now=NOW)
        with pytest.raises(ConfigError, match="is withdrawn"):
            await withdraw_journal(stage.conn, numbers["due"], by="ada", reason="", now=NOW)
        assert (
            await revive_commands(stage.conn, [f"journal/{number}" for number in numbers.values()])
            == []
        )
        anew = {each.journal.number for each in (await stage.post()).said}
        assert anew == {numbers[state].replace("-1", "-2") for state in gone}
        assert await stage.books() == await stage.ledger()


async def test_what_was_discarded_by_hand_counts_as_standing_there(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        await post(stage.conn, stored(1, entry("t1", "20.00"), fresh=True))
        await stage.post()
        await discard_commands(stage.conn, ["journal/TU260302-1"], by="ada")
        assert (await stage.post()).said == ()


async def test_what_books_can_not_take_is_held_with_an_issue_and_the_rest_is_posted(
    database_url: str,
) -> None:
    async with open_stage(database_url) as stage:
        told = [entry("t1", "20.005"), entry("t2", "5", currency="USD"), entry("t3", "1.005")]
        await post(stage.conn, *(stored(n, each, fresh=True) for n, each in enumerate(told[:2], 1)))
        done = await stage.post()
        assert [each.journal.group.currency for each in done.said] == ["USD"]
        assert [each.issue.code for each in done.held] == ["journals.digits_exceeded"]
        issues = "SELECT code, ref, found FROM intake.issue WHERE closed_at IS NULL"
        cursor = await stage.conn.execute(issues)
        [(code, ref, found)] = await cursor.fetchall()
        assert (code, ref) == ("journals.digits_exceeded", "money/2026-03-02/EUR/stripe")
        assert found in {"20.005", "-20.005"}
        await stage.post()
        assert await stage.count("intake.issue") == 1, "the same issue, told again"
        # The lock keeps what is put right out of the day: unlocked, it comes to whole cents.
        await lock_money(stage.conn, None, by="ada", today=NOW.date())
        await post(stage.conn, stored(3, told[2], fresh=True))
        assert [each.journal.lines[0].amount.copy_abs() for each in (await stage.post()).said] == [
            Decimal("21.01")
        ]
        assert await (await stage.conn.execute(issues)).fetchall() == []
        assert await stage.books() == await stage.ledger()


async def test_nothing_is_locked_for_want_of_an_account_a_target_or_a_day_that_is_over(
    database_url: str,
) -> None:
    async with open_stage(database_url) as stage:
        await post(stage.conn, stored(1, entry("t1", "20.00"), fresh=True))
        for settings, said in (
            (JournalsConfig(account=EVERY), "It names none; journals are taken by: books"),
            (JournalsConfig(connection="stripe", account=EVERY), "It names 'stripe'"),
            (JournalsConfig(connection="books", account=EVERY[:1]), "clearing at stripe in EUR"),
        ):
            with pytest.raises(ConfigError, match=said):
                await stage.post(settings=settings)
        with pytest.raises(ConfigError, match="is not over yet"):
            await stage.post(NOW.date())
        assert await stage.count("ledger.money_lock") == await stage.count("journals.journal") == 0


async def test_the_first_day_bounds_what_is_posted_and_years_are_summed_whole(
    database_url: str,
) -> None:
    async with open_stage(database_url) as stage:
        assert (await stage.post(AT.date() - timedelta(days=800))).said == ()
        days = [AT - timedelta(days=n) for n in (0, 1, 29, 30, 31, 61, 62, 700)]
        told = [entry(f"t{n}", "9.00", occurred_at=day) for n, day in enumerate(days)]
        await post(stage.conn, *(stored(n, each, fresh=True) for n, each in enumerate(told, 1)))
        begun = JournalsConfig(connection="books", account=EVERY, since=days[2].date())
        done = await stage.post(settings=begun)
        assert [each.journal.group.day for each in done.said] == sorted(d.date() for d in days[:3])
        whole = await plan_journals(
            stage.conn, SETTINGS, stage.hub.names(), until=DAY, needs="name", whole=True
        )
        assert [draft.group.day for draft in whole.drafts] == sorted(day.date() for day in days)
        assert len((await stage.post()).said) == len(days) - 3
        assert await stage.books() == await stage.ledger()


async def test_the_database_refuses_a_forced_line_and_any_change(database_url: str) -> None:
    async with open_stage(database_url) as stage:
        await post(stage.conn, stored(1, entry("t1", "20.00"), fresh=True))
        await stage.post()
        forced = (
            "INSERT INTO journals.line (journal_id, ordinal, account, connection_id, account_ref, "
            "name, amount) SELECT journal_id, 9, 'rounding', 2, '1', '', 0.01 FROM journals.journal"
        )
        with pytest.raises(psycopg.errors.CheckViolation, match="does not sum to zero"):
            await stage.conn.execute(forced)
        for change in (
            "UPDATE journals.line SET amount = amount * 2",
            "DELETE FROM journals.journal",
            "TRUNCATE journals.withdrawal",
        ):
            with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
                await stage.conn.execute(change.encode())


async def test_any_history_of_booking_posting_unlocking_and_taking_back_ends_in_the_ledger(
    database_url: str,
) -> None:
    """Seeded walks: at the end one more post brings the books to the ledger, to the last cent."""
    async with open_stage(database_url) as stage:
        chance, now, record = random.Random(5), NOW, 0
        for _ in range(60):
            step = chance.choice(
                ["book", "book", "book", "again", "post", "unlock", "back", "gone"]
            )
            day = AT + timedelta(days=chance.randrange(6))
            if step == "book":
                record += 1
                amount = f"{chance.randrange(1, 9000) / 100:.2f}"
                told = chance.choice([entry, payout])(f"r{record}", amount)
                await post(stage.conn, stored(record, at(told, day), fresh=True), learned_at=now)
            elif step == "again" and record:
                told = at(entry(f"r{record}", f"{chance.randrange(1, 99)}.50"), day)
                await post(stage.conn, stored(record, told), learned_at=now)
            elif step == "unlock":
                await lock_money(stage.conn, None, by="ada", today=now.date())
            elif step == "post":
                await stage.post(day.date(), now=now)
            else:
                await take_one_back(stage, chance, step, now)
        await stage.post(NOW.date() + timedelta(days=1), now=now + timedelta(days=2))
        assert await stage.books() == await stage.ledger()
        assert await stage.count("journals.journal") > 10


def at(told: Any, day: datetime) -> Any:
    return type(told)(
        **{name: getattr(told, name) for name in told.__struct_fields__}
        | {"updated_at": day, "occurred_at" if hasattr(told, "occurred_at") else "created_at": day}
    )


async def take_one_back(stage: Stage, chance: random.Random, step: str, now: datetime) -> None:
    journals = [each for each in await list_journals(stage.conn) if each.state == "due"]
    if not journals:
        return
    number = chance.choice(journals).number
    if step == "gone":
        await withdraw_journal(stage.conn, number, by="ada", reason="", now=now)
        return
    await stage.outcome(number, "done")
    if all(each.number != number or each.reverses is None for each in journals):
        await reverse_journal(
            stage.conn, stage.hub, number, on=None, by="ada", now=now, dry_run=False
        )
