"""A brand whose customers send things back: a shop, a dock, mail, and the three rules of returns."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.support.brand import Brand, open_brand
from tests.support.contact import HOME, MIA, Post
from tests.support.parity import hand_in
from trueup.canon.inspection import Grade, InspectionLine
from trueup.decisions.rule import Look, Waited
from trueup.decisions.rules import find_rules
from trueup.decisions.settings import read_settings
from trueup.intake.connections import create_connection, load_accounts
from trueup.reconcile.returns import check_returns, list_loops, view_of
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Checkout, Deliver, Fulfil, OpenReturn
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.shopify.model import Order
from trueup.warehouse.book import Desk
from trueup.warehouse.inspecting import Inspecting, inspection_of

RULES = ("return_request", "return_refund", "return_update")
BERLIN_DOCK = {
    "name": "Berlin",
    "company": "Brand Returns",
    "street": ["Dock 4"],
    "city": "Berlin",
    "postcode": "10117",
    "country": "DE",
}
LINE = "Brand Returns, Dock 4, 10117 Berlin, DE"
SPEND = {"EUR": "500"}
DAY_S = 86_400.0


class Returning(Post):
    """A post whose rules are those of returns, and a dock."""

    def __init__(self, brand: Brand, **settings: dict[str, Any]) -> None:
        super().__init__(brand)
        self.rules = {name: find_rules()[name] for name in dict.fromkeys((*RULES, *settings))}
        own: dict[str, Any] = {
            "return_request": {"places": [BERLIN_DOCK]},
            "return_refund": {"spend_per_day": SPEND},
            "return_update": {},
        }
        tables = {name: own.get(name, {}) | settings.get(name, {}) for name in self.rules}
        brand.hub.rule_tables = tables
        self.settings = read_settings(self.rules, tables)
        self.graded = 0

    async def open(self) -> None:
        """Connect all, name where stock is written, and open the books of the lamp."""
        await super().open()
        brand = self.brand
        place = str(next(iter(self.shop.locations)))
        await brand.rows(
            "UPDATE intake.connection SET settings = settings || "
            "jsonb_build_object('stock_location', %s::text) WHERE name = 'shopify' RETURNING 1",
            place,
        )
        own = await create_connection(
            brand.conn, brand.hub.vault, name="own", connector="manual", settings={}, secrets={}
        )
        accounts = await load_accounts(brand.conn, brand.hub.vault)
        brand.hub.use_connections(account.connection for account in accounts)
        await brand.poll("shopify", "products", "inventory_levels", "locations")
        await brand.apply()
        await hand_in(brand, own, "open", "opening", "LAMP", self.on_shelf())
        await self.carry(1)

    async def hear(self) -> None:
        """Hear what the shop has to tell, as a poll does."""
        self.brand.clock.advance(60)
        await self.brand.poll("shopify", "orders", "returns")
        await self.brand.apply()

    # -- what happens outside ----------------------------------------------------------------------

    async def sold(self, units: int = 1, *, days: int = 5, email: str = MIA, **who: Any) -> Order:
        """Sell lamps, let them arrive, and so many days pass."""
        customer = CustomerSeed(email=email, **(HOME | who))
        cart = Cart(lines=[CartLine(sku="LAMP", quantity=units)], customer=customer)
        done = self.world.do("north", Checkout(cart=cart, insist=True))
        order = self.shop.orders[done.order_id]
        self.world.do("north", Fulfil(order=order.name))
        self.brand.clock.advance(DAY_S)
        self.world.do("north", Deliver(order=order.name))
        await self.hear()
        self.brand.clock.advance(days * DAY_S)
        self.until(12)
        return order

    async def asked(self, order: Order, units: int = 1, **how: Any) -> None:
        """Let a customer ask to send some back."""
        wanted = OpenReturn(order=order.name, units={"LAMP": units}, **({"approved": False} | how))
        self.world.do("north", wanted)
        await self.hear()

    async def grade(self, order: Order, *lines: tuple[int, str]) -> None:
        """Grade what came of an order at the dock."""
        self.graded += 1
        graded = [
            InspectionLine(sku="LAMP", quantity=units, grade=Grade(grade)) for units, grade in lines
        ]
        now = self.brand.clock.now()
        told = inspection_of(f"i-{self.graded}", graded, site="main", now=now)
        desk = Desk(self.brand.hub, clock=self.brand.clock)
        await Inspecting(desk).inspect(self.brand.conn, told, order=order.name)
        await self.brand.apply()

    # -- what the hub does -------------------------------------------------------------------------

    async def carry(self, times: int = 2) -> None:
        """Take turns, send, and hear what came of it."""
        for _ in range(times):
            await self.turn()
            await self.brand.work("shopify")
            await self.send()
            await self.hear()

    async def next_day(self) -> None:
        """Go on until the next noon, and carry on."""
        self.until(12)
        await self.carry()

    async def played(self) -> dict[str, dict[str, float]]:
        """Return what each rule would have done in the last two months."""
        found = {}
        for name, rule in self.rules.items():
            assert rule.play is not None
            until = self.brand.clock.now().date()
            look = Look(conn=self.brand.conn, hub=self.brand.hub, now=self.brand.clock.now())
            replay = await rule.play(look, self.settings[name], until - timedelta(days=60), until)
            found[name] = replay.figures
        return found

    async def measured(self) -> dict[str, Decimal | None]:
        """Return what came of the first decision of each rule that measures it."""
        now, found = self.brand.clock.now(), {}
        look = Look(conn=self.brand.conn, hub=self.brand.hub, now=now)
        for name, rule in self.rules.items():
            if rule.measure is not None:
                [subject] = await self.brand.rows(
                    "SELECT subject FROM decisions.decision WHERE rule = %s LIMIT 1", name
                )
                [found[name]] = await rule.measure(look, [Waited(subject[0], now, now)])
        return found

    # -- what stands -------------------------------------------------------------------------------

    def on_shelf(self) -> int:
        """Return how many lamps the shop shows."""
        return sum(level.available for level in self.shop.levels.values())

    async def available(self) -> int:
        """Return how many lamps our own books have."""
        [(units,)] = await self.brand.rows(
            "SELECT b.on_hand - b.reserved FROM ledger.balance b JOIN ledger.sku s USING (sku_id) "
            "WHERE s.code = 'LAMP'"
        )
        return int(units)

    async def loops(self) -> list[tuple[str, list[str]]]:
        """Return a letter a fact, and the causes, of each return; as if months had passed."""
        self.brand.clock.advance(90 * DAY_S)
        view = await view_of(self.brand.conn, self.brand.hub, self.brand.clock.now())
        loops = await list_loops(self.brand.conn, view, count=100)
        report = await check_returns(self.brand.conn, view)
        assert report.left == len(loops)
        return [
            (
                "".join(fact.state.value[0] for fact in loop.facts),
                [each.cause for each in loop.discrepancies],
            )
            for loop in loops
        ]

    async def told_of(self, rule: str) -> list[tuple[str, str]]:
        """Return the episode and state of each decision of a rule."""
        return [
            (episode, state)
            for episode, state in await self.brand.rows(
                "SELECT episode, state FROM decisions.decision WHERE rule = %s "
                "ORDER BY decision_id",
                rule,
            )
        ]

    def subjects(self) -> list[str]:
        """Return the subjects of the mails that left."""
        return [subject for _, subject in self.sent()]

    def texts(self) -> str:
        """Return what the mails said."""
        bodies = [mail.message.get_payload(decode=True) for mail in self.mail.taken]
        return "\n".join(each.decode() for each in bodies if isinstance(each, bytes))


@asynccontextmanager
async def open_returning(url: str, **settings: dict[str, Any]) -> AsyncIterator[Returning]:
    """Open such a brand."""
    async with open_brand(url) as brand:
        world = Returning(brand, **settings)
        await world.open()
        yield world
