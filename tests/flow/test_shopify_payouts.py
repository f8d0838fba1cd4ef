"""Payouts through the real hub: granted they are read, not granted they hold up nothing else."""

import pytest

from tests.flow.shop import PUBLIC_URL, open_shop
from tests.flow.test_pull_scheduler import duties, scheduling, until
from trueup.sandbox.shopify import payouts
from trueup.sandbox.shopify.shop import SCOPES

pytestmark = pytest.mark.anyio

WITHOUT = tuple(scope for scope in SCOPES if "payments" not in scope)
REFUSED = {"poll.payouts", "poll.balance_transactions"}


async def test_a_shop_that_granted_no_payouts_is_polled_for_all_else(database_url: str) -> None:
    async with open_shop(database_url, scopes=WITHOUT) as stage:
        stage.buy(2)
        number = await stage.connect_shop(public_url=PUBLIC_URL)
        async with scheduling(stage):

            async def polled() -> bool:
                return len([d for d in await duties(stage, number) if d.startswith("poll.")]) == 9

            await until(polled)
        told = await duties(stage, number)
        failed = {name for name, duty in told.items() if duty.failures}
        assert failed == REFUSED
        assert told["hooks"].done_at is not None
        rows = await stage.rows("SELECT code, ref, found FROM intake.issue WHERE closed_at IS NULL")
        assert {(code, ref) for code, ref, _ in rows} == {
            ("duty.failed", f"duty/north/{name}") for name in REFUSED
        }
        assert all("read_shopify_payments_payouts" in found for _, _, found in rows)


async def test_a_gap_is_filled_also_where_payouts_are_refused(database_url: str) -> None:
    async with open_shop(database_url, scopes=WITHOUT) as stage:
        number = await stage.connect_shop(public_url=PUBLIC_URL)
        async with scheduling(stage) as clock:

            async def subscribed() -> bool:
                duty = (await duties(stage, number)).get("hooks")
                return duty is not None and duty.done_at is not None

            await until(subscribed)
            before = (await duties(stage, number))["hooks"]
            stage.shop.desk.subscriptions.clear()
            clock.advance(seconds=3601)

            async def again() -> bool:
                return (await duties(stage, number))["hooks"].done_at != before.done_at

            await until(again)
        assert (await duties(stage, number))["hooks"].failures == 0
        assert stage.shop.desk.subscriptions


async def test_payouts_come_in_by_polls_and_stand_to_the_cent(database_url: str) -> None:
    async with open_shop(database_url) as stage:
        stage.buy(3)
        payout = payouts.end_day(stage.shop)
        assert payout is not None
        number = await stage.connect_shop()
        async with scheduling(stage):

            async def polled() -> bool:
                return set(await duties(stage, number)) >= REFUSED

            await until(polled)
        told = await duties(stage, number)
        assert {told[name].failures for name in REFUSED} == {0}
        await stage.apply()
        counts = dict(await stage.rows("SELECT kind, count(*) FROM records.record GROUP BY kind"))
        assert counts["payout"] == 1
        assert counts["balance_entry"] == len(stage.shop.payments.lines) == 5
        assert await stage.issues() == {}
