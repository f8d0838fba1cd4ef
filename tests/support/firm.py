"""A brand with a shop that sells lamps and mugs, and an ERP that knows who makes them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from tests.support.brand import Brand, open_brand
from trueup.decisions.carry import approve, left_to_a_person
from trueup.decisions.explain import explain
from trueup.decisions.leave import give_leave, keep_replay
from trueup.decisions.model import Mode, State
from trueup.decisions.propose import Proposed, look
from trueup.decisions.reads import find_decision
from trueup.decisions.rule import Look, Settings
from trueup.decisions.rules.reorder import RULE, ReorderSettings
from trueup.decisions.tend import Turn, take_turn
from trueup.intake.append import append_events
from trueup.intake.connections import create_connection, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.ledger.outlook import refresh_outlooks
from trueup.sandbox.odoo.vendor import API_KEY, DATABASE, Odoo
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Checkout
from trueup.sandbox.shopify.shop import ShopSettings

DAYS = 20
RULES = {RULE.name: RULE}


class Firm:
    """A brand with a shop that sells lamps, and an Odoo that knows who makes them."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.world = Sandbox(brand.clock)
        settings = ShopSettings(handle="north", currency="EUR", country_code="DE")
        self.shop = self.world.open_shop(settings)
        prices = {"LAMP": Decimal("24.90"), "MUG": Decimal("9.90")}
        self.world.seed(
            [SkuSeed(sku=sku, title=sku, price=each, available=90) for sku, each in prices.items()]
        )
        self.odoo = Odoo(brand.clock)
        self.supplier = self.odoo.add("res.partner", {"display_name": "Garn KG", "name": "Garn KG"})
        self.settings: dict[str, Settings] = {RULE.name: ReorderSettings()}
        self.own = 0

    async def open(self) -> None:
        """Connect both, and open the books with 50 lamps."""
        brand = self.brand
        keys = {"access_token": self.shop.settings.access_token}
        keys |= {"client_secret": self.shop.settings.client_secret}
        shop = {"shop_domain": "north.myshopify.com"}
        await brand.connect("shopify", self.world, settings=shop, secrets=keys, base="/north")
        books = {"url": "https://odoo.example", "database": DATABASE, "currency": "EUR"}
        await brand.connect("odoo", self.odoo, settings=books, secrets={"api_key": API_KEY})
        self.own = await create_connection(
            brand.conn, brand.hub.vault, name="own", connector="manual", settings={}, secrets={}
        )
        accounts = await load_accounts(brand.conn, brand.hub.vault)
        brand.hub.use_connections(account.connection for account in accounts)
        await self.move("o", "opening", 50)
        for name, resource in (("shopify", "orders"), ("odoo", "supplier_items")):
            await brand.poll(name, resource)  # from now on

    async def move(self, ref: str, movement: str, units: int, sku: str = "LAMP") -> None:
        """Tell a movement of our own."""
        now = self.brand.clock.now()
        body = {"ref": ref, "movement": movement, "sku": sku, "quantity": units}
        event = NewEvent(
            connection_id=self.own,
            external_id=ref,
            topic="stock/movement",
            entity=f"stock_movement/{ref}",
            origin=Origin.OWN,
            received_at=datetime.now(UTC),
            body=msgspec.json.encode(body | {"occurred_at": now.isoformat()}),
        )
        await append_events(self.brand.conn, self.brand.hub.vault, [event])
        await self.brand.apply()

    async def trade(self, skus: Sequence[str] = ("LAMP",)) -> None:
        """Sell two of each a day, hear of it and of the supplier, and work out the outlook."""
        for sku in skus:
            offer: dict[str, Any] = {"partner_id": self.supplier}
            offer |= {"product_id": self.odoo.add_product(sku), "product_tmpl_id": False}
            offer |= {"currency_id": self.odoo.euro, "delay": 14}
            offer |= {"min_qty": Decimal("12.0"), "price": Decimal("3.10")}
            self.odoo.add("product.supplierinfo", offer)
        for _ in range(DAYS):
            cart = Cart(lines=[CartLine(sku=sku, quantity=2) for sku in skus])
            self.world.do("north", Checkout(cart=cart))
            self.brand.clock.advance(timedelta(days=1).total_seconds())
            await self.brand.poll("shopify", "orders")
        await self.brand.poll("odoo", "supplier_items")
        await self.brand.apply()
        await self.work_out()

    async def work_out(self) -> None:
        """Work out the outlook anew."""
        await self.brand.rows(
            "UPDATE ledger.outlook SET worked_out_at = worked_out_at - interval '1 day' RETURNING 1"
        )
        await refresh_outlooks(self.brand.conn, now=self.brand.clock.now())

    async def lie(self, sku: str, units: int) -> None:
        """Let so many of a SKU be there, by the outlook."""
        await self.brand.conn.execute(
            "UPDATE ledger.outlook SET available = %s FROM ledger.sku s"
            " WHERE s.sku_id = outlook.sku_id AND s.code = %s",
            (units, sku),
        )

    async def lines(self, number: int) -> dict[str, int]:
        """Return what a decision drafts, by SKU."""
        row, _ = await find_decision(self.brand.conn, number)
        return {sku: units for a in row["actions"] for sku, units, _ in a["content"]["lines"]}

    async def looked(self) -> Proposed:
        """Return what the rule would propose; nothing is kept."""
        brand, settings = self.brand, self.settings[RULE.name]
        [found] = await look(brand.conn, brand.hub, RULE, settings, brand.clock.now())
        return found

    async def turn(self) -> Turn:
        """Take one turn."""
        brand = self.brand
        return await take_turn(brand.conn, brand.hub, RULES, self.settings, brand.clock.now())

    async def leave(self, mode: Mode, *, played: bool = True) -> None:
        """Say how far the rule may go, after it was played."""
        conn, now = self.brand.conn, self.brand.clock.now()
        settings = self.settings[RULE.name]
        if played:
            assert RULE.play is not None
            look = Look(conn=conn, hub=self.brand.hub, now=now)
            until = now.date() - timedelta(days=1)
            found = await RULE.play(look, settings, until - timedelta(days=9), until)
            await keep_replay(conn, RULE, settings, found, now)
        await give_leave(conn, RULE, settings, mode, by="ada", why="", now=now)

    async def proposed(self) -> int:
        """Let the rule propose, and return the decision."""
        await self.leave(Mode.ASK)
        turn = await self.turn()
        [number] = turn.proposed[RULE.name]
        return number

    async def approve(self, number: int) -> None:
        await approve(
            self.brand.conn, number, by="ada", why="we need them", now=self.brand.clock.now()
        )

    async def state(self, number: int) -> State:
        row, _ = await find_decision(self.brand.conn, number)
        return State(row["state"])

    async def sentence(self, number: int) -> str:
        row, steps = await find_decision(self.brand.conn, number)
        now = self.brand.clock.now()
        waits = await left_to_a_person(self.brand.conn, row, self.settings, now)
        return explain(row, steps, waits=waits)

    def drafts(self) -> list[dict[str, Any]]:
        """Return the purchase orders at the ERP."""
        return list(self.odoo.database.tables.get("purchase.order", {}).values())


@asynccontextmanager
async def open_firm(url: str, skus: Sequence[str] = ("LAMP",)) -> AsyncIterator[Firm]:
    async with open_brand(url) as brand:
        firm = Firm(brand)
        await firm.open()
        if "MUG" in skus:
            await firm.move("m", "opening", 50, "MUG")
        await firm.trade(skus)
        yield firm
