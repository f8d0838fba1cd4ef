"""A small world for the console: two sandbox shops of one brand, played through the real pipeline."""

import random
import types
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import psycopg

from trueup.canon.record import decode
from trueup.contract.connector import Mapped, Source
from trueup.contract.loader import ConnectorFolder, find_connectors
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.append import append_events
from trueup.intake.claim import claim_events
from trueup.intake.connections import create_connection, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.outbox.caller import Caller
from trueup.outbox.dispatch import Dispatcher
from trueup.pipeline import Applier
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.bodies_catalogue import product_body
from trueup.sandbox.shopify.catalogue import SkuSeed, add_product
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Cancel, Checkout
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.shopify.day import BusyDay, catalogue, steps
from trueup.sandbox.shopify.shop import ShopSettings

SHOPS = ("north", "south")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
HOSTILE_SKU = "<b>&'\"/%2F?#.json"
ALL_PARTITIONS = set(range(64))

Conn = psycopg.AsyncConnection[Any]


class OwnMovements:
    """Reads stock movements that the world itself reports: they are canonical already."""

    @staticmethod
    def map_source(source: Source) -> Mapped:
        return Mapped(records=(decode("stock_movement", source.body),))


class World:
    """Plays days and single deliveries into one database.

    Args:
        dsn: of a migrated database.
        vault: seals what is stored.
    """

    def __init__(self, dsn: str, vault: Vault) -> None:
        self.dsn = dsn
        known = find_connectors()
        manifest = known["manual"].manifest
        own = types.SimpleNamespace(
            mapping=OwnMovements, manifest=manifest, id="own", has=lambda _: False
        )
        connectors = {**known, "own": cast("ConnectorFolder", own)}
        self.hub = Hub(vault, connectors)
        self.sandbox = Sandbox()
        self.pending: list[NewEvent] = []
        self.heard = 0
        self.numbers: dict[str, int] = {}

    async def open(self, conn: Conn, day: BusyDay, sandbox_url: str) -> None:
        """Open the shops, connect them, tell the catalogue and count the opening stock."""
        for handle in SHOPS:
            self.sandbox.open_shop(ShopSettings(handle=handle, points_per_s=10**6))
        self.sandbox.seed(catalogue(day))
        for handle in SHOPS:
            await self._connect(conn, handle, sandbox_url)
        self.numbers["own"] = await create_connection(
            conn, self.hub.vault, name="own", connector="own", settings={}, secrets={}
        )
        accounts = await load_accounts(conn, self.hub.vault)
        self.hub.use_connections(account.connection for account in accounts)
        for handle in SHOPS:
            shop = self.sandbox.shop(handle)
            shop.sinks.append(
                lambda event, handle=handle: self.hear(handle, event.topic, event.body)
            )
            for product in list(shop.products.values()):
                self.hear(
                    handle, "products/create", msgspec.json.encode(product_body(shop, product))
                )
        for sku in catalogue(day):
            self.count_stock(str(sku.sku), sku.available)

    async def _connect(self, conn: Conn, handle: str, sandbox_url: str) -> None:
        shop = self.sandbox.shop(handle)
        location = next(iter(shop.locations.values()))
        self.numbers[handle] = await create_connection(
            conn,
            self.hub.vault,
            name=handle,
            connector="shopify",
            settings={
                "shop_domain": f"{handle}.myshopify.com",
                "api_base": f"{sandbox_url}/{handle}",
                "stock_location": str(location.id),
                "location_sites": f"{location.id}=main",
            },
            secrets={
                "access_token": shop.settings.access_token,
                "client_secret": shop.settings.client_secret,
            },
        )

    def hear(self, handle: str, topic: str, body: bytes) -> None:
        """Take down what a shop tells."""
        self.heard += 1
        webhook = self.hub.connectors["shopify"].webhook
        headers = {"x-shopify-topic": topic, "x-shopify-webhook-id": f"{handle}-{self.heard}"}
        named = webhook.identify(headers, body)
        self._wait(self.numbers[handle], named.external_id, named.topic, named.entity, body)

    def count_stock(self, sku: str, units: int) -> None:
        """Open a SKU's books."""
        now = datetime.now(UTC)
        movement = {
            "ref": f"opening-{sku}",
            "updated_at": now,
            "movement": "opening",
            "sku": sku,
            "quantity": units,
            "site": "main",
        }
        entity = f"stock_movement/opening-{sku}"
        body = msgspec.json.encode(movement)
        self._wait(self.numbers["own"], f"opening-{sku}", "stock/movement", entity, body)

    def _wait(self, number: int, external_id: str, topic: str, entity: str, body: bytes) -> None:
        self.pending.append(
            NewEvent(
                connection_id=number,
                external_id=external_id,
                topic=topic,
                entity=entity,
                origin=Origin.WEBHOOK,
                received_at=datetime.now(UTC),
                body=body,
                headers=b'{"x-shopify-topic":"told"}',
            )
        )

    async def flush(self, conn: Conn, *, repeat: Sequence[NewEvent] = ()) -> None:
        """Append what was heard, and some of it again."""
        events, self.pending = [*self.pending, *repeat], []
        if events:
            await append_events(conn, self.hub.vault, events)

    async def apply(self, conn: Conn) -> None:
        """Apply everything that is due."""
        applier = Applier(conn, self.hub)
        while events := await claim_events(conn, ALL_PARTITIONS, 500):
            await applier.apply(events)

    async def dispatch(self, conn: Conn) -> None:
        """Tell the shops what shall stand there."""
        for account in await load_accounts(conn, self.hub.vault):
            if account.connection.connector != "shopify":
                continue
            async with Caller(self.hub.connectors["shopify"], account) as caller:
                dispatcher = Dispatcher(conn, self.hub.vault, caller)
                while await dispatcher.step():
                    pass


