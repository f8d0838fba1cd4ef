"""A shop and a hub that are in parity, so that a test can plant one cause and see it named."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from tests.support.brand import Brand, open_brand
from trueup.contract.connector import Piece
from trueup.contract.recognition import identify_piece
from trueup.intake.append import append_events
from trueup.intake.connections import create_connection, find_account, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.reconcile.cause import Cause
from trueup.reconcile.parity import Round, Wanted, round_of_parity
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Adjust, Checkout
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.shopify.shop import DEFAULT_TOKEN, Shop, ShopSettings
from trueup.sandbox.shopify.stock import level_of

SKUS = ("TEE", "MUG", "CAP")
UNITS = 10
NAME = "north"


class Stage:
    """One Shopify shop beside a hub, on one clock; webhooks arrive only when the test says so."""

    def __init__(self, brand: Brand, sandbox: Sandbox, connection_id: int, own: int) -> None:
        self.brand, self.sandbox = brand, sandbox
        self.connection_id, self.own = connection_id, own

    @property
    def shop(self) -> Shop:
        """The shop."""
        return self.sandbox.shop(NAME)

    # -- at the vendor ---------------------------------------------------------------------------

    def shows(self, sku: str) -> int:
        """Return what stands at the shop."""
        variant = next(v for v in self.shop.variants.values() if v.sku == sku)
        return level_of(self.shop, variant.item.id, next(iter(self.shop.locations))).available

    def buy(self, sku: str, quantity: int = 1, **fields: Any) -> str:
        """Let somebody buy; returns the order's id. Nobody is told."""
        lines = [CartLine(sku=sku, quantity=quantity)]
        cart = Cart(lines=lines, customer=CustomerSeed(email="mia@home.example"), **fields)
        return str(self.sandbox.do(NAME, Checkout(cart=cart)).order_id)

    def write(self, sku: str, units: int) -> None:
        """Let another hub write an absolute number."""
        self.sandbox.do(NAME, Adjust(sku=sku, delta=units - self.shows(sku), physical=False))

    # -- the hub ---------------------------------------------------------------------------------

    async def look(self, *, everything: bool = True, repair: bool = True) -> Round:
        """Make one round."""
        async with self.brand.access(NAME) as access:
            return await round_of_parity(access, Wanted(everything=everything, repair=repair))

    async def settle(self) -> None:
        """Apply what waits and say what is due."""
        await self.brand.apply()
        await self.brand.work(NAME)
        await self.brand.apply()

    async def causes(self, sku: str) -> dict[Cause, tuple[int, list[str]]]:
        """Return the parts of a SKU's difference by cause: units and evidence."""
        rows = await self.brand.rows(
            "SELECT causes FROM reconcile.look WHERE connection_id = %s AND sku = %s",
            self.connection_id,
            sku,
        )
        parts = rows[0][0] if rows else []
        return {Cause(part["cause"]): (part["amount"], part["evidence"]) for part in parts}

    async def actions(self, sku: str) -> list[tuple[str, str, bool]]:
        """Return what was done about a SKU: action, cause, and whether it was mended since."""
        return [
            (action, cause, mended is not None)
            for action, cause, mended in await self.brand.rows(
                "SELECT action, cause, mended_at FROM reconcile.repair WHERE sku = %s "
                "ORDER BY repair_id",
                sku,
            )
        ]

    async def count(self, sku: str, units: int, ref: str) -> None:
        """Book an adjustment of our own."""
        await hand_in(self.brand, self.own, ref, "adjustment", sku, units)


async def hand_in(brand: Brand, own: int, ref: str, movement: str, sku: str, units: int) -> None:
    """Book a movement that a person reports."""
    body = msgspec.json.encode(
        {
            "ref": ref,
            "movement": movement,
            "sku": sku,
            "quantity": units,
            "occurred_at": "2026-03-01T00:00:00Z",
        }
    )
    piece = Piece(topic="stock/movement", body=body)
    known = identify_piece(brand.hub.connectors["manual"], piece, brand.clock.now())
    event = NewEvent(
        connection_id=own,
        external_id=known.external_id,
        topic=known.topic,
        entity=known.entity,
        origin=Origin.OWN,
        received_at=brand.clock.now(),
        body=body,
    )
    await append_events(brand.conn, brand.hub.vault, [event])
    await brand.apply()


@asynccontextmanager
async def open_stage(url: str, *, skus: tuple[str, ...] = SKUS) -> AsyncIterator[Stage]:
    """Open a shop and a hub whose numbers agree."""
    async with open_brand(url) as brand:
        sandbox = Sandbox(brand.clock)
        shop = sandbox.open_shop(ShopSettings(handle=NAME))
        sandbox.seed([SkuSeed(sku=sku, title=sku.title(), available=UNITS) for sku in skus])
        connection_id = await brand.connect(
            "shopify",
            sandbox,
            name=NAME,
            base=f"/{NAME}",
            settings={
                "shop_domain": "north.myshopify.com",
                "stock_location": str(next(iter(shop.locations))),
            },
            secrets={"access_token": DEFAULT_TOKEN},
        )
        own = await create_connection(
            brand.conn, brand.hub.vault, name="own", connector="manual", settings={}, secrets={}
        )
        accounts = await load_accounts(brand.conn, brand.hub.vault)
        brand.hub.use_connections(account.connection for account in accounts)
        await brand.poll(NAME, "products", "inventory_levels", "orders")
        await brand.apply()
        for sku in skus:
            await hand_in(brand, own, f"open-{sku}", "opening", sku, UNITS)
        stage = Stage(brand, sandbox, connection_id, own)
        await stage.settle()
        first = await stage.look()
        assert (first.looked, first.differing) == (len(skus), 0), first
        brand.clock.advance(60)
        yield stage


async def set_setting(stage: Stage, **settings: str) -> None:
    """Change settings of the connection."""
    from trueup.intake.connections import change_connection

    account = await find_account(stage.brand.conn, stage.brand.hub.vault, NAME)
    changed = account.connection.settings | settings
    await change_connection(stage.brand.conn, account.connection, settings=changed)
    accounts = await load_accounts(stage.brand.conn, stage.brand.hub.vault)
    stage.brand.hub.use_connections(each.connection for each in accounts)
