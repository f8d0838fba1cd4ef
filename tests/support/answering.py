"""A brand that writes to customers, and answers them in their own tickets where one is open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.support.brand import HUB_URL, open_brand
from tests.support.contact import MIA, Post
from trueup.connectors.gorgias.webhook import TOPICS
from trueup.sandbox.gorgias.account import API_KEY, Gorgias
from trueup.sandbox.gorgias.account import EMAIL as GORGIAS_EMAIL
from trueup.sandbox.zendesk.account import API_TOKEN, Zendesk
from trueup.sandbox.zendesk.account import EMAIL as ZENDESK_EMAIL
from trueup.sandbox.zendesk.model import Ticket

ASKS = "Where is my order #1001?"


class Answering(Post):
    """A post with a helpdesk beside it."""

    helpdesk: Zendesk
    gorgias: Gorgias

    async def connect_zendesk(self) -> None:
        """Connect a Zendesk."""
        self.helpdesk = Zendesk(self.brand.clock)
        self.helpdesk.subscribe("*", f"{HUB_URL}/hooks/zendesk")
        settings = {"subdomain": "north", "email": ZENDESK_EMAIL, "call_timeout_s": "0.3"}
        secrets = {"api_token": API_TOKEN, "webhook_secret": self.helpdesk.webhook_secret}
        await self.brand.connect("zendesk", self.helpdesk, settings=settings, secrets=secrets)

    async def connect_gorgias(self) -> None:
        """Connect a Gorgias that may reply."""
        self.gorgias = Gorgias(self.brand.clock)
        for topic in TOPICS:
            self.gorgias.subscribe(topic, f"{HUB_URL}/hooks/gorgias")
        settings = {"domain": "north", "email": GORGIAS_EMAIL, "call_timeout_s": "0.3"}
        settings |= {"reply_address": "support@shop.example"}
        secrets = {"api_key": API_KEY}
        await self.brand.connect("gorgias", self.gorgias, settings=settings, secrets=secrets)

    async def write_in(self, text: str = ASKS, email: str = MIA, **facts: Any) -> Ticket:
        """Let a customer write to Zendesk, and hear of it."""
        ticket = self.helpdesk.write_in(email, text, **facts)
        await self.take_in("zendesk")
        return ticket

    async def take_in(self, name: str) -> None:
        """Deliver what is due, read what it hints at, and apply."""
        for _ in range(2):
            await self.brand.deliver()
            await self.brand.apply()
            await self.brand.work(name)
        await self.brand.apply()

    async def carry(self, *names: str) -> None:
        """Order, send over all media, and follow."""
        for _ in range(2):
            await self.turn()
            for name in names or ("zendesk",):
                await self.brand.work(name)
            await self.send()
        await self.turn()

    def answers(self, ticket: Ticket) -> list[str]:
        """Return what we answered the customer in a ticket."""
        return [each.text for each in ticket.comments if each.custom and each.public]


@asynccontextmanager
async def open_answering(
    url: str, *names: str, media: tuple[str, ...] = ("ticket", "whatsapp", "email")
) -> AsyncIterator[Answering]:
    """Open such a brand with rules of some names; a Zendesk is connected."""
    async with open_brand(url) as brand:
        post = Answering(brand, *names)
        await post.open()
        brand.hub.contact_table = {**brand.hub.contact_table, "media": list(media)}
        await post.connect_zendesk()
        yield post
