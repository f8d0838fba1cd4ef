"""Goal: what a rule wants of an order or a coupon stands in the shop once, whatever breaks between.

Method: the hub's own commander against a simulated WooCommerce over sockets; what stands is read
off the shop's own books.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.support.brand import Brand, open_brand
from trueup.canon.command import (
    CancelOrder,
    CommandContent,
    CreateDiscount,
    HoldOrder,
    ReleaseOrder,
    TagOrder,
)
from trueup.contract.connector import Command, Reply
from trueup.contract.loader import find_connectors
from trueup.errors import ContractBroken, Refused
from trueup.kernel.money import Money
from trueup.outbox.command import list_commands
from trueup.sandbox.faults import ApiFault, ApiFaultKind
from trueup.sandbox.woocommerce.model import Coupon, Order
from trueup.sandbox.woocommerce.shop import KEY, SECRET, WooShop

pytestmark = pytest.mark.anyio
CUTS: list[ApiFaultKind] = ["reset", "reset_after_work", "timeout", "timeout_after_work"]
NAME = "woocommerce"


@asynccontextmanager
async def shop_of(url: str) -> AsyncIterator[tuple[Brand, WooShop]]:
    async with open_brand(url) as brand:
        shop = WooShop(brand.clock)
        shop.add_item("LAMP", stock=10)
        settings = {"shop_url": "https://shop.example", "call_timeout_s": "0.3"}
        secrets = {"consumer_key": KEY, "consumer_secret": SECRET}
        await brand.connect(NAME, shop, settings=settings, secrets=secrets)
        yield brand, shop


async def carried(brand: Brand, ref: str, content: CommandContent) -> tuple[str, str | None]:
    """Order a command and carry it out until its end; returns its state and code."""
    await brand.order(NAME, ref, content)
    state = await brand.settle(NAME, ref)
    (row,) = await list_commands(brand.conn, ref=ref)
    return state, row["code"]


def standing(order: Order) -> tuple[str, str, str]:
    meta = order.meta
    return order.status, meta.get("_trueup_holds", ""), meta.get("_trueup_held_from", "")


def give(brand: Brand, code: str = "SORRY-1", **other: Any) -> CreateDiscount:
    now = brand.clock.now()
    given: dict[str, Any] = {"starts_at": now, "ends_at": now + timedelta(days=30)}
    given |= {} if "amount" in other else {"percent": 15}
    return CreateDiscount(code=code, **(given | other))


# -- holds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["pending", "processing"])
async def test_an_order_goes_back_to_what_it_was(database_url: str, before: str) -> None:
    async with shop_of(database_url) as (brand, shop):
        order = shop.order({"LAMP": 1}, status=before)
        ref, stock = str(order.id), shop.stock("LAMP")
        for number, name in enumerate(("fraud", "fraud", "address")):
            hold = HoldOrder(order_ref=ref, name=name)
            assert (await carried(brand, f"h{number}", hold))[0] == "done"
        assert standing(order) == ("on-hold", "fraud,address", before)
        assert (await carried(brand, "r1", ReleaseOrder(order_ref=ref, name="fraud")))[0] == "done"
        assert standing(order) == ("on-hold", "address", before)
        for number in range(2):
            release = ReleaseOrder(order_ref=ref, name="address")
            assert (await carried(brand, f"r2{number}", release))[0] == "done"
        assert standing(order) == (before, "", "")
        assert shop.stock("LAMP") == stock
        assert shop.worked("orders") == 4, "what stands already is not written again"


@pytest.mark.parametrize("kind", CUTS)
async def test_a_cut_line_ends_in_one_hold(database_url: str, kind: ApiFaultKind) -> None:
    async with shop_of(database_url) as (brand, shop):
        order = shop.order({"LAMP": 1})
        shop.strike(ApiFault(kind=kind, next_calls=1, operation="orders"))
        hold = HoldOrder(order_ref=str(order.id))
        assert (await carried(brand, "hold", hold))[0] == "done"
        assert standing(order) == ("on-hold", "trueup", "processing")
        shop.strike(ApiFault(kind=kind, next_calls=1, operation="orders"))
        release = ReleaseOrder(order_ref=str(order.id))
        assert (await carried(brand, "release", release))[0] == "done"
        assert standing(order) == ("processing", "", "")
        assert shop.worked("orders") == 2


async def test_a_process_that_dies_after_the_write_finds_it_done(database_url: str) -> None:
    async with shop_of(database_url) as (brand, shop):
        order = shop.order({"LAMP": 1})
        await brand.order(NAME, "hold", HoldOrder(order_ref=str(order.id)))
        async with brand.commander(NAME) as first:
            claimed = await first._claim()
            assert claimed is not None
            assert claimed.command is not None
            await first._carry(claimed, claimed.command)
        assert await brand.state("hold") == "sending"
        assert await brand.settle(NAME, "hold") == "done"
        assert standing(order) == ("on-hold", "trueup", "processing")
        assert shop.worked("orders") == 1


async def test_a_hold_of_somebody_else_stays(database_url: str) -> None:
    async with shop_of(database_url) as (brand, shop):
        order = shop.order({"LAMP": 1}, status="on-hold")
        ref = str(order.id)
        assert (await carried(brand, "hold", HoldOrder(order_ref=ref)))[0] == "done"
        assert (await carried(brand, "release", ReleaseOrder(order_ref=ref)))[0] == "done"
        assert standing(order) == ("on-hold", "", "")
        other = shop.order({"LAMP": 1})
        assert (await carried(brand, "h2", HoldOrder(order_ref=str(other.id))))[0] == "done"
        shop.change(other, "completed")
        assert (await carried(brand, "r2", ReleaseOrder(order_ref=str(other.id))))[0] == "done"
        assert other.status == "completed", "somebody sent it meanwhile"


async def test_a_hold_that_somebody_ended_by_hand_begins_anew(database_url: str) -> None:
    async with shop_of(database_url) as (brand, shop):
        order = shop.order({"LAMP": 1})
        fraud = HoldOrder(order_ref=str(order.id), name="fraud")
        assert (await carried(brand, "h1", fraud))[0] == "done"
        shop.change(order, "processing")
        address = HoldOrder(order_ref=str(order.id), name="address")
        assert (await carried(brand, "h2", address))[0] == "done"
        assert standing(order) == ("on-hold", "address", "processing")


# -- tags and cancellations ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CUTS)
async def test_tags_stand_once_and_others_stay(database_url: str, kind: ApiFaultKind) -> None:
    async with shop_of(database_url) as (brand, shop):
        order = shop.order({"LAMP": 1})
        order.meta = {"trueup_tags": "vip,new", "of_a_plugin": "7"}
        shop.strike(ApiFault(kind=kind, next_calls=1, operation="orders"))
        tag = TagOrder(order_ref=str(order.id), added=("late", "vip"), removed=("new", "gone"))
        assert (await carried(brand, "tag", tag))[0] == "done"
        assert (await carried(brand, "again", tag))[0] == "done"
        assert order.meta == {"trueup_tags": "vip,late", "of_a_plugin": "7"}
        assert shop.worked("orders") == 1


@pytest.mark.parametrize("kind", CUTS)
async def test_an_order_is_cancelled_and_its_units_go_back(
    database_url: str, kind: ApiFaultKind
) -> None:
    async with shop_of(database_url) as (brand, shop):
        order = shop.order({"LAMP": 3})
        assert shop.stock("LAMP") == 7
        shop.strike(ApiFault(kind=kind, next_calls=1, operation="orders"))
        cancel = CancelOrder(order_ref=str(order.id), refund=False)
        assert (await carried(brand, "cancel", cancel))[0] == "done"
        assert (order.status, order.refunds, shop.stock("LAMP")) == ("cancelled", [], 10)
        assert shop.worked("orders") == 1
        again = await carried(brand, "other", cancel)
        assert again == ("refused", "cancelled_by_others"), "it was another command"


async def test_what_woocommerce_can_not_do_is_refused_in_words(database_url: str) -> None:
    async with shop_of(database_url) as (brand, shop):
        paid, done = shop.order({"LAMP": 1}), shop.order({"LAMP": 1}, status="completed")
        unpaid = shop.order({"LAMP": 1}, status="pending")
        for number, (content, code) in enumerate(
            (
                (CancelOrder(order_ref=str(paid.id)), "refund_apart"),
                (CancelOrder(order_ref=str(paid.id), restock=False), "connector.refused"),
                (CancelOrder(order_ref=str(done.id), refund=False), "invalid"),
                (HoldOrder(order_ref=str(done.id)), "nothing_to_hold"),
                (HoldOrder(order_ref="404"), "connector.refused"),
                (TagOrder(order_ref=str(done.id), added=("a,b",)), "connector.refused"),
                (TagOrder(order_ref="7/notes", added=("a",)), "connector.refused"),
            )
        ):
            assert await carried(brand, f"no{number}", content) == ("refused", code)
        assert shop.worked("orders") == 0
        cancel = CancelOrder(order_ref=str(unpaid.id))
        assert (await carried(brand, "yes", cancel))[0] == "done", "nothing was paid"


async def test_what_a_plugin_undoes_is_never_called_done(database_url: str) -> None:
    async with shop_of(database_url) as (brand, shop):
        order = shop.order({"LAMP": 1})
        shop.keeps = False
        await brand.order(NAME, "hold", HoldOrder(order_ref=str(order.id)))
        await brand.work(NAME)
        assert await brand.state("hold") == "unknown"
        shop.keeps = True
        assert await brand.settle(NAME, "hold") == "done"
        assert order.status == "on-hold"


# -- coupons ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CUTS)
async def test_a_coupon_is_made_once_for_its_customer(
    database_url: str, kind: ApiFaultKind
) -> None:
    async with shop_of(database_url) as (brand, shop):
        shop.strike(ApiFault(kind=kind, next_calls=1, operation="coupons"))
        content = give(brand, email="rui@example.pt", customer_ref="7", uses=2)
        assert (await carried(brand, "code", content))[0] == "done"
        (made,) = shop.coupons.values()
        wish = made.wish
        assert (made.code, wish["discount_type"], wish["amount"]) == ("sorry-1", "percent", "15")
        assert (wish["usage_limit"], wish["email_restrictions"]) == (2, ["rui@example.pt"])
        assert wish["date_expires_gmt"] == content.ends_at.strftime("%Y-%m-%dT%H:%M:%S")
        (row,) = await brand.rows("SELECT vendor_ref FROM outbox.command")
        assert row == (str(made.id),)
        again = await carried(brand, "other", content)
        assert again == ("refused", "code_taken"), "another command may not take it for its own"


async def test_an_amount_is_in_the_shops_currency(database_url: str) -> None:
    async with shop_of(database_url) as (brand, shop):
        dollars = give(brand, "USD-10", amount=Money(Decimal("10.00"), "USD"))
        assert await carried(brand, "usd", dollars) == ("refused", "wrong_currency")
        assert shop.coupons == {}
        euros = give(brand, "EUR-10", amount=Money(Decimal("10.00"), "EUR"))
        assert (await carried(brand, "eur", euros))[0] == "done"
        (made,) = shop.coupons.values()
        assert (made.wish["discount_type"], made.wish["amount"]) == ("fixed_cart", "10.00")


async def test_a_coupon_that_can_not_be_is_refused_in_words(database_url: str) -> None:
    async with shop_of(database_url) as (brand, shop):
        shop.coupons[1] = Coupon(1, "sorry-1", {})
        later = brand.clock.now() + timedelta(days=1)
        for number, (content, code) in enumerate(
            (
                (give(brand), "code_taken"),
                (give(brand, "FOR-7", customer_ref="7"), "connector.refused"),
                (give(brand, "LATER", starts_at=later), "connector.refused"),
            )
        ):
            assert await carried(brand, f"no{number}", content) == ("refused", code)
        assert list(shop.coupons) == [1]


# -- what is said and read -------------------------------------------------------------------------


async def test_a_code_that_is_taken_between_look_and_write_is_looked_at_again(
    database_url: str,
) -> None:
    async with shop_of(database_url) as (brand, shop):
        await brand.order(NAME, "code", give(brand))
        async with brand.commander(NAME) as commander:
            claimed = await commander._claim()
            assert claimed is not None
            assert claimed.command is not None
            room = find_connectors()[NAME].commands
            look = await commander._caller.send(room.command_request(claimed.command, "k"))
            shop.coupons[1] = Coupon(1, "sorry-1", {})
            write = room.next_request(claimed.command, "k", [look])
            assert write is not None
            taken = await commander._caller.send(write)
            assert taken.status == 400
            again = room.next_request(claimed.command, "k", [look, taken])
            assert again is not None
            assert not again.writes
            seen = await commander._caller.send(again)
            assert room.next_request(claimed.command, "k", [look, taken, seen]) is None
            receipt = room.command_receipt(claimed.command, seen)
            assert (receipt.state, receipt.code) == ("refused", "code_taken")


async def test_replies_that_say_nothing_are_no_receipts(database_url: str) -> None:
    room = find_connectors()[NAME].commands
    async with shop_of(database_url) as (brand, _):
        contents = (HoldOrder(order_ref="7"), TagOrder(order_ref="7", added=("a",)), give(brand))
        for content in contents:
            command = Command(
                kind=content.command, key="k", ref="r", content=content, wanted_at=brand.clock.now()
            )
            for body in (b"{}", b"<html>", b'[{"no":1}]'):
                with pytest.raises(ContractBroken):
                    room.command_receipt(command, Reply(status=200, headers={}, body=body))
        nothing = Reply(status=200, headers={}, body=b"[]")
        assert room.command_receipt(command, nothing).state == "unknown"
        strange = Command(
            kind="order.sing",
            key="k",
            ref="r",
            content=CommandContent(),
            wanted_at=command.wanted_at,
        )
        for ask in (
            lambda: room.command_request(strange, "k"),
            lambda: room.next_request(strange, "k", [nothing]),
            lambda: room.command_receipt(strange, nothing),
        ):
            with pytest.raises(Refused, match=r"order\.sing"):
                ask()
