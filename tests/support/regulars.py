"""A brand with regular customers: they buy a lamp every four weeks, and hear of it by mail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tests.support.brand import Brand, open_brand
from tests.support.contact import MIA, Post
from trueup.decisions.rule import Look, Rule
from trueup.intake.append import append_events
from trueup.intake.connections import create_connection, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.sandbox.shopify.commands import Fulfil

DAY_S = 86_400


class Regulars(Post):
    """A shop with stock, whose rules are real ones."""

    def __init__(self, brand: Brand, *rules: Rule) -> None:
        super().__init__(brand)
        self.rules = {rule.name: rule for rule in rules}
        self.settings = {rule.name: rule.settings() for rule in rules}
        self.own = 0

    async def open(self) -> None:
        """Connect all, and open the books with 50 lamps."""
        await super().open()
        brand = self.brand
        self.own = await create_connection(
            brand.conn, brand.hub.vault, name="own", connector="manual", settings={}, secrets={}
        )
        accounts = await load_accounts(brand.conn, brand.hub.vault)
        brand.hub.use_connections(account.connection for account in accounts)
        await brand.poll("shopify", "products")
        await self.move("o", "opening", 50)

    async def move(self, ref: str, movement: str, units: int) -> None:
        """Tell a movement of our own."""
        body = {"ref": ref, "movement": movement, "sku": "LAMP", "quantity": units}
        event = NewEvent(
            connection_id=self.own,
            external_id=ref,
            topic="stock/movement",
            entity=f"stock_movement/{ref}",
            origin=Origin.OWN,
            received_at=datetime.now(UTC),
            body=msgspec.json.encode(body | {"occurred_at": self.brand.clock.now().isoformat()}),
        )
        await append_events(self.brand.conn, self.brand.hub.vault, [event])
        await self.brand.apply()

    async def played(self, name: str, count: int) -> list[dict[str, float]]:
        """Play a rule on so many days before today; returns what came of it."""
        rule, now = self.rules[name], self.brand.clock.now()
        assert rule.play is not None
        look = Look(conn=self.brand.conn, hub=self.brand.hub, now=now)
        until = now.date() - timedelta(days=1)
        since = until - timedelta(days=count - 1)
        return [(await rule.play(look, self.settings[name], since, until)).figures]

    def days(self, count: int) -> None:
        """Let so many days pass."""
        self.brand.clock.advance(count * DAY_S)

    async def buy(self, email: str = MIA, *, sent: bool = True, **more: Any) -> str:
        """Let somebody buy a lamp, who gets it on the same day."""
        order = await self.sell(email, **({"email_consent": "subscribed"} | more))
        if sent:
            self.world.do("north", Fulfil(order=order.rsplit("/", 1)[-1]))
            await self.hear()
        return order

    async def buy_monthly(self, email: str = MIA, *, times: int = 3, **more: Any) -> str:
        """Let somebody buy every four weeks; returns the newest order."""
        order = ""
        for n in range(times):
            if n:
                self.days(28)
            order = await self.buy(email, **more)
        return order


@asynccontextmanager
async def open_regulars(url: str, *rules: Rule) -> AsyncIterator[Regulars]:
    """Open a brand with real rules."""
    async with open_brand(url) as brand:
        regulars = Regulars(brand, *rules)
        await regulars.open()
        yield regulars
