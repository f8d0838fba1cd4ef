"""`trueup exceptions`: from a missing payment to somebody who says whose it is."""

import asyncio
from pathlib import Path

from tests.flow.command import Commands
from tests.flow.shop import open_shop
from trueup.pull.backfill import backfill


async def lose_a_payment(database_url: str) -> int:
    """Let two people buy, and the shop forget what one of them paid; returns that order."""
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.sandbox.clock.advance(-30 * 24 * 3600)
        stage.buy(2)
        stage.sandbox.clock.advance(30 * 24 * 3600)
        [lost, _] = stage.shop.orders.values()
        lost.transactions.clear()
        async with stage.access() as access:
            await backfill(access, "orders")
        await stage.apply()
    return lost.id


def test_a_missing_payment_waits_for_somebody(database_url: str, tmp_path: Path) -> None:
    trueup = Commands(tmp_path, database_url)
    lost = asyncio.run(lose_a_payment(database_url))
    assert trueup.json("exceptions", "list") == {"exceptions": []}
    assert trueup.json("exceptions", "update", status=1) == {"standing": 1, "closed": 0}
    [found] = trueup.json("exceptions", "list", status=1)["exceptions"]
    assert (found["check_name"], found["cause"]) == ("orders", "missing_payment")
    assert (found["left_ref"], found["state"]) == (f"north/order/{lost}", "open")
    number = found["exception_id"]
    words = ("--owner", "bo", "--state", "waiting", "--comment", "asked", "--by", "ada")
    changed = trueup.json("exceptions", "change", number, *words)
    assert (changed["owner"], changed["state"], changed["age_days"]) == ("bo", "waiting", 0)
    shown = trueup.json("exceptions", "show", number)
    assert [(note["noted_by"], note["comment"]) for note in shown["notes"]] == [("ada", "asked")]
    assert trueup.run("exceptions", "change", number)[0] == 2
    unknown = trueup.json("exceptions", "show", 99, status=2)["error"]["message"]
    assert "There is no open exception 99" in unknown
    [run] = trueup.json("exceptions", "runs", "--check", "orders")["runs"]
    assert (run["left_rows"], run["differing"]) == (2, 1)
    assert "missing_payment" in trueup.run("exceptions", "list")[1]
    assert "asked" in trueup.run("exceptions", "show", number)[1]
