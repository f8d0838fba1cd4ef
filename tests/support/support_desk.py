"""A brand that answers customers: a shop that sells, a carrier that delivers, a helpdesk, one clock."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, timedelta
from typing import Any

from tests.support.brand import HUB_URL, Brand, open_brand
from trueup.decisions.carry import approve
from trueup.decisions.explain import explain
from trueup.decisions.leave import give_leave, keep_replay
from trueup.decisions.model import Mode, State
from trueup.decisions.reads import find_decision
from trueup.decisions.rule import Look, Rule, Settings
from trueup.decisions.tend import Turn, take_turn
from trueup.sandbox.delhivery.account import Delhivery
from trueup.sandbox.journey import Story, Travelling
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Checkout, Fulfil
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.shopify.shop import ShopSettings
from trueup.sandbox.zendesk.account import API_TOKEN, Zendesk
from trueup.sandbox.zendesk.account import EMAIL as ZENDESK_EMAIL
from trueup.sandbox.zendesk.model import Comment, Ticket

ADA = "ada@buyers.example"


class SupportDesk:
    """The brand, its three vendors, and some of its rules."""

    def __init__(
        self, brand: Brand, rules: Mapping[str, Rule], settings: dict[str, Settings]
    ) -> None:
        self.brand = brand
        self.rules, self.settings = rules, settings
        self.world = Sandbox(brand.clock)
        shop = ShopSettings(handle="north", currency="EUR", country_code="DE")
        self.shop = self.world.open_shop(shop)
        self.world.seed([SkuSeed(sku="LAMP", title="Lamp", price="400.00", available=90)])
        self.carrier = Delhivery(brand.clock, seed=7, late=0.0, twice=0.3)
        self.helpdesk = Zendesk(brand.clock)

    async def open(self) -> None:
        """Connect all three."""
        brand, shop = self.brand, self.shop.settings
        keys = {"access_token": shop.access_token, "client_secret": shop.client_secret}
        place = {"shop_domain": "north.myshopify.com"}
        await brand.connect("shopify", self.world, settings=place, secrets=keys, base="/north")
        secrets = {"api_token": Delhivery.api_token, "webhook_token": self.carrier.webhook_secret}
        self.carrier.subscribe("scan", f"{HUB_URL}/hooks/delhivery")
        await brand.connect("delhivery", self.carrier, secrets=secrets)
        self.helpdesk.subscribe("*", f"{HUB_URL}/hooks/zendesk")
        account = {"subdomain": "north", "email": ZENDESK_EMAIL, "call_timeout_s": "0.3"}
        secrets = {"api_token": API_TOKEN, "webhook_secret": self.helpdesk.webhook_secret}
        await brand.connect("zendesk", self.helpdesk, settings=account, secrets=secrets)
        await brand.poll("shopify", "orders")  # from now on

    # -- what happens outside ----------------------------------------------------------------------

    async def sell(
        self, email: str = ADA, *, quantity: int = 1, story: Story | None = None, hours: float = 0
    ) -> str:
        """Sell lamps, send them where there is a story, let so much time pass; returns the number."""
        buyer = CustomerSeed(email=email, first_name="Ada", last_name="Moss")
        cart = Cart(lines=[CartLine(sku="LAMP", quantity=quantity)], customer=buyer)
        self.world.do("north", Checkout(cart=cart))
        order = list(self.shop.orders.values())[-1]
        if story is not None:
            self.send(order, story)
        if hours:
            self.carrier.travel(hours)
        await self.hear()
        return str(order.name)

    def send(self, order: Any, story: Story) -> Travelling:
        """Send an order with the carrier."""
        parcel = self.carrier.ship(str(order.name), story)
        sent = Fulfil(order=order.name, company="Delhivery", tracking_number=parcel.number)
        self.world.do("north", sent)
        return parcel

    async def write_in(self, text: str, email: str = ADA, **facts: Any) -> Ticket:
        """Let a customer write, and hear of it."""
        ticket = self.helpdesk.write_in(email, text, **facts)
        await self.hear()
        return ticket

    async def answer(
        self, ticket: Ticket, text: str = "We look into it.", *, public: bool = True
    ) -> None:
        """Let somebody of the team answer by hand, or write a note."""
        desk = self.helpdesk
        ticket.comments.append(Comment(desk.new_id(), desk.agent, text, desk.now(), public))
        desk.change(ticket.id)
        await self.hear()

    async def hear(self) -> None:
        """Take in all that was told."""
        await self.brand.poll("shopify", "orders")
        for _ in range(3):
            await self.brand.deliver()
            await self.brand.apply()
            for name in ("zendesk", "delhivery", "shopify"):
                await self.brand.work(name)
            await self.brand.apply()
            self.brand.clock.advance(20)

    def wait(self, **span: float) -> None:
        """Let time pass."""
        self.brand.clock.advance(timedelta(**span).total_seconds())

    # -- what the hub does -------------------------------------------------------------------------

    async def leave(self, mode: Mode) -> None:
        """Let all rules go so far, after each was played."""
        conn, now = self.brand.conn, self.brand.clock.now()
        for name, rule in self.rules.items():
            assert rule.play is not None
            look = Look(conn=conn, hub=self.brand.hub, now=now)
            until = now.astimezone(UTC).date()
            found = await rule.play(look, self.settings[name], until - timedelta(days=9), until)
            await keep_replay(conn, rule, self.settings[name], found, now)
            await give_leave(conn, rule, self.settings[name], mode, by="ada", why="", now=now)

    async def turn(self) -> Turn:
        """Take one turn."""
        brand = self.brand
        return await take_turn(brand.conn, brand.hub, self.rules, self.settings, brand.clock.now())

    async def proposed(self) -> int:
        """Take a turn that proposes one thing, and return its number."""
        [number] = [each for new in (await self.turn()).proposed.values() for each in new]
        return number

    async def approve(self, number: int) -> None:
        """Let a person agree."""
        now = self.brand.clock.now()
        await approve(self.brand.conn, number, by="ada", why="", now=now)

    async def carry(self) -> None:
        """Order, send, hear of it and follow until nothing is left to do."""
        for _ in range(4):
            await self.turn()
            await self.brand.work("zendesk")
            await self.brand.work("shopify")
            await self.hear()
        await self.turn()

    async def state(self, number: int) -> State:
        """Return how far a decision is."""
        row, _ = await find_decision(self.brand.conn, number)
        return State(row["state"])

    async def sentence(self, number: int) -> str:
        """Return a decision as it is told."""
        return explain(*await find_decision(self.brand.conn, number))

    def ours(self, ticket: Ticket, *, public: bool) -> list[str]:
        """Return what we wrote into a ticket: to the customer, or as notes."""
        own = [each for each in ticket.comments if each.custom.get("trueup_ref")]
        return [each.text for each in own if each.public is public]


@asynccontextmanager
async def open_desk(url: str, rule: Rule, settings: Settings) -> AsyncIterator[SupportDesk]:
    """Open such a brand with one rule."""
    async with open_brand(url) as brand:
        desk = SupportDesk(brand, {rule.name: rule}, {rule.name: settings})
        await desk.open()
        yield desk
