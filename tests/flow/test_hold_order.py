"""Goal: an order that can not be sent is held before it is, once, and let go once it can.

Method: a simulated Shopify sells to good and bad addresses; the rule looks and takes by itself,
over lines that break; what stands is read off the shop's own books.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.support.brand import Brand, open_brand
from tests.support.planted import PLANTED
from trueup.decisions.leave import give_leave, keep_replay
from trueup.decisions.model import Mode, State
from trueup.decisions.reads import find_decision
from trueup.decisions.rule import Look, Replay
from trueup.decisions.rules.hold_order import RULE, HoldSettings
from trueup.decisions.tend import Turn, take_turn
from trueup.sandbox.faults import ApiFault, ApiFaultKind
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify import holds
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Checkout, Fulfil
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.shopify.model import Order
from trueup.sandbox.shopify.shop import ShopSettings

pytestmark = pytest.mark.anyio

SETTINGS = HoldSettings()
GERMANY = ("Germany", "DE")
GOOD = ("Berlin", "Berlin", "BE", "10119")
BAD = ("Berlin", "Berlin", "BE", "1011")
CUTS: list[ApiFaultKind] = ["reset", "reset_after_work", "timeout_after_work"]


class Store:
    """A shop that sells lamps to whoever says where they live."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.world = Sandbox(brand.clock)
        settings = ShopSettings(handle="north", currency="EUR", country_code="DE")
        self.shop = self.world.open_shop(settings)
        self.world.seed([SkuSeed(sku="LAMP", title="Lamp", price=Decimal("24.90"), available=900)])

    async def open(self) -> None:
        keys = {"access_token": self.shop.settings.access_token}
        keys |= {"client_secret": self.shop.settings.client_secret}
        domain = {"shop_domain": "north.myshopify.com", "call_timeout_s": "0.3"}
        await self.brand.connect(
            "shopify", self.world, settings=domain, secrets=keys, base="/north"
        )
        await self.brand.poll("shopify", "orders")  # from now on

    async def sell(self, town: tuple[str, str, str, str], name: str = "ada") -> Order:
        who = CustomerSeed(
            email=f"{name}@buyers.example", first_name=name, town=town, country=GERMANY
        )
        cart = Cart(lines=[CartLine(sku="LAMP", quantity=1)], customer=who)
        done = self.world.do("north", Checkout(cart=cart, insist=True))
        await self.hear()
        return self.shop.orders[done.order_id]

    async def hear(self) -> None:
        self.brand.clock.advance(60)
        await self.brand.poll("shopify", "orders")
        await self.brand.apply()

    async def mend(self, order: Order, postcode: str) -> None:
        """Let the shop's people put the address right."""
        assert order.address is not None
        order.address = replace(order.address, zip=postcode)
        order.updated_at = self.brand.clock.now() + timedelta(seconds=30)
        await self.hear()

    async def look(self) -> Look:
        return Look(conn=self.brand.conn, hub=self.brand.hub, now=self.brand.clock.now())

    async def play(self) -> Replay:
        assert RULE.play is not None
        today = self.brand.clock.now().date()
        return await RULE.play(await self.look(), SETTINGS, today - timedelta(days=9), today)

    async def leave(self, mode: Mode) -> None:
        conn, now = self.brand.conn, self.brand.clock.now()
        await keep_replay(conn, RULE, SETTINGS, await self.play(), now)
        await give_leave(conn, RULE, SETTINGS, mode, by="ada", why="", now=now)

    async def turn(self) -> Turn:
        brand, rules = self.brand, {RULE.name: RULE}
        return await take_turn(
            brand.conn, brand.hub, rules, {RULE.name: SETTINGS}, brand.clock.now()
        )

    async def carry(self) -> None:
        """Do what is ordered, until nothing is under way."""
        for _ in range(4):
            await self.brand.work("shopify")
            self.brand.clock.advance(300)
            await self.turn()

    def handles(self, order: Order) -> list[list[str]]:
        parts = holds.parts_of(self.shop, order)
        return [[held.handle for held in self.shop.holds.get(part.id, [])] for part in parts]


