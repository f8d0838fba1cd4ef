"""The scheduler: what is due is done by one process, and no failure ends it or slows another."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from tests.flow.shop import PUBLIC_URL, Connected, open_shop
from trueup.intake.connections import change_connection
from trueup.intake.duties import HUB, Duty, list_duties
from trueup.kernel.clock import ManualClock
from trueup.sandbox.shopify.shop import ShopSettings
from trueup.scheduler import Scheduler

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def scheduling(
    stage: Connected, clock: ManualClock | None = None, *, history: bool = False
) -> AsyncIterator[ManualClock]:
    clock = clock or ManualClock(datetime.now(UTC))

    async def no_sleep(_: float) -> None:
        await asyncio.sleep(0)

    scheduler = Scheduler(stage.conninfo, stage.hub, clock=clock, sleep=no_sleep, history=history)
    stop = asyncio.Event()
    task = asyncio.create_task(scheduler.run(stop))
    try:
        yield clock
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def until(condition: Callable[[], Awaitable[object]], *, within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - the database tells, by being asked
            await asyncio.sleep(0.05)


async def duties(stage: Connected, connection_id: int) -> dict[str, Duty]:
    async with stage.conn() as conn:
        return {duty.name: duty for duty in await list_duties(conn, connection_id)}


async def test_polls_are_made_when_they_are_due_and_not_before(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        number = await stage.connect_shop(public_url=PUBLIC_URL)
        async with scheduling(stage) as clock:

            async def polled() -> bool:
                return len([d for d in await duties(stage, number) if d.startswith("poll.")]) == 9

            await until(polled)
            first = await duties(stage, number)
            assert all(duty.failures == 0 for duty in first.values())
            assert first["hooks"].done_at is not None
            await asyncio.sleep(0.6)
            assert await duties(stage, number) == first, "nothing was due"
            clock.advance(seconds=301)

            async def again() -> bool:
                now = await duties(stage, number)
                return now["poll.orders"].done_at != first["poll.orders"].done_at

            await until(again)
            now = await duties(stage, number)
            assert now["poll.products"] == first["poll.products"]


async def test_without_webhooks_polls_come_more_often(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        number = await stage.connect_shop()
        async with scheduling(stage):

            async def polled() -> bool:
                return "poll.returns" in await duties(stage, number)

            await until(polled)
            orders = (await duties(stage, number))["poll.orders"]
            assert orders.done_at is not None
            assert 59 <= (orders.due_at - orders.done_at).total_seconds() <= 61


async def test_the_history_is_read_once_by_itself(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        number = await stage.connect_shop()
        stage.sandbox.clock.advance(-40 * 24 * 3600)
        stage.buy(8)
        stage.sandbox.clock.advance(40 * 24 * 3600)
        async with scheduling(stage, history=True):

            async def done() -> bool:
                now = await duties(stage, number)
                return "backfill.returns" in now

            await until(done)
        await stage.apply()
        assert (await stage.counts())["order"] == 8
        exports = len(stage.shop.bulk)
        async with scheduling(stage, history=True):
            await asyncio.sleep(1)
        assert len(stage.shop.bulk) == exports


async def test_a_vendor_that_is_down_is_tried_ever_more_slowly_and_told_as_one_issue(
    database_url: str,
) -> None:
    async with open_shop(database_url) as stage:
        number = await stage.connect_shop()
        stage.fail(kind="status", status=503, probability=1.0)
        async with scheduling(stage) as clock:
            for failures in (1, 2, 3):

                async def failed(failures: int = failures) -> bool:
                    now = await duties(stage, number)
                    return "poll.orders" in now and now["poll.orders"].failures == failures

                await until(failed)
                duty = (await duties(stage, number))["poll.orders"]
                assert duty.failed_at is not None
                waits_s = (duty.due_at - duty.failed_at).total_seconds()
                assert waits_s == {1: 5.0, 2: 30.0, 3: 120.0}[failures]
                clock.advance(seconds=waits_s + 1)
            assert "duty.failed" in await stage.issues()
            stage.heal()

            async def healed() -> bool:
                # A try that was under way when the clock moved is due after the clock's new time.
                clock.advance(seconds=1900)
                return await stage.issues() == {}

            await until(healed)


async def test_a_token_that_is_gone_is_one_issue_for_the_connection(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.fail(kind="status", status=401, probability=1.0)
        async with scheduling(stage):

            async def told() -> bool:
                return bool(await stage.issues())

            await until(told)
            await asyncio.sleep(1)
            rows = await stage.rows("SELECT code, ref FROM intake.issue WHERE closed_at IS NULL")
            assert rows == [("connector.auth_expired", "connection/north")]


async def test_one_silent_vendor_does_not_hold_up_another(database_url: str) -> None:
    """The first shop never answers; the second is polled all the same."""
    async with open_shop(database_url) as stage:
        stage.sandbox.open_shop(ShopSettings(handle="south", points_per_s=2000, bulk_delay_s=0.0))
        await stage.connect_shop()
        other = await stage.connect_shop("south", api_base=f"{stage.base_url}/south")
        stage.fail(kind="timeout", probability=1.0)
        async with scheduling(stage):

            async def polled() -> bool:
                return "poll.returns" in await duties(stage, other)

            await until(polled, within_s=10)
        assert not any(duty.failures for duty in (await duties(stage, other)).values())


async def test_only_one_of_two_schedulers_works_and_the_other_takes_over(
    database_url: str,
) -> None:
    async with open_shop(database_url) as stage:
        number = await stage.connect_shop()
        async with scheduling(stage) as clock:

            async def polled() -> bool:
                # The last of the round: after it nothing is called for a while.
                return "poll.balance_transactions" in await duties(stage, number)

            await until(polled)
            calls = len(stage.sandbox.door("north").calls)
            second = Scheduler(stage.conninfo, stage.hub, clock=clock, history=False)
            stop = asyncio.Event()
            task = asyncio.create_task(second.run(stop))
            await asyncio.sleep(1)
            assert len(stage.sandbox.door("north").calls) == calls
        try:

            async def took_over() -> bool:
                return bool(second._tending)

            await until(took_over)
        finally:
            stop.set()
            await task


async def test_a_paused_connection_is_left_alone_and_one_without_credentials_too(
    database_url: str,
) -> None:
    async with open_shop(database_url) as stage:
        number = await stage.connect_shop()
        account = await stage.account()
        async with stage.conn() as conn:
            await change_connection(conn, account.connection, state="paused")
        async with scheduling(stage):
            await asyncio.sleep(1)
        assert await duties(stage, number) == {}
        assert not stage.sandbox.door("north").calls


async def test_the_ledger_is_proved_and_a_proof_that_fails_is_an_issue(
    database_url: str,
) -> None:
    """A balance is tampered with behind the ledger's back; the next night finds it."""
    async with open_shop(database_url) as stage:
        clock = ManualClock(datetime(2026, 5, 4, 12, tzinfo=UTC))
        await stage.connect_shop()
        stage.buy(1)
        async with stage.access() as access:
            from trueup.pull.poll import poll

            await poll(access, "orders")
        await stage.apply()
        async with scheduling(stage, clock):

            async def proved() -> bool:
                return "ledger.proof" in await duties(stage, HUB)

            await until(proved)
            duty = (await duties(stage, HUB))["ledger.proof"]
            assert duty.due_at == datetime(2026, 5, 5, 3, tzinfo=UTC)
            assert "ledger.proof_failed" not in await stage.issues()
            await stage.rows(
                "UPDATE ledger.balance SET reserved = reserved + 1, demand = demand - 1 RETURNING 1"
            )
            clock.advance(days=1)

            async def found() -> bool:
                return "ledger.proof_failed" in await stage.issues()

            await until(found)
