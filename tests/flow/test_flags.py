"""The storefront's flag of low stock: raised once and cleared once, by the day it will be sold out."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.db.test_outbox import selling
from tests.flow.command import Commands
from tests.support.spine import Spine, open_spine
from trueup.canon.command import FlagListing
from trueup.contract.connector import Command, Reply
from trueup.errors import ContractBroken, Refused
from trueup.ledger.outlook import refresh_outlooks
from trueup.outbox.dispatch import Dispatcher
from trueup.outbox.flags import order_flags, plan_flags
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.shop import gid

pytestmark = pytest.mark.anyio


async def last_for(spine: Spine, days: int | None, *, per_day: float = 2.0) -> None:
    """Let TEE be sold out in so many days; None: not within two years."""
    now = datetime.now(UTC)
    await refresh_outlooks(spine.conn, now=now)
    expected = None if days is None else now.date() + timedelta(days=days)
    await spine.rows(
        "UPDATE ledger.outlook SET expected_on = %s, per_day = %s RETURNING 1", expected, per_day
    )


def stands(sandbox: Sandbox) -> str | None:
    shop = sandbox.shop("north")
    owner = gid("ProductVariant", shop.by_sku["TEE"].id)
    kept = shop.metafields.get((owner, "trueup", "low_stock"))
    return None if kept is None else kept[1]


async def ordered(spine: Spine) -> list[bool]:
    async with spine.conn.transaction():
        flags = await order_flags(spine.conn, spine.hub, now=datetime.now(UTC))
    return [flag.raised for flag in flags]


async def commands(spine: Spine) -> list[tuple[Any, ...]]:
    return await spine.rows("SELECT state, sends FROM outbox.command ORDER BY command_id")


async def carry_out(dispatcher: Dispatcher) -> None:
    while await dispatcher.commander.step():
        pass


async def test_a_flag_is_raised_once_and_cleared_once(database_url: str) -> None:
    async with selling(database_url, low_stock_flag="7") as (spine, sandbox, dispatcher):
        await last_for(spine, 5)
        assert await ordered(spine) == [True]
        assert await ordered(spine) == [], "ordered once"
        await carry_out(dispatcher)
        assert stands(sandbox) == "true"
        await last_for(spine, 9)
        assert await ordered(spine) == [], "a little later is still soon"
        await last_for(spine, 12)
        assert await ordered(spine) == [False]
        assert await ordered(spine) == []
        await carry_out(dispatcher)
        assert stands(sandbox) == "false"
        await last_for(spine, 3)
        assert await ordered(spine) == [True]
        await carry_out(dispatcher)
        assert stands(sandbox) == "true"
        assert await commands(spine) == [("done", 1)] * 3


async def test_what_is_restocked_for_years_is_cleared(database_url: str) -> None:
    async with selling(database_url, low_stock_flag="7") as (spine, sandbox, dispatcher):
        await last_for(spine, 5)
        await ordered(spine)
        await last_for(spine, None)
        assert await ordered(spine) == [False]
        await carry_out(dispatcher)
        assert stands(sandbox) == "false"


async def test_without_the_setting_nothing_is_flagged(database_url: str) -> None:
    async with selling(database_url) as (spine, sandbox, dispatcher):
        await last_for(spine, 1)
        assert await ordered(spine) == []
        await carry_out(dispatcher)
        assert stands(sandbox) is None


@pytest.mark.parametrize("setting", ["", "soon", "-3"])
async def test_a_setting_that_is_no_number_of_days_flags_nothing(
    database_url: str, setting: str
) -> None:
    async with selling(database_url, low_stock_flag=setting) as (spine, _, _):
        await last_for(spine, 1)
        assert await ordered(spine) == []


async def test_what_nobody_buys_is_not_flagged(database_url: str) -> None:
    async with selling(database_url, low_stock_flag="7") as (spine, _, _):
        await last_for(spine, 0, per_day=0.0)
        assert await ordered(spine) == []


async def test_a_dry_run_orders_nothing(database_url: str) -> None:
    async with selling(database_url, low_stock_flag="7") as (spine, _, _):
        await last_for(spine, 5)
        [flag] = await plan_flags(spine.conn, spine.hub, now=datetime.now(UTC))
        assert (flag.sku, flag.raised, flag.connection, flag.number) == ("TEE", True, "north", 1)
        assert await commands(spine) == []


async def test_a_listing_that_ended_is_left(database_url: str) -> None:
    async with selling(database_url, low_stock_flag="7") as (spine, _, _):
        await last_for(spine, 5)
        await spine.rows("UPDATE records.listing SET active = false RETURNING 1")
        assert await ordered(spine) == []


async def test_the_vendor_says_no_and_a_person_is_told(database_url: str) -> None:
    async with selling(database_url, low_stock_flag="7") as (spine, sandbox, dispatcher):
        await last_for(spine, 5)
        await spine.rows("UPDATE records.listing SET variant_ref = '7' RETURNING 1")
        assert await ordered(spine) == [True]
        await carry_out(dispatcher)
        assert [state for state, _ in await commands(spine)] == ["refused"]
        assert stands(sandbox) is None
        assert await ordered(spine) == [], "the same again would be refused again"


def command(**content: Any) -> Command:
    given: dict[str, Any] = {"sku": "TEE", "variant_ref": "7", "raised": True} | content
    return Command(
        kind="listing.flag",
        key="variant/7",
        ref="r",
        content=FlagListing(**given),
        wanted_at=datetime.now(UTC),
    )


async def test_what_shopify_can_not_be_told_is_refused_here(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        room = spine.folder.commands
        for wrong in ("", "seven", "7\u0663"):
            with pytest.raises(Refused, match="digits"):
                room.command_request(command(variant_ref=wrong), "key")
        request = room.command_request(command(raised=False), "key")
        assert b'"false"' in request.body
        assert b"sold_out_on" not in request.body
        empty = Reply(status=200, headers={}, body=b'{"data":{"metafieldsSet":{"userErrors":[]}}}')
        assert room.command_receipt(command(), empty).state == "unknown"
        with pytest.raises(ContractBroken):
            room.command_receipt(command(), Reply(status=200, headers={}, body=b"{}"))


# -- by the command line ---------------------------------------------------------------------------


def test_offers_low_and_flag_on_the_command_line(tmp_path: Path, database_url: str) -> None:
    trueup = Commands(tmp_path, database_url)
    trueup.json("stock", "receive", "LAMP", "3")
    assert trueup.json("stock", "low") == {"low": []}
    assert trueup.json("stock", "low", "--sku", "LAMP") == {"low": []}
    assert trueup.json("stock", "flag", "--dry-run") == {"flags": [], "ordered": False}
    assert trueup.json("stock", "flag") == {"flags": [], "ordered": True}
    missing = trueup.json("stock", "offers", "LAMP", status=1)
    assert "LAMP" in missing["error"]["message"]
    shown = trueup.json("show", "sku", "LAMP")["found"][0]
    assert shown["offers"] is None
    assert (shown["outlook"]["available"], shown["outlook"]["expected_on"]) == (3, None)


async def test_offers_show_the_trade(tmp_path: Path, database_url: str) -> None:
    async with selling(database_url) as (spine, _, _):
        await spine.rows("UPDATE outbox.intent SET rate = 1, rated_at = now() RETURNING 1")
    trueup = Commands(tmp_path, database_url)
    found = await trueup.in_thread("stock", "offers", "TEE")
    [channel] = found["channels"]
    assert (channel["connection"], channel["offered"], channel["safety"]) == ("north", 10, 0)
    assert (channel["measured"], channel["oversell_chance"]) == (False, 0.0)
    assert [choice["chance"] for choice in found["choices"]][:2] == [None, 0.2]