@asynccontextmanager
async def open_store(url: str) -> AsyncIterator[Store]:
    async with open_brand(url) as brand:
        store = Store(brand)
        await store.open()
        yield store


@pytest.mark.parametrize("kind", CUTS)
async def test_what_can_not_be_sent_is_held_once_and_let_go_once_it_can(
    database_url: str, kind: ApiFaultKind
) -> None:
    async with open_store(database_url) as store:
        good, bad = await store.sell(GOOD), await store.sell(BAD, "eve")
        await store.leave(Mode.AUTO)
        cut = ApiFault(kind=kind, next_calls=1, operation="fulfillmentOrderHold")
        store.shop.faults.rules.append(cut)
        [number] = (await store.turn()).approved
        await store.carry()
        assert store.handles(good) == [[]]
        assert store.handles(bad) == [["trueup"]]
        assert store.world.do("north", Fulfil(order=bad.name)).status == "skipped"
        row, _ = await find_decision(store.brand.conn, number)
        assert row["state"] == State.DONE
        assert "the postcode does not fit the country (+60)" in row["reason"]
        assert (await store.turn()).proposed[RULE.name] == []

        await store.mend(bad, "10119")
        [release] = (await store.turn()).approved
        await store.carry()
        assert store.handles(bad) == [[]]
        row, _ = await find_decision(store.brand.conn, release)
        assert row["state"] == State.DONE
        assert (await store.turn()).proposed[RULE.name] == []


async def test_what_was_sent_or_mended_before_the_order_is_not_held(database_url: str) -> None:
    async with open_store(database_url) as store:
        sent, mended = await store.sell(BAD), await store.sell(BAD, "eve")
        await store.leave(Mode.AUTO)
        found = (await store.turn()).approved
        assert len(found) == 2
        store.world.do("north", Fulfil(order=sent.name))
        await store.mend(mended, "10119")
        await store.turn()
        await store.carry()
        assert store.handles(mended) == [[]]
        for number in found:
            row, _ = await find_decision(store.brand.conn, number)
            assert row["state"] in {State.WITHDRAWN, State.FAILED}


async def test_many_people_at_one_address_are_held_and_one_person_is_not(database_url: str) -> None:
    async with open_store(database_url) as store:
        orders = [await store.sell(GOOD) for _ in range(4)]
        assert (await store.turn()).proposed[RULE.name] == []
        orders += [await store.sell(GOOD, name) for name in ("bo", "cy", "di")]
        for order in orders:
            assert order.address is not None
            order.address = replace(order.address, address1="Torstraße 1")
            order.updated_at = store.brand.clock.now() + timedelta(seconds=30)
        await store.hear()
        turn = await store.turn()
        assert len(turn.proposed[RULE.name]) == len(orders)
        row, _ = await find_decision(store.brand.conn, turn.proposed[RULE.name][0])
        assert "3 others ordered to the same address within 24 h (+60)" in row["reason"]
        assert "Torstra" not in str(row)


async def test_planted_names_cause_nothing_and_stand_nowhere(database_url: str) -> None:
    async with open_store(database_url) as store:
        for n, text in enumerate(PLANTED[:10]):
            who = CustomerSeed(
                email=f"b{n}@buyers.example", first_name=text[:60], town=GOOD, country=GERMANY
            )
            cart = Cart(lines=[CartLine(sku="LAMP", quantity=1)], customer=who)
            order = store.shop.orders[
                store.world.do("north", Checkout(cart=cart, insist=True)).order_id
            ]
            assert order.address is not None
            order.address = replace(order.address, address1=f"Weg {n}")
        await store.hear()
        assert (await store.turn()).proposed[RULE.name] == []


async def test_the_past_is_played_by_what_it_would_have_held(database_url: str) -> None:
    async with open_store(database_url) as store:
        await store.sell(GOOD)
        bad = await store.sell(BAD, "eve")
        store.world.do("north", Fulfil(order=bad.name))
        await store.hear()
        found = await store.play()
        assert (found.figures["orders"], found.figures["proposals"]) == (2.0, 1.0)
