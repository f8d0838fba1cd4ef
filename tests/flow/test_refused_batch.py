"""A vendor may refuse a whole batch for one of its numbers: only that one is given up."""

from collections import Counter
from typing import Any

import pytest

from tests.support.brand import Brand, open_brand
from trueup.contract.connector import Piece
from trueup.contract.recognition import identify_piece
from trueup.intake.append import append_events
from trueup.intake.connections import create_connection, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.outbox.reads import revive_dead
from trueup.sandbox.bigcommerce.store import STORE_HASH, TOKEN
from trueup.sandbox.bigcommerce.vendor import BigCommerce
from trueup.sandbox.woocommerce.shop import KEY, SECRET, WooShop

pytestmark = pytest.mark.anyio

SKUS = tuple(f"SKU-{n:02}" for n in range(24))
BAD = "SKU-13"
_VENDORS = {"bigcommerce": BigCommerce, "woocommerce": WooShop}
_SECRETS = {
    "bigcommerce": {"access_token": TOKEN, "client_secret": "client-secret-sandbox"},
    "woocommerce": {
        "consumer_key": KEY,
        "consumer_secret": SECRET,
        "webhook_secret": "a-secret-of-the-shop",
    },
}
CALLS_MAX = 4 * 5
"""To find one of 24: two halves of each of four sizes and the rest, each a reading and a change."""


class Stage:
    """A brand that sells its SKUs at one simulated vendor."""

    def __init__(self, brand: Brand, name: str) -> None:
        self.brand, self.name = brand, name
        self.vendor: Any = _VENDORS[name](brand.clock)
        self._own = self.number = 0
        self._moved = 0

    async def open(self) -> None:
        """Connect the vendor, read it, and open the books."""
        secrets = _SECRETS[self.name]
        settings = {"store_hash": STORE_HASH, "stock_location": "1"}
        settings = settings if self.name == "bigcommerce" else {"shop_url": "http://shop.example"}
        for sku in SKUS:
            if self.name == "bigcommerce":
                self.vendor.add_product(sku, stock=50)
            else:
                self.vendor.add_item(sku, stock=50)
        self.number = await self.brand.connect(
            self.name, self.vendor, settings=settings, secrets=secrets
        )
        self._own = await create_connection(
            self.brand.conn, self.brand.hub.vault,
            name="own", connector="manual", settings={}, secrets={},
        )  # fmt: skip
        accounts = await load_accounts(self.brand.conn, self.brand.hub.vault)
        self.brand.hub.use_connections(account.connection for account in accounts)
        await self.brand.poll(self.name)
        await self.brand.apply()
        await self.move("opening", 50)
        await self.brand.work(self.name, rounds=200)

    async def move(self, kind: str, units: int) -> None:
        folder, now = self.brand.hub.connectors["manual"], self.brand.clock.now()
        events = []
        for sku in SKUS:
            self._moved += 1
            body = (
                f'{{"ref":"m-{self._moved}","movement":"{kind}","sku":"{sku}",'
                f'"quantity":{units},"occurred_at":"{now.isoformat()}"}}'
            ).encode()
            known = identify_piece(folder, Piece(topic="stock/movement", body=body), now)
            events.append(
                NewEvent(
                    connection_id=self._own,
                    external_id=known.external_id,
                    topic=known.topic,
                    entity=known.entity,
                    origin=Origin.OWN,
                    received_at=now,
                    body=body,
                )
            )
        await append_events(self.brand.conn, self.brand.hub.vault, events)
        await self.brand.apply()

    def shown(self) -> dict[str, int]:
        if self.name == "bigcommerce":
            return {sku: self.vendor.by_sku(sku).available(1) for sku in SKUS}
        return {item.sku: item.stock for item in self.vendor.items.values() if item.sku in SKUS}

    async def states(self) -> dict[str, str]:
        query = "SELECT key, state FROM outbox.intent WHERE connection_id = %s AND key = ANY(%s)"
        return dict(await self.brand.rows(query, self.number, list(SKUS)))


async def opened(brand: Brand, name: str) -> Stage:
    stage = Stage(brand, name)
    await stage.open()
    return stage


async def test_only_the_number_that_is_refused_alone_is_given_up(database_url: str) -> None:
    async with open_brand(database_url) as brand:
        stage = await opened(brand, "bigcommerce")
        stage.vendor.untracked.add(BAD)
        before = len(stage.vendor.calls)
        await stage.move("receipt", 7)
        await brand.work(stage.name, rounds=200)
        assert stage.shown() == {sku: 50 if sku == BAD else 57 for sku in SKUS}
        states = await stage.states()
        assert {sku for sku, state in states.items() if state == "dead"} == {BAD}
        assert len(stage.vendor.calls) - before <= CALLS_MAX
        issues = await brand.rows(
            "SELECT ref FROM intake.issue WHERE code = 'outbox.given_up' AND closed_at IS NULL"
        )
        assert [ref.rsplit("/", 1)[1] for (ref,) in issues] == [BAD]


async def test_who_was_refused_goes_alone_until_it_is_done(database_url: str) -> None:
    """And those that were in its batch go in whole batches again at once."""
    async with open_brand(database_url) as brand:
        stage = await opened(brand, "bigcommerce")
        stage.vendor.untracked.add(BAD)
        await stage.move("receipt", 7)
        await brand.work(stage.name, rounds=200)
        await stage.move("receipt", 1)
        before = Counter(call.scope for call in stage.vendor.calls if call.worked)
        await brand.work(stage.name, rounds=200)
        sizes = await brand.rows(
            "SELECT count(*) FROM outbox.call_intent GROUP BY call_id ORDER BY call_id DESC LIMIT 2"
        )
        assert sorted(size for (size,) in sizes) == [1, len(SKUS) - 1]
        assert Counter(c.scope for c in stage.vendor.calls if c.worked) - before
        stage.vendor.untracked.clear()
        await revive_dead(brand.conn, skus=[BAD])
        await brand.work(stage.name, rounds=200)
        assert set(stage.shown().values()) == {58}
        assert await brand.rows("SELECT key FROM outbox.intent WHERE batch_max IS NOT NULL") == []


async def test_a_shop_that_takes_fewer_at_once_than_it_should_is_told_all_the_same(
    database_url: str,
) -> None:
    """A host may have lowered WooCommerce's limit of a batch."""
    async with open_brand(database_url) as brand:
        stage = await opened(brand, "woocommerce")
        stage.vendor.batch_max = 5
        await stage.move("receipt", 7)
        await brand.work(stage.name, rounds=200)
        assert stage.shown() == dict.fromkeys(SKUS, 57)
        assert set((await stage.states()).values()) == {"settled"}


async def test_where_all_are_refused_each_is_given_up_by_itself(database_url: str) -> None:
    async with open_brand(database_url) as brand:
        stage = await opened(brand, "bigcommerce")
        stage.vendor.untracked.update(SKUS)
        await stage.move("receipt", 7)
        before = len(stage.vendor.calls)
        await brand.work(stage.name, rounds=500)
        assert set((await stage.states()).values()) == {"dead"}
        assert len(stage.vendor.calls) - before <= 4 * len(SKUS)
