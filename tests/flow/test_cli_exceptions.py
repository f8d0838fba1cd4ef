"""`trueup exceptions`: from a missing payment to somebody who says whose it is."""

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec

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


async def pay_less(database_url: str, *cents: int) -> None:
    """Let people buy, and pay so many cents less than they owe."""
    async with open_shop(database_url) as stage:
        await stage.connect_shop()
        stage.sandbox.clock.advance(-30 * 24 * 3600)
        stage.buy(len(cents))
        stage.sandbox.clock.advance(30 * 24 * 3600)
        for order, less in zip(stage.shop.orders.values(), cents, strict=True):
            paid = order.transactions[0]
            paid.amount = msgspec.structs.replace(
                paid.amount, shop=paid.amount.shop - Decimal(less).scaleb(-2)
            )
        async with stage.access() as access:
            await backfill(access, "orders")
        await stage.apply()


def test_a_variance_within_the_tolerance_is_told_and_opens_nothing(
    database_url: str, tmp_path: Path
) -> None:
    trueup = Commands(tmp_path, database_url)
    asyncio.run(pay_less(database_url, 20, 21, 0))
    currency = trueup.json("reconcile", "orders", status=1)["discrepancies"][0]["currency"]
    with trueup.config.open("a") as file:
        file.write(f'[reconcile.tolerances]\norders = {{ {currency} = "0.20" }}\n')
    report = trueup.json("reconcile", "orders", status=1)
    assert [each["amount"] for each in report["discrepancies"]] == ["-0.21"]
    assert report["tolerated"] == [
        {"currency": currency, "count": 1, "amount": "-0.20", "absolute": "0.20"}
    ]
    shown = trueup.run("reconcile", "orders")[1]
    assert f"Within the tolerance: 1 difference, 0.20 {currency} in all, -0.20 together." in shown
    assert trueup.json("exceptions", "update", status=1) == {"standing": 1, "closed": 0}
    [found] = trueup.json("exceptions", "list", status=1)["exceptions"]
    assert found["amount"] == "-0.21"
    trueup.config.write_text(trueup.config.read_text().replace('"0.20"', '"0.21"'))
    assert trueup.json("exceptions", "update") == {"standing": 0, "closed": 1}
    assert "Everything else agrees" in trueup.run("reconcile", "orders")[1]
    trueup.config.write_text(trueup.config.read_text().replace('"0.21"', "0.21"))
    wrong = trueup.json("reconcile", "orders", status=2)["error"]
    assert "reconcile.tolerances.orders" in wrong["message"]
    assert "a number with a fraction" in wrong["message"]


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


def test_what_somebody_wrote_keeps_its_lines_and_commands_no_terminal(
    database_url: str, tmp_path: Path
) -> None:
    trueup = Commands(tmp_path, database_url)
    asyncio.run(lose_a_payment(database_url))
    trueup.json("exceptions", "update", status=1)
    [found] = trueup.json("exceptions", "list", status=1)["exceptions"]
    said = "first\n[red]second[/red] \x1b[31m\x9b2J third\r"
    trueup.json("exceptions", "change", found["exception_id"], "--comment", said)
    [note] = trueup.json("exceptions", "show", found["exception_id"])["notes"]
    assert note["comment"] == said, "it is kept as it was said"
    shown = trueup.run("exceptions", "show", found["exception_id"])[1]
    assert "[red]second[/red]" in shown
    assert not {"\x1b", "\x9b", "\r"} & set(shown)
    [line] = [line for line in shown.splitlines() if "first" in line]
    assert "second" not in line