async def play(
    dsn: str, vault: Vault, *, orders: int = 40, skus: int = 12, hostile: bool = True
) -> World:
    """Play a busy day with repeats, an oversell, a hostile title and bodies that can not be read."""
    world = World(dsn, vault)
    pick = random.Random(5)
    day = BusyDay(seed=5, shops=SHOPS, orders=orders, skus=skus, stock_units=30)
    conn = await connect(dsn, application_name="world")
    async with conn, world.sandbox.serve(deliver=False) as sandbox_url:
        await world.open(conn, day, sandbox_url)
        await world.flush(conn)
        await world.apply(conn)
        await world.dispatch(conn)
        for number, step in enumerate(steps(day)):
            world.sandbox.do(step.shop, step.command)
            if number % 5 == 4:
                again = [event for event in world.pending if pick.random() < 0.15]
                await world.flush(conn, repeat=again)
                await world.apply(conn)
                await world.dispatch(conn)
        await _spoil(world, conn, hostile=hostile)
    return world


async def _spoil(world: World, conn: Conn, *, hostile: bool) -> None:
    if hostile:
        _sell_hostile(world)
    for number in range(3):
        body = b'{"id": %d, "line_items": "none", "total_price": {}}' % (9_000_001 + number)
        world.hear("south", "orders/create", body)
    world.hear("north", "orders/updated", b"\xff\xfe not a body")
    await world.flush(conn)
    await world.apply(conn)


def _sell_hostile(world: World) -> None:
    shop = world.sandbox.shop("north")
    add_product(shop, [SkuSeed(sku=HOSTILE_SKU, title=HOSTILE, price="1.00", available=9)])
    world.count_stock(HOSTILE_SKU, 0)  # so one at least is oversold, whatever the day brought
    lines = [CartLine(sku=HOSTILE_SKU), CartLine(title=HOSTILE, price="1.00")]
    person = CustomerSeed(email="eve@buyers.example", first_name="Evelyn", last_name=HOSTILE)
    world.sandbox.do("north", Checkout(cart=Cart(ref="hostile", lines=lines, customer=person)))
    undone = Cart(ref="undone", lines=[CartLine(title="Gift", price="1.00")])
    world.sandbox.do("north", Checkout(cart=undone))
    world.sandbox.do("north", Cancel(order="undone"))
