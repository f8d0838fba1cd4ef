"""Goal: many numbers at once go to Amazon as one feed, and nothing is believed before it is shown.

Method: a simulated seller of many listings, read by polls, its books opened; then all SKUs move at
once, and the vendor's own count of calls, and what its listings offer, are judged.
"""

from collections import Counter
from typing import Final

import pytest

from tests.support.brand import Brand, open_brand
from trueup.contract.connector import Piece
from trueup.contract.recognition import identify_piece
from trueup.intake.append import append_events
from trueup.intake.connections import create_connection, load_accounts
from trueup.intake.model import NewEvent, Origin
from trueup.sandbox.amazon import Amazon
from trueup.sandbox.faults import ApiFault

pytestmark = pytest.mark.anyio

CALLS_PER_PRODUCT_MAX: Final = 0.05
OPENING: Final = 50


class Stage:
    """A seller whose listings are told what our books offer."""

    def __init__(self, brand: Brand, products: int) -> None:
        self.brand = brand
        self.vendor = Amazon(brand.clock, seed=5)
        self.skus = [f"SKU-{n:04}" for n in range(products)]
        self._own = self._moved = 0

    async def open(self) -> None:
        """Read the listings and open the books, until both say the same."""
        for sku in self.skus:
            self.vendor.list_sku(sku, units=OPENING)
        told = self.vendor.settings("").items()
        settings = {name: value for name, value in told if name != "api_base"}
        await self.brand.connect(
            "amazon", self.vendor, settings=settings, secrets=self.vendor.secrets()
        )
        self._own = await create_connection(
            self.brand.conn, self.brand.hub.vault,
            name="own", connector="manual", settings={}, secrets={},
        )  # fmt: skip
        accounts = await load_accounts(self.brand.conn, self.brand.hub.vault)
        self.brand.hub.use_connections(account.connection for account in accounts)
        await self.brand.poll("amazon", "listings")
        await self.brand.apply()
        await self.move("opening", OPENING)
        await self.work(rounds=3)

    async def move(self, kind: str, units: int, skus: list[str] | None = None) -> None:
        """Report a movement of some SKUs, of all where none are named."""
        folder, now = self.brand.hub.connectors["manual"], self.brand.clock.now()
        events = []
        for sku in skus or self.skus:
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
        for start in range(0, len(events), 500):
            await append_events(self.brand.conn, self.brand.hub.vault, events[start : start + 500])
        await self.brand.apply()

    async def work(self, rounds: int = 8, *, seconds: float = 130) -> None:
        """Send what is due and look after what was taken in, while time passes."""
        for _ in range(rounds):
            await self.brand.work("amazon")
            async with self.brand.dispatcher("amazon") as line:
                await line.check_submitted()
            await self.brand.apply()
            self.brand.clock.advance(seconds)

    def calls(self) -> Counter[str]:
        """Return the calls by operation; signing in is none."""
        return Counter(c.scope for c in self.vendor.calls if c.scope != "token")

    def shown(self) -> dict[str, int]:
        return {sku: self.vendor.units_of(sku) for sku in self.skus}

    async def states(self) -> Counter[str]:
        return Counter(s for (s,) in await self.brand.rows("SELECT state FROM outbox.intent"))


async def opened(brand: Brand, products: int) -> Stage:
    stage = Stage(brand, products)
    await stage.open()
    return stage


async def test_a_thousand_products_cost_few_calls_and_are_read_back(database_url: str) -> None:
    async with open_brand(database_url) as brand:
        stage = await opened(brand, 1_000)
        before = stage.calls()
        await stage.move("receipt", 7)
        await stage.work()
        made = stage.calls() - before
        print(f"\n1000 products, {made.total()} calls: {dict(made)}")
        assert set(stage.shown().values()) == {57}
        assert made["createFeed"] == 1
        assert made["patchListingsItem"] == 0
        assert made["searchListingsItems"] > 0, "nothing was read back"
        assert made.total() / 1_000 <= CALLS_PER_PRODUCT_MAX
        assert await stage.states() == Counter(settled=1_000)
        assert await brand.rows("SELECT FROM outbox.call WHERE state = 'submitted'") == []
        assert stage.vendor.over_limit == 0


async def test_few_go_one_by_one(database_url: str) -> None:
    async with open_brand(database_url) as brand:
        stage = await opened(brand, 12)
        before = stage.calls()
        await stage.move("receipt", 7)
        await stage.work()
        made = stage.calls() - before
        assert (made["patchListingsItem"], made["createFeed"]) == (12, 0)
        assert set(stage.shown().values()) == {57}


