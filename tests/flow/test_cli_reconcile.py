"""`trueup reconcile` over the hub's own books: one check, all of them, and by day."""

from pathlib import Path

import pytest

from tests.flow.command import Commands
from tests.flow.shop import open_shop
from trueup.pull.backfill import backfill
from trueup.sandbox.shopify import payouts

pytestmark = pytest.mark.anyio


@pytest.fixture
def trueup(tmp_path: Path, database_url: str) -> Commands:
    return Commands(tmp_path, database_url)


async def test_orders_and_payments_of_a_shop_are_compared_and_what_is_lost_is_named(
    trueup: Commands, database_url: str
) -> None:
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.buy(3)
        payouts.account_of(stage.shop).reserves = False
        payouts.end_day(stage.shop)
        [lost, *_] = stage.shop.orders.values()
        lost.transactions.clear()
        async with stage.access() as access:
            for resource in ("orders", "customers", "balance_transactions", "payouts"):
                await backfill(access, resource)
        await stage.apply()
        told = await trueup.in_thread("reconcile", "orders", "--by", "day", status=1)
        assert (told["check"], told["left"], told["right"], told["matched"]) == ("orders", 3, 2, 2)
        [missing] = told["discrepancies"]
        total = f"{lost.original_total.shop}"
        assert (missing["cause"], missing["amount"]) == ("missing_webhook", f"-{total}")
        assert missing["left_ref"] == f"north/order/{lost.id}"
        assert told["explained_share"] == 1.0
        days = told["periods"]
        assert sum(each["left"] for each in days) == 3
        assert sum(each["differing"] for each in days) == 1
        payments = await trueup.in_thread("reconcile", "payments", status=1)
        assert [each["cause"] for each in payments["discrepancies"]] == ["missing_webhook"]
        assert "periods" not in payments, "nobody asked for them"
        for check in ("duplicates", "fees", "customers", "skus", "oversells", "phantoms"):
            assert (await trueup.in_thread("reconcile", check))["discrepancies"] == []
        [paid] = payouts.account_of(stage.shop).payouts.values()
        for name in (f"{paid.id}", f"north/payout/{paid.id}"):
            [shown] = (await trueup.in_thread("show", "payout", name))["found"]
            assert (shown["payout"], shown["off"]) == (f"north/payout/{paid.id}", "0.00")
            assert shown["entered"] == shown["amount"]
            assert len(shown["entries"]) == sum(each["entries"] for each in shown["sums"])
            assert "payout" in {each["kind"] for each in shown["records"]}
        missing = await trueup.in_thread("show", "payout", "north/payout/1", status=1)
        assert missing["error"]["code"] == "show.not_found"
        every = await trueup.in_thread("reconcile", "all", status=1)
        differing = {each["check"]: len(each["discrepancies"]) for each in every["checks"]}
        assert {check for check, count in differing.items() if count} == {
            "orders",
            "payments",
            "bank",
        }


def test_without_anything_every_check_agrees_in_words_too(trueup: Commands) -> None:
    status, shown = trueup.run("reconcile", "all")
    assert status == 0
    assert "duplicates" in shown
    status, shown = trueup.run("reconcile", "orders")
    assert (status, "Everything agrees" in shown) == (0, True)


def test_only_parity_can_be_repaired(trueup: Commands) -> None:
    status, _ = trueup.run("reconcile", "orders", "--repair")
    assert status == 2
