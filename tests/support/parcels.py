"""A brand whose parcels a simulated carrier brings, and the real rules that tell of them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from tests.support.brand import HUB_URL, Brand, open_brand
from tests.support.contact import Post
from trueup.decisions.model import Mode
from trueup.decisions.rules import find_rules
from trueup.decisions.settings import read_settings
from trueup.sandbox.delhivery.account import Delhivery
from trueup.sandbox.journey import Happening, Moment, Story, Travelling
from trueup.sandbox.shopify.commands import Fulfil


class Depot(Post):
    """A post with one rule that is a file, and a carrier that brings what the shop sells."""

    def __init__(self, brand: Brand, rule: str, **settings: object) -> None:
        super().__init__(brand)
        self.rules = {rule: find_rules()[rule]}
        self.settings = read_settings(self.rules, {rule: settings})
        self.carrier = Delhivery(brand.clock, seed=7, late=0, twice=0)
        self.chat.templates |= {
            (f"trueup_{text}", "en"): len(fields)
            for text, fields in {
                "delay": ("order", "expected_on"),
                "failed_delivery": ("carrier", "order"),
            }.items()
        }

    async def open(self) -> None:
        """Connect the carrier too, and tell the team by mail."""
        self.carrier.subscribe("scan", f"{HUB_URL}/hooks/delhivery")
        secrets = {
            "api_token": Delhivery.api_token,
            "webhook_token": self.carrier.webhook_secret,
        }
        await self.brand.connect("delhivery", self.carrier, secrets=secrets)
        await super().open()
        self.brand.hub.contact_table = {
            "zone": "Europe/Berlin",
            "templates": ["delay", "failed_delivery"],
            "team_connection": "smtp",
            "team_to": "team@brand.example",
        }

    async def leave(self, name: str, mode: Mode = Mode.AUTO) -> None:
        """Say how far the rule may go, after it was played."""
        await super().leave(name, mode)

    async def send_out(
        self, story: Story = "straight", *, hours: float = 0, **customer: Any
    ) -> Travelling:
        """Sell a lamp, hand it to the carrier, and let so many hours pass."""
        await self.sell(**customer)
        number = self.shop.orders[max(self.shop.orders)].name
        parcel = self.carrier.ship(number, story)
        self.world.do(
            "north", Fulfil(order=number, company="DELHIVERY", tracking_number=parcel.number)
        )
        await self.hear()
        await self.travel(hours)
        return parcel

    async def travel(self, hours: float) -> None:
        """Let time pass, and hear what the carrier tells: pushes, and readings that they ask for."""
        self.carrier.travel(hours)
        await self.listen()

    async def listen(self) -> None:
        """Hear what the carrier tells."""
        await self.brand.deliver()
        await self.brand.apply()
        await self.brand.work("delhivery")
        await self.brand.apply()

    async def scan(self, parcel: Travelling, what: Happening) -> None:
        """Let a parcel be scanned now, and hear of it."""
        now = self.brand.clock.now()
        parcel.coming.append((now, Moment(at=now, what=what, place="Pune_Kharadi_D")))
        self.carrier.tick()
        await self.listen()

    async def round(self, times: int = 1) -> None:
        """Take turns and send."""
        for _ in range(times):
            await self.turn()
            await self.send()

    async def night(self) -> None:
        """Go on until it is quiet."""
        self.until(23)

    def mails(self) -> Sequence[tuple[str, str]]:
        """Return every mail: to whom, and its subject."""
        return [each for each in self.sent() if each[1] != "template"]


def stop(parcel: Travelling, hours: float = 0) -> None:
    """Let nothing more happen to a parcel, from so many hours after it was made."""
    until = parcel.made_at + timedelta(hours=hours)
    parcel.coming = [entry for entry in parcel.coming if entry[0] <= until]


@asynccontextmanager
async def open_depot(url: str, rule: str, **settings: object) -> AsyncIterator[Depot]:
    """Open a brand with one rule about parcels."""
    async with open_brand(url) as brand:
        depot = Depot(brand, rule, **settings)
        await depot.open()
        yield depot
