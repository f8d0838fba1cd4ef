"""Late, repeated, reordered: the same bodies end in the same records and the same ledger.

TRUEUP_EXAMPLES sets how many orders are tried: 30 by default, 500 for a release.
"""

import asyncio
import os
import random
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from tests.flow.day import play
from tests.support.shopify_bodies import recorded
from tests.support.spine import Spine, open_spine
from trueup.db.pool import connect
from trueup.intake.append import append_events
from trueup.intake.claim import claim_events
from trueup.intake.model import NewEvent
from trueup.kernel.limits import PARTITIONS
from trueup.ledger.money_book import prove_money
from trueup.ledger.proof import prove_ledger
from trueup.pipeline import Applier

EXAMPLES = int(os.environ.get("TRUEUP_EXAMPLES", "30"))

# What must be equal at the end, whatever the order was.
QUESTIONS = {
    "records": """
        SELECT r.connection_id, r.kind, r.ref, r.entity, r.number, r.updated_at, r.raised_at, r.digest, r.deleted,
          r.occurred_at, v.body::text
        FROM records.record r
        JOIN records.version v ON v.record_id = r.record_id AND v.event_id = r.event_id
        ORDER BY r.connection_id, r.kind, r.ref""",
    "positions": """
        SELECT r.kind, r.ref, s.code, p.place, p.site, sum(p.units)
        FROM ledger.posting p JOIN records.record r USING (record_id) JOIN ledger.sku s USING (sku_id)
        GROUP BY r.kind, r.ref, s.code, p.place, p.site HAVING sum(p.units) <> 0
        ORDER BY r.kind, r.ref, s.code, p.place, p.site""",
    "money": """
        SELECT r.kind, r.ref, p.account, p.item, p.currency, sum(p.amount)
        FROM ledger.money_posting p JOIN records.record r USING (record_id)
        GROUP BY r.kind, r.ref, p.account, p.item, p.currency HAVING sum(p.amount) <> 0
        ORDER BY r.kind, r.ref, p.account, p.item, p.currency""",
    "balances": """
        SELECT s.code, b.supplier, b.on_hand, b.in_transit, b.reserved, b.demand, b.customer,
          b.quarantine, b.loss, b.counted
        FROM ledger.balance b JOIN ledger.sku s USING (sku_id)
        WHERE b.sequence > 0 ORDER BY s.code""",
    "sites": """
        SELECT s.code, b.site, b.on_hand, b.quarantine
        FROM ledger.site_balance b JOIN ledger.sku s USING (sku_id)
        WHERE b.on_hand <> 0 OR b.quarantine <> 0 ORDER BY s.code, b.site""",
    "listings": """
        SELECT variant_ref, item_ref, sku, product_ref, title, stocked, active
        FROM records.listing ORDER BY variant_ref""",
    "intents": "SELECT key, available, target::text FROM outbox.intent ORDER BY key",
    "oversold": """
        SELECT ref FROM intake.issue
        WHERE code = 'stock.oversold' AND closed_at IS NULL ORDER BY ref""",
    "parked": """
        SELECT DISTINCT e.topic, e.entity, p.cause
        FROM intake.parked p JOIN intake.event e USING (event_id)
        ORDER BY e.topic, e.entity, p.cause""",
    "waiting": "SELECT count(*) FROM intake.queue",
}
_EMPTIED = (
    *("intake.event", "intake.dedupe", "intake.event_key", "intake.queue", "intake.parked"),
    *("intake.issue", "govern.person", "govern.erasure", "records.record", "records.version"),
    *("records.listing", "records.link", "ledger.sku", "ledger.transaction", "ledger.posting"),
    *("ledger.balance", "ledger.site_balance", "ledger.proof", "ledger.money_posting"),
    *("outbox.intent",),
    *("outbox.call_intent", "outbox.call", "outbox.fetch"),
)

State = dict[str, list[tuple[Any, ...]]]


