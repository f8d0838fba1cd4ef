"""Goal: the CRM learns of each customer once what changed, and of who was forgotten nothing.

Method: orders at a shop over sockets become tiers, churn risks and days; batches go to a CRM over
sockets; processes die, people are forgotten, and customers have no address.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.support.brand import Brand, open_brand
from tests.support.contact import MIA
from tests.support.regulars import Regulars
from trueup.decisions import filled
from trueup.decisions import order as ordering
from trueup.decisions.carry import approve, refuse
from trueup.decisions.model import Mode, State
from trueup.decisions.reads import list_decisions
from trueup.decisions.rules.profile import RULE, ProfileSettings
from trueup.decisions.tend import Turn
from trueup.intake.append import append_events
from trueup.intake.model import NewEvent, Origin
from trueup.models.value.rfm import Tier
from trueup.sandbox.klaviyo.vendor import API_KEY, KlaviyoVendor

pytestmark = pytest.mark.anyio

BEN, PHONE = "ben@home.example", "+491709876543"
TIER, RISK = "trueup_tier", "trueup_churn_risk"
NEXT, LAST = "trueup_next_order_on", "trueup_last_order_on"


class Shop(Regulars):
    """A shop whose customers a CRM hears of."""

    def __init__(self, brand: Brand) -> None:
        super().__init__(brand, RULE)
        self.vendor = KlaviyoVendor(brand.clock)
        self.crm = self.vendor.account
        self.best, self.rest = self.crm.new_list(), self.crm.new_list()
        lists = {Tier.TOP: self.best, Tier.LOW: self.rest}
        self.settings[RULE.name] = ProfileSettings(connection="klaviyo", lists=lists)

    async def open(self) -> None:
        """Connect the CRM too; Mia buys every four weeks, and Ben has bought once."""
        await super().open()
        await self.brand.connect("klaviyo", self.vendor, secrets={"api_key": API_KEY})
        await self.buy(BEN, email_consent="not_subscribed")
        self.days(28)
        await self.buy_monthly()

    async def approve(self, number: int) -> None:
        """Agree to a decision."""
        await approve(self.brand.conn, number, by="ada", why="", now=self.brand.clock.now())

    async def forget_person(self, email: str) -> None:
        """Forget somebody as the shop asks for it."""
        customer = self.shop.by_email[email]
        orders = [each for each in self.shop.orders.values() if each.customer is customer]
        body = {
            "shop_domain": "north.myshopify.com",
            "customer": {"id": customer.id, "email": email, "phone": None},
            "orders_to_redact": [each.id for each in orders],
        }
        event = NewEvent(
            connection_id=self.number,
            external_id=f"forget {email}",
            topic="customers/redact",
            entity=f"privacy_request/{email}",
            origin=Origin.WEBHOOK,
            received_at=self.brand.clock.now(),
            body=msgspec.json.encode(body),
        )
        await append_events(self.brand.conn, self.brand.hub.vault, [event])
        await self.brand.apply()

    async def turn(self) -> Turn:
        """Take one turn, a minute after whatever was bought."""
        self.brand.clock.advance(60)
        return await super().turn()

    async def tell(self) -> None:
        """Let the rule look, and the CRM hear what it has to say."""
        await self.turn()
        await self.brand.work("klaviyo", rounds=400)
        await self.turn()

    def profiles(self) -> dict[str, Mapping[str, str]]:
        """Return what the CRM was told of everybody, by what it knows them by."""
        abouts = [each["attributes"] for each in self.crm.profiles.values()]
        names = ("email", "phone_number", "external_id")
        return {next(a[n] for n in names if a[n]): a["properties"] for a in abouts}

    def listed(self, ref: str) -> list[str]:
        """Return who is in a list."""
        return [self.crm.profiles[each]["attributes"]["email"] for each in self.crm.lists[ref]]

    def day(self, days: int = 0) -> str:
        """Return the day some days from now."""
        return str((self.brand.clock.now() + timedelta(days=days)).date())


@asynccontextmanager
async def open_shop(url: str) -> AsyncIterator[Shop]:
    async with open_brand(url) as brand:
        shop = Shop(brand)
        await shop.open()
        yield shop


async def test_the_crm_hears_once_of_each_change(database_url: str) -> None:
    async with open_shop(database_url) as shop:
        for _ in range(2):
            await shop.tell()
        assert await shop.states() == ["done"], "one decision about both"
        assert shop.profiles() == {
            MIA: {TIER: "top", RISK: "low", NEXT: shop.day(28), LAST: shop.day()},
            BEN: {TIER: "low", RISK: "middle", LAST: shop.day(-84)},
        }
        assert (shop.listed(shop.best), shop.listed(shop.rest)) == ([MIA], []), "Ben never agreed"
        assert shop.vendor.worked("import") == 2
        for _ in range(2):
            shop.days(1)
            await shop.tell()
        assert (len(await shop.states()), shop.vendor.worked("import")) == (1, 2)
        shop.days(120)
        await shop.tell()
        assert await shop.states() == ["done", "done"]
        assert {about[RISK] for about in shop.profiles().values()} == {"high"}
        row = (await list_decisions(shop.brand.conn, count=1))[0]
        assert "2 have another churn risk" in row["reason"]
        [figures] = await shop.played(RULE.name, 100)
        assert (figures["first"], figures["again"]) == (2, 2)


async def test_what_was_agreed_to_is_told_only_where_it_is_still_so(database_url: str) -> None:
    async with open_shop(database_url) as shop:
        await shop.leave(RULE.name, Mode.ASK)
        await shop.turn()
        assert await shop.states() == ["proposed"]
        shop.days(1)
        await shop.buy()
        await shop.turn()  # worked out anew
        await shop.approve(1)
        await shop.tell()
        assert list(shop.profiles()) == [BEN]
        assert any("no longer so" in each for each in await shop.why())
        shop.days(1)
        await shop.turn()
        assert await shop.states() == ["done", "proposed"], "of Mia alone"
        [row] = await list_decisions(shop.brand.conn, state=State.PROPOSED)
        conn, now = shop.brand.conn, shop.brand.clock.now()
        await refuse(conn, row["decision_id"], by="ada", why="", now=now)
        shop.days(1)
        await shop.turn()
        assert await shop.states() == ["done", "refused"], "and the same is not asked for again"


@pytest.mark.parametrize("step", ["want_commands", "move"])
async def test_a_crash_between_the_steps_of_an_order_tells_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async with open_shop(database_url) as shop:

        async def dies(*_: object, **__: object) -> Any:
            raise KeyboardInterrupt

        with monkeypatch.context() as dying:
            dying.setattr(filled if step == "want_commands" else ordering, step, dies)
            with pytest.raises(KeyboardInterrupt):
                await shop.turn()
        assert await shop.brand.rows("SELECT FROM decisions.portrait") == []
        await shop.tell()
        assert await shop.states() == ["done"]
        assert (len(shop.profiles()), shop.vendor.worked("import")) == (2, 2)


async def test_who_was_forgotten_is_told_of_nowhere(database_url: str) -> None:
    """Mia is forgotten between the decision and the order, Ben between the order and the call."""
    async with open_shop(database_url) as shop:
        await shop.leave(RULE.name, Mode.ASK)
        await shop.turn()
        await shop.forget_person(MIA)
        await shop.approve(1)
        await shop.turn()
        refs = await shop.brand.rows("SELECT ref FROM outbox.command")
        assert len(refs) == 2, "of Ben: his profile, and his lists"
        await shop.forget_person(BEN)
        await shop.brand.work("klaviyo")
        assert shop.profiles() == {}
        kept = await shop.brand.rows(
            "SELECT d::text, s::text FROM decisions.decision d"
            " JOIN decisions.step s USING (decision_id)"
        )
        assert kept
        assert not any(name in text for row in kept for text in row for name in (MIA, BEN))


async def test_without_an_address_a_phone_counts_and_then_the_shops_own_id(
    database_url: str,
) -> None:
    async with open_shop(database_url) as shop:
        await shop.buy("", phone=PHONE)
        await shop.buy("at the till")
        await shop.tell()
        till = str(shop.shop.by_email["at the till"].id)
        assert set(shop.profiles()) == {MIA, BEN, PHONE, till}
        assert await shop.states() == ["done"]


async def test_who_opts_out_leaves_the_lists_and_not_the_profiles(database_url: str) -> None:
    async with open_shop(database_url) as shop:
        await shop.tell()
        assert shop.listed(shop.best) == [MIA]
        await shop.consent(MIA, "unsubscribed")
        for _ in range(4):  # Ben buys so much that Mia is no longer the best
            shop.days(8)
            await shop.buy(BEN, email_consent="not_subscribed")
        await shop.tell()
        assert shop.profiles()[MIA][TIER] == "low"
        assert (shop.listed(shop.best), shop.listed(shop.rest)) == ([], [])


async def test_a_shadow_tells_nobody_and_a_limit_holds(database_url: str) -> None:
    async with open_shop(database_url) as shop:
        told = shop.settings[RULE.name]
        shop.settings[RULE.name] = msgspec.structs.replace(told, batch=1, batches=1)
        await shop.leave(RULE.name, Mode.SHADOW)
        for _ in range(2):
            await shop.tell()
        assert await shop.states() == ["shadow"], "one a day, however often it looks"
        await shop.leave(RULE.name, Mode.ASK)
        await shop.turn()
        assert await shop.states() == ["proposed"], "of the same day, once it may ask"
        assert shop.profiles() == {}
        await shop.leave(RULE.name, Mode.AUTO)
        shop.days(1)
        await shop.tell()
        assert await shop.states() == ["proposed", "done"]
        assert list(shop.profiles()) == [BEN], "whom nobody waits to agree about"
