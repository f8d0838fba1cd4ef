"""Goal: who asked at the CRM is told once what was sold out is back, the first first, no more than
there are.

Method: a shop, Klaviyo and mail over sockets; customers ask, stock goes and comes, somebody buys or
opts out between the decision and the call.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.brand import open_brand
from tests.support.regulars import Regulars
from trueup.decisions import order as ordering
from trueup.decisions.measure import read_calibration
from trueup.decisions.rules.back_in_stock import RULE
from trueup.sandbox.klaviyo.vendor import API_KEY, KlaviyoVendor

pytestmark = pytest.mark.anyio

ADA, BOB, CAY = "ada@home.example", "bob@home.example", "cay@home.example"


class Waiting(Regulars):
    """A shop whose lamps are sold out, and a CRM at which customers ask for them."""

    async def open(self) -> None:
        """Connect the CRM too, and sell out."""
        await super().open()
        self.crm = KlaviyoVendor(self.brand.clock)
        await self.brand.connect("klaviyo", self.crm, secrets={"api_key": API_KEY})
        await self.brand.poll("klaviyo", "profiles", "events")  # from now on
        await self.move("out", "adjustment", -50)

    async def ask(self, email: str, **properties: Any) -> None:
        """Let somebody ask to be told."""
        self.brand.clock.advance(60)
        profile, _ = self.crm.account.upsert({"email": email})
        told = properties or {"SKU": "LAMP"}
        self.crm.account.record(profile["id"], "Subscribed to Back in Stock", told)
        self.brand.clock.advance(60)
        await self.brand.poll("klaviyo", "profiles", "events")
        await self.brand.apply()

    async def come_back(self, units: int) -> None:
        """Let three days pass, and receive some."""
        self.days(3)
        await self.move(f"in{self.brand.clock.now()}", "receipt", units)


@asynccontextmanager
async def open_waiting(url: str) -> AsyncIterator[Waiting]:
    async with open_brand(url) as brand:
        waiting = Waiting(brand, RULE)
        await waiting.open()
        yield waiting


async def test_the_first_who_asked_are_told_as_many_as_there_are(database_url: str) -> None:
    async with open_waiting(database_url) as shop:
        for email in (ADA, BOB, ADA, CAY):
            await shop.ask(email)
        await shop.turn()
        assert await shop.states() == [], "it is sold out"
        await shop.come_back(2)
        for _ in range(3):
            await shop.turn()
            await shop.send()
        assert [to for to, _ in shop.sent()] == [ADA, BOB]
        shop.days(1)
        shop.brand.clock.advance(60)
        await shop.turn()
        await shop.send()
        assert [to for to, _ in shop.sent()] == [ADA, BOB, CAY], "nobody bought within a day"


async def test_by_the_id_of_a_variant_it_is_the_same(database_url: str) -> None:
    async with open_waiting(database_url) as shop:
        [(variant,)] = await shop.brand.rows("SELECT variant_ref FROM records.listing")
        await shop.ask(ADA, VariantId=f"$shopify:::$default:::{variant}")
        await shop.come_back(5)
        await shop.turn()
        await shop.send()
        assert shop.sent() == [(ADA, "Lamp is back")]


async def test_other_activities_ask_for_nothing(database_url: str) -> None:
    async with open_waiting(database_url) as shop:
        profile, _ = shop.crm.account.upsert({"email": ADA})
        shop.crm.account.record(profile["id"], "Viewed Product", {"SKU": "LAMP"})
        shop.brand.clock.advance(60)
        await shop.brand.poll("klaviyo", "profiles", "events")
        await shop.brand.apply()
        await shop.come_back(5)
        await shop.turn()
        assert await shop.states() == []


@pytest.mark.parametrize("what", ["buys", "sold out again"])
async def test_what_happens_between_the_decision_and_the_call_stops_it(
    database_url: str, what: str
) -> None:
    async with open_waiting(database_url) as shop:
        await shop.ask(ADA)
        await shop.come_back(1)
        await shop.turn()
        assert await shop.states() == ["ordered"]
        if what == "buys":
            await shop.buy(ADA)
        else:
            await shop.move("gone", "adjustment", -1)
        for _ in range(2):
            await shop.turn()
            await shop.send()
        assert (shop.sent(), await shop.states()) == ([], ["withdrawn"])


@pytest.mark.parametrize("step", ["want_commands", "note_contact", "move"])
async def test_a_crash_between_the_steps_of_an_order_sends_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with open_waiting(database_url) as shop:
        await shop.ask(ADA)
        await shop.come_back(1)

        async def dies(*_: object, **__: object) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as dying:
            dying.setattr(ordering, step, dies)
            with pytest.raises(KeyboardInterrupt):
                await shop.turn()
        for _ in range(2):
            await shop.turn()
            await shop.send()
        assert len(shop.sent()) == 1


async def test_what_came_is_measured_and_the_past_is_played(database_url: str) -> None:
    async with open_waiting(database_url) as shop:
        await shop.ask(ADA)
        await shop.come_back(1)
        await shop.turn()
        await shop.send()
        shop.days(1)
        await shop.buy(ADA)
        shop.days(8)
        await shop.turn()
        [found] = await read_calibration(shop.brand.conn)
        assert (found["done"], found["came"]) == (True, 1)
        assert await shop.played(RULE.name, 30) == [{"told": 1.0, "bought": 1.0}]