class Bench:
    """One database, emptied between tries, and two sessions that apply side by side."""

    def __init__(self, spine: Spine, other: psycopg.AsyncConnection[Any]) -> None:
        self.spine = spine
        self.other = other

    async def state_after(self, events: Sequence[NewEvent], pick: random.Random) -> State:
        """Return what the database says after these deliveries, in batches cut at random."""
        await self._empty()
        spine = self.spine
        appliers = [Applier(conn, spine.hub) for conn in (spine.conn, self.other)]
        waiting = list(events)
        while waiting:
            cut = pick.choice((1, 7, 40, 250))
            await append_events(spine.conn, spine.hub.vault, waiting[:cut])
            del waiting[:cut]
            if pick.random() < 0.5:
                await self._apply(appliers, pick)
        await self._apply(appliers, pick)
        proof = await prove_ledger(spine.conn)
        assert proof.holds, proof
        money = await prove_money(spine.conn)
        assert money.holds, money
        return {name: await spine.rows(query) for name, query in QUESTIONS.items()}

    async def _apply(self, appliers: Sequence[Applier], pick: random.Random) -> None:
        partitions = list(range(PARTITIONS))
        pick.shuffle(partitions)
        middle = pick.randrange(PARTITIONS + 1)
        shares = (partitions[:middle], partitions[middle:])
        count = pick.choice((3, 50, 500))

        async def work(conn: Any, applier: Applier, mine: Sequence[int]) -> None:
            while batch := await claim_events(conn, mine, count):
                await applier.apply(batch)

        conns = (self.spine.conn, self.other)
        await asyncio.gather(*map(work, conns, appliers, shares))

    async def _empty(self) -> None:
        url = make_conninfo(self.spine.conninfo, user="postgres")
        async with await connect(url, application_name="test") as conn:
            await conn.execute("SET session_replication_role = replica")
            for name in _EMPTIED:
                await conn.execute(f"DELETE FROM {name}".encode())  # noqa: S608 - our own names


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def bench(runner: asyncio.Runner, module_database_url: str) -> Iterator[Bench]:
    opened = open_spine(module_database_url, "north", "south")
    spine = runner.run(opened.__aenter__())
    other = runner.run(connect(module_database_url, application_name="test"))
    yield Bench(spine, other)
    runner.run(other.close())
    runner.run(opened.__aexit__())


def deliveries_of_a_day(spine: Spine) -> list[NewEvent]:
    told, units = play(seed=11, orders=40, skus=12)
    openings = [spine.movement(f"o-{sku}", "opening", sku, n) for sku, n in units.items()]
    hooks = [
        spine.delivery("north", t.topic, t.body, webhook_id=t.webhook_id, at=t.triggered_at)
        for t in told
    ]
    return openings + hooks


def recorded_deliveries(spine: Spine) -> list[NewEvent]:
    """Return every recorded webhook, those of each API version as if of a shop of its own."""
    shops = {"2020-04": "north", "2022-04": "south"}
    return [
        spine.delivery(shops[name.split("/")[1]], topic, body, webhook_id=name)
        for name, topic, body in recorded()
        if name.startswith("webhook-samples/") and name.split("/")[1] in shops
    ]


def astray(events: Sequence[NewEvent], pick: random.Random) -> list[NewEvent]:
    """Return the deliveries in another order, some twice, some twice under another id."""
    mixed = list(events)
    for event in pick.sample(mixed, k=int(len(mixed) * pick.random() * 0.5)):
        again = f"{event.external_id}-again" if pick.random() < 0.3 else event.external_id
        mixed.append(msgspec.structs.replace(event, external_id=again))
    pick.shuffle(mixed)
    return mixed


def assert_equal(expected: State, found: State) -> None:
    for name, rows in expected.items():
        assert found[name] == rows, name


def hold(runner: asyncio.Runner, bench: Bench, events: Sequence[NewEvent]) -> None:
    """Try `EXAMPLES` orders of the same deliveries."""
    expected = runner.run(bench.state_after(events, random.Random(0)))
    assert expected["waiting"] == [(0,)]
    assert expected["records"]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(seed=st.integers(min_value=1, max_value=2**32))
    @example(seed=1)
    def tried(seed: int) -> None:
        pick = random.Random(seed)
        assert_equal(expected, runner.run(bench.state_after(astray(events, pick), pick)))

    tried()


@pytest.mark.timeout(3600)
def test_a_day_ends_the_same_in_any_order(runner: asyncio.Runner, bench: Bench) -> None:
    events = deliveries_of_a_day(bench.spine)
    assert len({event.topic for event in events}) > 12
    hold(runner, bench, events)


@pytest.mark.shared
@pytest.mark.timeout(3600)
def test_recorded_bodies_end_the_same_in_any_order(runner: asyncio.Runner, bench: Bench) -> None:
    events = recorded_deliveries(bench.spine)
    assert len(events) > 20
    hold(runner, bench, events)