async def test_only_the_message_that_is_refused_is_given_up(database_url: str) -> None:
    async with open_brand(database_url) as brand:
        stage = await opened(brand, 40)
        bad = stage.skus[7]
        stage.vendor.listings[bad].by_amazon = True
        await stage.move("receipt", 7)
        await stage.work()
        assert {sku for sku, units in stage.shown().items() if units != 57} == {bad}
        dead = await brand.rows("SELECT key, believed FROM outbox.intent WHERE state = 'dead'")
        assert dead == [(bad, OPENING)]
        issues = await brand.rows(
            "SELECT ref, found FROM intake.issue WHERE code = 'outbox.given_up' AND closed_at IS NULL"
        )
        assert [(ref.rsplit("/", 1)[1], found) for ref, found in issues] == [(bad, "90227")]


async def test_what_was_accepted_and_does_not_stand_there_is_found_and_told(
    database_url: str,
) -> None:
    """The feed's own report says that it took all; one of those that are read shows otherwise."""
    async with open_brand(database_url) as brand:
        stage = await opened(brand, 600)
        lowest, highest = stage.skus[3], stage.skus[4]
        await stage.move("receipt", 1, [s for s in stage.skus if s != lowest])
        await stage.work()
        stage.vendor.stubborn |= {lowest, highest}
        await stage.move("adjustment", -7)
        await stage.work(14)
        assert "stock.not_applied" in await brand.issues()
        stage.vendor.stubborn.clear()
        await stage.work(14)
        shown = stage.shown()
        assert shown.pop(lowest) == OPENING - 7
        assert shown.pop(highest) == OPENING - 6, "the others of the batch were not read"
        assert set(shown.values()) == {OPENING - 6}


async def test_a_newer_number_is_not_left_overwritten_by_an_older_feed(database_url: str) -> None:
    """It is said at once, while the feed is at work; the feed then writes over it."""
    async with open_brand(database_url) as brand:
        stage = await opened(brand, 40)
        sku = stage.skus[11]
        await stage.move("receipt", 7)
        await brand.work("amazon")
        brand.clock.advance(10)
        stage.vendor.apply_s = 1.0
        await stage.move("adjustment", -20, [sku])
        await brand.work("amazon")
        brand.clock.advance(5)
        assert stage.vendor.units_of(sku) == 37
        brand.clock.advance(120)
        stage.vendor.apply_due()
        assert stage.vendor.units_of(sku) == 57, "the feed wrote nothing over: the test is void"
        await stage.work(4, seconds=70)
        assert stage.vendor.units_of(sku) == 37
        assert {u for s, u in stage.shown().items() if s != sku} == {57}


@pytest.mark.parametrize(
    "operation", ["createFeedDocument", "upload", "getFeed", "getFeedDocument", "download"]
)
@pytest.mark.parametrize("kind", ["status", "reset_after_work"])
async def test_every_step_may_fail(database_url: str, operation: str, kind: str) -> None:
    async with open_brand(database_url) as brand:
        stage = await opened(brand, 30)
        fault = ApiFault(kind=kind, status=500, next_calls=1, operation=operation)  # type: ignore[arg-type]
        stage.vendor.strike(fault)
        await stage.move("receipt", 7)
        await stage.work(10)
        assert set(stage.shown().values()) == {57}
        assert await stage.states() == Counter(settled=30)
        assert stage.vendor.faults.struck, "the step was not taken"


@pytest.mark.parametrize("kind", ["reset", "reset_after_work"])
async def test_a_feed_of_which_nobody_knows_is_read_back(database_url: str, kind: str) -> None:
    async with open_brand(database_url) as brand:
        stage = await opened(brand, 30)
        fault = ApiFault(kind=kind, next_calls=1, operation="createFeed")  # type: ignore[arg-type]
        stage.vendor.strike(fault)
        await stage.move("receipt", 7)
        await stage.work(20)
        assert set(stage.shown().values()) == {57}
        assert await stage.states() == Counter(settled=30)


async def test_a_feed_that_dies_is_said_again(database_url: str) -> None:
    async with open_brand(database_url) as brand:
        stage = await opened(brand, 30)
        await stage.move("receipt", 7)
        await brand.work("amazon")
        (feed,) = stage.vendor.feeds.values()
        feed["processingStatus"] = "FATAL"
        await stage.work(20)
        assert set(stage.shown().values()) == {57}
