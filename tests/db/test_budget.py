"""Goal: all processes together stay within a vendor's limit, and what can wait leaves room.

Method: several sessions on one real database, with the database's own clock or one by hand.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from trueup import connectors
from trueup.contract.capability import Limit
from trueup.contract.connector import Budget
from trueup.contract.loader import load_connector
from trueup.contract.manifest import Manifest
from trueup.db.database import prepare_database
from trueup.db.pool import connect
from trueup.errors import RateLimited
from trueup.outbox.budget import WAIT_S_MAX, Budgets, OwnLimiter, SharedLimiter
from trueup.outbox.reads import list_budgets

pytestmark = pytest.mark.anyio

CAPACITY, REFILL_PER_S = 10.0, 20.0


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)  # budgets are begun by the clock of the database

    def now(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def manifest(**scopes: tuple[float, float]) -> Manifest:
    folder = load_connector(Path(connectors.__file__).parent / "shopify")
    limits = tuple(
        Limit(kind="requests", scope=scope, capacity=capacity, refill_per_s=refill)
        for scope, (capacity, refill) in scopes.items()
    )
    return msgspec.structs.replace(folder.manifest, limits=limits)


PLAIN = {"all": (CAPACITY, REFILL_PER_S)}


@asynccontextmanager
async def limiters(
    url: str, count: int, clock: Hand | None = None, **scopes: tuple[float, float]
) -> AsyncIterator[list[SharedLimiter]]:
    await prepare_database(url)
    sessions = [Budgets(url, now=clock) for _ in range(count)]
    try:
        yield [each.of(7, manifest(**(scopes or PLAIN))) for each in sessions]
    finally:
        for each in sessions:
            await each.aclose()


async def test_replicas_do_not_multiply_the_rate(database_url: str) -> None:
    """Six sessions ask as fast as they can; the vendor would see no more than its limit."""
    async with limiters(database_url, 6) as each:
        loop = asyncio.get_running_loop()
        began, taken = loop.time(), 0

        async def hammer(limiter: SharedLimiter, *, patient: bool) -> None:
            nonlocal taken
            while loop.time() - began < 2.0:
                await limiter.take("all", 1.0, patient=patient)
                if loop.time() - began < 2.0:
                    taken += 1

        await asyncio.gather(*(hammer(one, patient=n % 2 == 0) for n, one in enumerate(each)))
        allowed = CAPACITY + 2.0 * REFILL_PER_S
        assert taken <= allowed + 1, "together they called more often than the vendor allows"
        assert taken > allowed / 2, "the budget was not used"


async def test_a_patient_call_leaves_a_share_to_the_urgent(database_url: str) -> None:
    clock = Hand()
    async with limiters(database_url, 2, clock, all=(8.0, 0.001)) as (pulls, stock):
        for _ in range(6):
            await pulls.take("all", 1.0, patient=True)
        with pytest.raises(RateLimited):
            await pulls.take("all", 1.0, patient=True)
        await stock.take("all", 1.0, patient=False)
        await stock.take("all", 1.0, patient=False)
        with pytest.raises(RateLimited) as refused:
            await stock.take("all", 1.0, patient=False)
        assert refused.value.after_s > WAIT_S_MAX


async def test_each_scope_has_its_own_budget(database_url: str) -> None:
    clock = Hand()
    async with limiters(database_url, 1, clock, all=(5.0, 1.0), orders=(1.0, 0.001)) as (one,):
        await one.take("orders", 1.0, patient=False)
        with pytest.raises(RateLimited):
            await one.take("orders", 1.0, patient=False)
        await one.take("listings", 1.0, patient=False)
        clock.advance(1_000)
        await one.take("orders", 1.0, patient=False)


async def test_what_the_reply_says_wins_less_what_others_have_in_flight(database_url: str) -> None:
    clock = Hand()
    async with limiters(database_url, 2, clock, all=(100.0, 1.0)) as (one, other):
        await one.take("all", 10.0, patient=False)
        await other.take("all", 30.0, patient=False)
        await one.learn("all", 10.0, Budget(available=50.0, capacity=200.0, refill_per_s=5.0))
        async with await connect(database_url, application_name="test") as conn:
            (row,) = [row for row in await list_budgets(conn) if row["scope"] == "all"]
        assert (row["capacity"], row["refill_per_s"]) == (200.0, 5.0)
        await other.learn("all", 30.0, None)
        await one.take("all", 20.0, patient=False)
        with pytest.raises(RateLimited):
            await one.take("all", 150.0, patient=False)


@pytest.mark.parametrize("apart_s", [1, 0])
async def test_of_two_replies_the_later_call_is_believed_and_of_equals_the_lesser(
    database_url: str, apart_s: int
) -> None:
    clock = Hand()
    async with limiters(database_url, 2, clock, all=(10.0, 0.001)) as (one, other):
        first = await one.take("all", 1.0, patient=False)
        clock.advance(apart_s)
        second = await other.take("all", 1.0, patient=False)
        few = Budget(available=1.0, capacity=10.0, refill_per_s=0.001)
        await other.learn("all", 1.0, few, taken_at=second)
        many = Budget(available=9.0, capacity=10.0, refill_per_s=0.001)
        await one.learn("all", 1.0, many, taken_at=first)
        # One was left, less the call that was under way then: nothing, whatever the older reply says.
        with pytest.raises(RateLimited):
            await one.take("all", 1.0, patient=False)


async def test_after_too_many_nobody_calls_until_the_vendor_said(database_url: str) -> None:
    clock = Hand()
    async with limiters(database_url, 2, clock) as (one, other):
        await one.take("all", 1.0, patient=False)
        await one.learn("all", 1.0, None, blocked_s=60.0)
        with pytest.raises(RateLimited) as refused:
            await other.take("all", 1.0, patient=False)
        assert 59 <= refused.value.after_s <= 60
        clock.advance(61)
        await other.take("all", 1.0, patient=False)


async def test_budgets_come_back_after_the_table_was_emptied(database_url: str) -> None:
    """The table is not logged: a crash of the server empties it."""
    async with limiters(database_url, 1) as (one,):
        await one.take("all", 1.0, patient=False)
        async with await connect(database_url, application_name="test") as conn:
            await conn.execute("TRUNCATE outbox.budget")
            assert await list_budgets(conn) == []
            await one.take("all", 4.0, patient=False)
            (row,) = await list_budgets(conn)
        # It begins full again, and the call was paid for.
        assert row["capacity"] == CAPACITY
        assert row["available"] < CAPACITY


async def test_a_cost_above_the_capacity_is_all_of_it(database_url: str) -> None:
    clock = Hand()
    async with limiters(database_url, 1, clock, all=(4.0, 0.1)) as (one,):
        await one.take("all", 1_000.0, patient=True)
        with pytest.raises(RateLimited):
            await one.take("all", 4.0, patient=False)


async def test_an_account_that_is_only_tried_keeps_its_own_budget() -> None:
    clock = Hand()
    one = OwnLimiter(manifest(all=(1.0, 0.001)), clock)  # type: ignore[arg-type] - a clock is what has now()
    await one.take("all", 1.0, patient=False)
    with pytest.raises(RateLimited):
        await one.take("all", 1.0, patient=False)
    await one.learn("all", 1.0, Budget(available=1.0, capacity=1.0, refill_per_s=1.0))
    await one.take("all", 1.0, patient=False)
