"""A brand that writes to customers: a shop, WhatsApp and mail, and rules that ask for notices."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.brand import HUB_URL, Brand, open_brand
from tests.support.mail import MAIL, Mail
from trueup.canon.command import Purpose
from trueup.decisions.blanks import find_blanks
from trueup.decisions.contact.notice import Notice, Urgency
from trueup.decisions.leave import give_leave, keep_replay
from trueup.decisions.model import Action, Facts, Mode, Proposal, Values
from trueup.decisions.reads import find_decision
from trueup.decisions.rule import Look, Replay, Rule, Settings
from trueup.decisions.tend import Turn, take_turn
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import ChangeCustomer, Checkout
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.shopify.shop import ShopSettings
from trueup.sandbox.whatsapp.account import NUMBER_ID, TOKEN, Account

BERLIN = ZoneInfo("Europe/Berlin")
HOME = {"town": ("Berlin", "Berlin", "BE", "10115"), "country": ("Germany", "DE")}
MIA, PHONE = "mia@home.example", "+491701234567"


class Wish(Values, frozen=True, kw_only=True):
    """What a rule of a test asks for."""

    actions: tuple[Action, ...]
    due_at: datetime | None = None


class Wishes:
    """Rules that ask for whatever a test wishes, as long as it wishes it."""

    def __init__(self) -> None:
        self.standing: dict[str, dict[str, Wish]] = {}

    def rule(self, name: str) -> Rule:
        """Make a rule of a name."""
        wishes = self.standing.setdefault(name, {})

        async def read(look: Look, settings: Settings, subject: str | None) -> list[Facts[Any]]:
            del look, settings
            return [
                Facts(subject=each, episode="1", values=wish)
                for each, wish in wishes.items()
                if subject in {None, each}
            ]

        def propose(facts: Facts[Wish], settings: Settings) -> Proposal:
            del settings
            wish = facts.values
            return Proposal(reason="So it is.", actions=wish.actions, due_at=wish.due_at)

        async def play(look: Look, settings: Settings, since: date, until: date) -> Replay:
            del look, settings
            return Replay(since=since, until=until, figures={}, sentence="Nothing.")

        return Rule(
            name=name,
            version=1,
            title="Asks for what a test wishes.",
            kinds=frozenset(
                {Notice.command, *find_blanks(), "ticket.create", "ticket.reply", "discount.create"}
            ),
            settings=Settings,
            read=read,
            propose=propose,
            play=play,
        )


class Post:
    """A shop in Berlin, its customers, and what was written to them."""

    def __init__(self, brand: Brand, *names: str) -> None:
        self.brand = brand
        self.world = Sandbox(brand.clock)
        self.shop = self.world.open_shop(
            ShopSettings(handle="north", currency="EUR", country_code="DE")
        )
        self.world.seed([SkuSeed(sku="LAMP", title="Lamp", price=Decimal(10), available=999)])
        self.chat, self.mail = Account(brand.clock), Mail(brand.clock)
        self.chat.templates["trueup_delay", "en"] = 2
        self.wishes = Wishes()
        self.rules = {name: self.wishes.rule(name) for name in names or ("late",)}
        self.settings = {name: Settings(per_day_max=10_000) for name in self.rules}
        self.number = 0

    async def open(self) -> None:
        """Connect all, let the rules act, and begin at noon in Berlin."""
        brand = self.brand
        brand.hub.contact_table = {"zone": "Europe/Berlin", "templates": ["delay"]}
        keys = {"access_token": self.shop.settings.access_token}
        keys |= {"client_secret": self.shop.settings.client_secret}
        where = {"shop_domain": "north.myshopify.com"}
        self.number = await brand.connect(
            "shopify", self.world, settings=where, secrets=keys, base="/north"
        )
        self.chat.subscribe("messages", f"{HUB_URL}/hooks/whatsapp")
        await brand.connect(
            "whatsapp",
            self.chat,
            settings={"phone_number_id": NUMBER_ID, "call_timeout_s": "0.3"},
            secrets={"access_token": TOKEN, "app_secret": self.chat.webhook_secret},
        )
        await brand.connect("smtp", self.mail, **MAIL)
        await brand.poll("shopify", "customers", "orders")  # from now on
        for rule in self.rules:
            await self.leave(rule, Mode.AUTO)
        self.until(12)

    async def leave(self, name: str, mode: Mode) -> None:
        """Say how far a rule may go, after it was played."""
        conn, now, rule = self.brand.conn, self.brand.clock.now(), self.rules[name]
        assert rule.play is not None
        look = Look(conn=conn, hub=self.brand.hub, now=now)
        found = await rule.play(look, self.settings[name], now.date(), now.date())
        await keep_replay(conn, rule, self.settings[name], found, now)
        await give_leave(conn, rule, self.settings[name], mode, by="ada", why="", now=now)

    # -- time and customers ------------------------------------------------------------------------

    def until(self, hour: int) -> None:
        """Go on until it is so late in Berlin."""
        local = self.brand.clock.now().astimezone(BERLIN)
        then = local.replace(hour=hour, minute=0, second=0)
        if then <= local:
            then += timedelta(days=1)
        self.brand.clock.advance((then - local).total_seconds())

    async def sell(self, email: str = MIA, *, phone: str | None = None, **more: Any) -> str:
        """Sell a lamp to somebody; returns the order as a notice names it."""
        cart = Cart(
            lines=[CartLine(sku="LAMP")],
            customer=CustomerSeed(email=email, phone=phone, **(HOME | more)),
        )
        self.world.do("north", Checkout(cart=cart))
        await self.hear()
        order = max(self.shop.orders)
        return f"connection/{self.number}/order/{order}"

    async def consent(self, email: str, state: str) -> None:
        """Let somebody agree to marketing by e-mail, or end that, at the shop."""
        self.brand.clock.advance(1)
        self.world.do("north", ChangeCustomer(email=email, email_consent=state))
        await self.hear()

    async def write(self, text: str, phone: str = PHONE) -> None:
        """Let somebody write over WhatsApp."""
        self.brand.clock.advance(1)
        self.chat.write(phone, text)
        await self.brand.deliver()
        await self.brand.apply()

    async def hear(self) -> None:
        """Hear what the shop has to tell."""
        await self.brand.poll("shopify", "customers", "orders")
        await self.brand.apply()

    # -- wishes and what came of them --------------------------------------------------------------

    def wish(
        self,
        to: str,
        *more: Action,
        rule: str = "late",
        subject: str = "",
        due_at: datetime | None = None,
        **fields: Any,
    ) -> None:
        """Let a rule ask for a notice about an order."""
        notice = notice_to(to, **fields)
        action = Action(content=notice, what="tell the customer")
        wish = Wish(actions=(action, *more), due_at=due_at)
        self.wishes.standing[rule][subject or to] = wish

    def forget(self, to: str, rule: str = "late") -> None:
        """Let the facts no longer ask for it."""
        del self.wishes.standing[rule][to]

    async def turn(self) -> Turn:
        """Take one turn."""
        brand = self.brand
        return await take_turn(brand.conn, brand.hub, self.rules, self.settings, brand.clock.now())

    async def send(self) -> None:
        """Let both lines send what they have."""
        await self.brand.work("whatsapp")
        await self.brand.work("smtp")

    async def decisions(self) -> dict[str, str]:
        """Return every decision's state and why it waits, by rule and subject."""
        rows = await self.brand.rows(
            "SELECT rule, subject, state, waits FROM decisions.decision ORDER BY decision_id"
        )
        return {
            f"{rule} {subject.rsplit('/', 1)[-1]}": state if waits is None else f"{state}: {waits}"
            for rule, subject, state, waits in rows
        }

    async def states(self) -> list[str]:
        """Return how far each decision came."""
        return [
            state
            for (state,) in await self.brand.rows(
                "SELECT state FROM decisions.decision ORDER BY decision_id"
            )
        ]

    async def why(self, number: int = 1) -> list[str]:
        """Return what happened to a decision, and why."""
        _, steps = await find_decision(self.brand.conn, number)
        return [f"{step['did']}: {step['why']}".removesuffix(": ") for step in steps]

    def sent(self) -> list[tuple[str, str]]:
        """Return every message that left: to whom, and its subject or template."""
        mails = [(mail.to[0], str(mail.message["subject"])) for mail in self.mail.taken]
        return [(each.to, each.body["type"]) for each in self.chat.sent] + mails


def notice_to(to: str, **fields: Any) -> Notice:
    """Return a notice that an order is late."""
    given: dict[str, Any] = {
        "purpose": Purpose.TRANSACTIONAL,
        "text": "delay",
        "about": to,
        "values": {"order": "#1001"},
        "days": {"expected_on": date(2026, 12, 3)},
        "urgency": Urgency.NORMAL,
    }
    return Notice(to=to, **(given | fields))


@asynccontextmanager
async def open_post(url: str, *names: str) -> AsyncIterator[Post]:
    """Open a brand that writes to customers, with rules of some names."""
    async with open_brand(url) as brand:
        post = Post(brand, *names)
        await post.open()
        yield post
