"""Goal: a thousand products changed at once cost a vendor with bulk calls next to nothing.

Method: a simulated shop of a thousand products, read by polls, its books opened; then every SKU
moves at once, and the shop's own count of calls is what is judged.
"""

from collections import Counter

import pytest

from tests.support.brand import open_brand
from trueup.contract.connector import Piece
from trueup.contract.recognition import identify_piece
from trueup.intake.append import append_events
from trueup.intake.connections import create_connection, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.shop import DEFAULT_TOKEN, ShopSettings

pytestmark = pytest.mark.anyio

PRODUCTS = 1_000
CALLS_PER_PRODUCT_MAX = 0.05
_SET = "inventorySetQuantities"


def movement(number: int, ref: str, kind: str, units: int) -> Piece:
    body = (
        f'{{"ref":"{ref}-{number}","movement":"{kind}","sku":"SKU-{number}",'
        f'"quantity":{units},"occurred_at":"2026-03-01T00:00:00Z"}}'
    )
    return Piece(topic="stock/movement", body=body.encode())


async def test_a_thousand_products_are_told_in_a_few_calls(database_url: str) -> None:
    async with open_brand(database_url) as brand:
        sandbox = Sandbox(brand.clock)
        shop = sandbox.open_shop(ShopSettings(handle="north"))
        sandbox.seed(
            [SkuSeed(sku=f"SKU-{n}", title=f"Article {n}", available=50) for n in range(PRODUCTS)]
        )
        location = str(next(iter(shop.locations)))
        await brand.connect(
            "shopify",
            sandbox,
            base="/north",
            settings={"shop_domain": "north.myshopify.com", "stock_location": location},
            secrets={"access_token": DEFAULT_TOKEN},
        )
        own = await create_connection(
            brand.conn, brand.hub.vault, name="own", connector="manual", settings={}, secrets={}
        )
        accounts = await load_accounts(brand.conn, brand.hub.vault)
        brand.hub.use_connections(account.connection for account in accounts)
        await brand.poll("shopify", "products", "inventory_levels")
        await brand.apply()

        async def move(ref: str, kind: str, units: int) -> None:
            folder, now = brand.hub.connectors["manual"], brand.clock.now()
            events = []
            for number in range(PRODUCTS):
                piece = movement(number, ref, kind, units)
                known = identify_piece(folder, piece, now)
                events.append(
                    NewEvent(
                        connection_id=own,
                        external_id=known.external_id,
                        topic=known.topic,
                        entity=known.entity,
                        origin=Origin.OWN,
                        received_at=now,
                        body=piece.body,
                    )
                )
            for start in range(0, PRODUCTS, 500):
                await append_events(brand.conn, brand.hub.vault, events[start : start + 500])
            await brand.apply()

        await move("opening", "opening", 50)
        await brand.work("shopify", rounds=500)
        before = Counter(sandbox.door("north").counters)
        await move("receipt", "receipt", 7)
        await brand.work("shopify", rounds=500)
        made = Counter(sandbox.door("north").counters) - before
        shown = {level.available for level in shop.levels.values()}
        assert shown == {57}, "a product does not show what it should"
        assert made["calls"] / PRODUCTS <= CALLS_PER_PRODUCT_MAX, dict(made)
        print(f"\n{PRODUCTS} products, {made['calls']} calls, {made[_SET]} of them writes")
