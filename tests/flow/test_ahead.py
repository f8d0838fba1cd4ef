"""Units sold ahead: what is to come is offered, in step with what comes, and never twice."""

import asyncio
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.flow.command import Commands
from tests.flow.test_dock import TRANSFER
from tests.support.spine import Spine, open_spine
from trueup.canon.dock import ArrivalLine, ArrivalSource, TransferLine
from trueup.canon.purchase import PurchaseLine, PurchaseState
from trueup.db.pool import connect
from trueup.intake.connections import load_accounts
from trueup.kernel.clock import ManualClock
from trueup.outbox.ahead import tend_ahead
from trueup.outbox.offers import read_offers
from trueup.pipeline import Applier
from trueup.warehouse.book import Desk, body_of
from trueup.warehouse.dock import Dock, arrival_of, purchase_of, transfer_of

pytestmark = pytest.mark.anyio

LATER = "2026-03-02T00:00:00Z"
PURCHASE = ArrivalSource.PURCHASE


class Brand:
    """A shop that sells TEE ahead, with a dock whose clock can be moved."""

    def __init__(self, spine: Spine) -> None:
        self.spine = spine
        self.clock = ManualClock(datetime.now(UTC))
        self.dock = Dock(Desk(spine.hub, clock=self.clock))

    async def opens(self, *, units: int = 5, **rule: Any) -> None:
        await self.spine.take(
            self.spine.product(1, "TEE"), self.spine.movement("o", "opening", "TEE", units)
        )
        await self.spine.take(self.spine.rule(sku="TEE", **({"ahead_incoming": True} | rule)))

    def on(self, days: int) -> date:
        return self.clock.now().date() + timedelta(days=days)

    async def orders(
        self, ref: str, *lines: tuple[str, int], in_days: int | None = 5, **more: Any
    ) -> None:
        self.clock.advance(seconds=1)
        told = [
            PurchaseLine(ref=str(n), sku=sku, quantity=units)
            for n, (sku, units) in enumerate(lines, start=1)
        ]
        on = None if in_days is None else self.on(in_days)
        purchase = purchase_of(ref, told, site="main", now=self.clock.now(), expected_on=on)
        await self.dock.order(self.spine.conn, purchase, **more)

    async def gets(self, ref: str, *lines: ArrivalLine, **of: Any) -> None:
        self.clock.advance(seconds=1)
        arrival = arrival_of(ref, list(lines), site="main", now=self.clock.now(), **of)
        await self.dock.arrive(self.spine.conn, arrival)

    async def offer(self, name: str = "north", key: str = "TEE") -> int:
        offered: int = await self.spine.one(
            "SELECT value FROM outbox.intent WHERE connection_id = %s AND key = %s",
            *(self.spine.numbers[name], key),
        )
        return offered

    async def tends(self, **passed: float) -> None:
        now = self.clock.now() + timedelta(**passed)
        await tend_ahead(self.spine.conn, self.spine.hub.sell_sites, now=now)


def came(units: int, damaged: int = 0, sku: str = "TEE") -> ArrivalLine:
    return ArrivalLine(sku=sku, quantity=units, damaged=damaged)


async def test_what_is_to_come_is_offered_and_received_without_a_jump(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        brand = Brand(spine)
        await brand.opens()
        assert await brand.offer() == 5
        await brand.orders("PO-1", ("TEE", 10))
        assert await brand.offer() == 15
        of = {"source": PURCHASE, "source_ref": "PO-1"}
        await brand.gets("r1", came(6), **of)
        assert await brand.offer() == 15
        await brand.gets("r2", came(1, 2), **of)  # two are damaged and will never be sold
        assert await brand.offer() == 13
        await brand.gets("r3", came(4), **of)  # three more than ordered
        assert await brand.offer() == 16
        assert await spine.stock("TEE") == {
            "available": 16, "on_hand": 16, "quarantine": 2, "supplier": -18,
        }  # fmt: skip
        await brand.dock.undo_arrival(spine.conn, "r3")
        assert await brand.offer() == 13


async def test_what_was_sold_ahead_is_not_offered_again(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        brand = Brand(spine)
        await brand.opens(units=1)
        await brand.orders("PO-1", ("TEE", 4))
        await spine.take(*(spine.order(n, "TEE") for n in range(3)))
        assert (await spine.stock("TEE"))["available"] == -2
        assert await brand.offer() == 2
        await brand.gets("r", came(4), source=PURCHASE, source_ref="PO-1")
        assert await brand.offer() == 2
        assert (await spine.stock("TEE"))["available"] == 2


async def test_a_purchase_order_that_is_cancelled_or_reduced_lowers_it(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        brand = Brand(spine)
        await brand.opens()
        await brand.orders("PO-1", ("CUP", 1), ("TEE", 10))
        await brand.orders("PO-2", ("TEE", 3))
        assert await brand.offer() == 18
        await brand.orders("PO-1", ("CUP", 1), ("TEE", 4), restate=True)
        assert await brand.offer() == 12
        await brand.orders("PO-1", ("CUP", 1), restate=True)  # its line is gone altogether
        assert await brand.offer() == 8
        await brand.orders("PO-1", ("TEE", 9), restate=True)  # its line is another SKU's now
        assert await brand.offer() == 17
        await brand.orders("PO-1", ("CUP", 9), restate=True)
        assert await brand.offer() == 8
        await brand.dock.end_purchase(spine.conn, "PO-2", PurchaseState.CANCELLED)
        assert await brand.offer() == 5


async def test_one_that_is_late_or_of_no_day_counts_nothing(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        brand = Brand(spine)
        await brand.opens()
        await brand.orders("PO-1", ("TEE", 10), in_days=2)
        await brand.orders("PO-2", ("TEE", 20), in_days=None)
        await brand.orders("PO-3", ("TEE", 40), in_days=-2)
        assert await brand.offer() == 15
        await brand.tends()
        assert await brand.offer() == 15
        await brand.tends(days=2)
        assert await brand.offer() == 15, "its day is not over"
        await brand.tends(days=3)
        assert await brand.offer() == 5


async def test_only_what_comes_within_the_days_counts_and_never_more_than_the_cap(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        brand = Brand(spine)
        await brand.opens(ahead_days=10, ahead=12)
        await brand.orders("PO-1", ("TEE", 7), in_days=10)
        await brand.orders("PO-2", ("TEE", 8), in_days=14)
        assert await brand.offer() == 12
        await brand.tends(days=4)
        assert await brand.offer() == 17, "the cap is 12"
        await spine.take(spine.rule(sku="TEE", ahead_incoming=True, ahead_days=10, at=LATER))
        assert await brand.offer() == 12, "by today's day; and without a cap"
        await brand.tends(days=4)
        assert await brand.offer() == 20


async def test_a_rule_that_ends_takes_it_back_and_an_old_one_counts_as_before(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        brand = Brand(spine)
        await brand.orders("PO-1", ("TEE", 10))
        await brand.opens(ahead_incoming=None, ahead=3)
        assert await brand.offer() == 8
        await spine.take(spine.rule(sku="TEE", ahead_incoming=True, at="2026-03-02T00:00:00Z"))
        assert await brand.offer() == 15
        await spine.take(spine.rule(sku="TEE", ahead=2, at="2026-03-03T00:00:00Z"))
        assert await brand.offer() == 7
        await spine.take(spine.rule(sku="TEE", removed=True, at="2026-03-04T00:00:00Z"))
        assert await brand.offer() == 5
        assert await spine.one("SELECT incoming FROM outbox.intent") == 0


async def test_a_rule_of_the_channel_counts_for_listings_that_come_later(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        brand = Brand(spine)
        await spine.take(spine.rule(ahead_incoming=True, ahead=6))
        await brand.orders("PO-1", ("TEE", 10), ("CUP", 2))
        await spine.take(
            spine.movement("o", "opening", "TEE", 5),
            spine.movement("p", "opening", "CUP", 5),
            *(spine.product(1, "TEE"), spine.product(2, "CUP")),
            spine.product(1, "TEE", name="south"),
        )
        assert await brand.offer() == 11
        assert await brand.offer(key="CUP") == 7
        assert await brand.offer("south") == 5, "it has no such rule"
        await spine.take(spine.rule(sku="CUP", ahead_incoming=False))
        # The number of the channel's rule counts, because nothing to come does.
        assert await brand.offer(key="CUP") == 11


async def test_what_comes_to_another_site_is_not_for_a_channel_that_does_not_sell_from_it(
    database_url: str,
) -> None:
    async with open_spine(database_url, "north", sell_sites="store") as spine:
        brand = Brand(spine)
        await brand.opens(units=9)
        await brand.orders("PO-1", ("TEE", 10))
        assert await brand.offer() == 0
        transfer = transfer_of(
            *("t-1", [TransferLine(sku="TEE", quantity=4)]),
            from_site="main", to_site="store", now=brand.clock.now(), expected_on=brand.on(1),
        )  # fmt: skip
        await brand.dock.send(spine.conn, transfer)
        assert await brand.offer() == 4
        arrival = arrival_of(
            *("a-1", [came(3)]),
            site="store", now=brand.clock.now(), source=TRANSFER, source_ref="t-1",
        )  # fmt: skip
        await brand.dock.arrive(spine.conn, arrival)
        assert await brand.offer() == 4
        await brand.dock.close_transfer(spine.conn, "t-1")
        assert await brand.offer() == 3


async def test_a_transfer_is_to_come_for_a_channel_that_sells_from_both_sites(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        brand = Brand(spine)
        await brand.opens(units=9)
        lines = [TransferLine(sku="TEE", quantity=4)]
        transfer = transfer_of(
            "t-1", lines, from_site="main", to_site="store", now=brand.clock.now(),
            expected_on=brand.on(1),
        )  # fmt: skip
        await brand.dock.send(spine.conn, transfer)
        assert (await spine.stock("TEE"))["available"] == 5
        assert await brand.offer() == 9


async def test_a_changed_setting_of_sites_is_seen_by_the_duty(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        brand = Brand(spine)
        await brand.opens()
        await brand.orders("PO-1", ("TEE", 10))
        assert await brand.offer() == 15
        await spine.rows(
            'UPDATE intake.connection SET settings = settings || \'{"sell_sites": "store"}\''
            " WHERE name = 'north' RETURNING 1"
        )
        accounts = await load_accounts(spine.conn, spine.hub.vault)
        spine.hub.use_connections(account.connection for account in accounts)
        await brand.tends()
        assert await spine.one("SELECT ahead FROM outbox.intent") == 0


async def test_a_changed_offer_is_due_and_one_that_is_dead_is_tried_again(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        brand = Brand(spine)
        await brand.opens(ahead=20)
        await spine.rows("UPDATE outbox.intent SET believed = 5, state = 'settled' RETURNING 1")
        await brand.orders("PO-1", ("TEE", 10))
        state = "SELECT state, attempts FROM outbox.intent"
        assert await spine.rows(state) == [("due", 0)]
        await spine.rows("UPDATE outbox.intent SET state = 'dead', attempts = 9 RETURNING 1")
        await brand.orders("PO-2", ("TEE", 10))
        assert await spine.rows(state) == [("due", 0)]
        await spine.rows("UPDATE outbox.intent SET state = 'dead', attempts = 9 RETURNING 1")
        await brand.orders("PO-3", ("TEE", 10))  # over the cap: the same number as was given up
        assert await spine.rows(state) == [("dead", 9)]
        await spine.rows("UPDATE outbox.intent SET state = 'sending', attempts = 0 RETURNING 1")
        await brand.dock.end_purchase(spine.conn, "PO-1", PurchaseState.CANCELLED)
        await brand.dock.end_purchase(spine.conn, "PO-2", PurchaseState.CANCELLED)
        assert await spine.rows(state) == [("sending", 0)]
        assert await brand.offer() == 15


async def test_it_is_told_beside_the_offer(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        brand = Brand(spine)
        await brand.opens(ahead_days=30, ahead=6)
        await brand.orders("PO-1", ("TEE", 10))
        found = await read_offers(spine.conn, "TEE", now=brand.clock.now(), names=spine.hub.names())
        assert found is not None
        [channel] = found.channels
        told = (channel.offered, channel.ahead, channel.ahead_max, channel.incoming)
        assert told == (11, 6, 6, 10)
        assert (channel.ahead_incoming, channel.ahead_days) == (True, 30)


async def test_the_command_line_tells_of_how_many_it_is(tmp_path: Path, database_url: str) -> None:
    async with open_spine(database_url) as spine:
        brand = Brand(spine)
        await brand.opens(ahead=6)
        await brand.orders("PO-1", ("TEE", 10))
    trueup = Commands(tmp_path, database_url)
    [channel] = (await trueup.in_thread("stock", "offers", "TEE"))["channels"]
    assert (channel["ahead"], channel["incoming"], channel["ahead_days"]) == (6, 10, None)
    _, text = await asyncio.to_thread(trueup.run, "stock", "offers", "TEE")
    assert "6 of 10 to come" in text


async def test_two_batches_at_once_count_all_that_is_to_come(database_url: str) -> None:
    """Each sees its own purchase order first; who writes last has seen both."""
    async with open_spine(database_url) as spine:
        brand = Brand(spine)
        await brand.opens()
        second = await connect(database_url, application_name="test-second")
        try:
            appliers = [spine.applier, Applier(second, spine.hub)]
            for turn in range(10):
                for n in range(2):
                    ref = f"PO-{turn}-{n}"
                    line = PurchaseLine(ref="1", sku="TEE", quantity=1)
                    purchase = purchase_of(
                        ref, [line], site="main", now=brand.clock.now(), expected_on=brand.on(9)
                    )
                    event = spine.told("stock/purchase", ref)
                    told = {"body": body_of(purchase), "entity": purchase.entity()}
                    await spine.append(msgspec.structs.replace(event, **told))
                events = await spine.claimed()
                assert len(events) == 2
                await asyncio.gather(*(a.apply([e]) for a, e in zip(appliers, events, strict=True)))
                assert await spine.parked() == []
                assert await brand.offer() == 5 + 2 * (turn + 1)
        finally:
            await second.close()


@pytest.mark.parametrize("seed", range(4))
async def test_the_offer_is_always_what_is_left_and_what_is_to_come(
    database_url: str, seed: int
) -> None:
    """Whatever happens in whatever order: on hand less sold, and what has not come yet."""
    rng = random.Random(seed)
    async with open_spine(database_url) as spine:
        brand = Brand(spine)
        await brand.opens(units=5)
        open_orders: dict[str, int] = {}
        ordered: dict[str, int] = {}
        for turn in range(40):
            what = rng.choice(("order", "arrive", "arrive", "sell", "cancel", "reduce"))
            named = rng.choice(sorted(open_orders)) if open_orders else None
            if what == "order":
                units = rng.randrange(1, 9)
                await brand.orders(f"PO-{turn}", ("TEE", units))
                open_orders[f"PO-{turn}"] = ordered[f"PO-{turn}"] = units
            elif what == "sell":
                await spine.take(spine.order(1000 + turn, "TEE"))
            elif named is not None and what == "arrive":
                units = rng.randrange(1, 9)
                await brand.gets(f"r-{turn}", came(units), source=PURCHASE, source_ref=named)
                open_orders[named] = max(0, open_orders[named] - units)
            elif named is not None and what == "cancel":
                await brand.dock.end_purchase(spine.conn, named, PurchaseState.CANCELLED)
                del open_orders[named]
            elif named is not None and what == "reduce" and open_orders[named] == ordered[named]:
                ordered[named] = open_orders[named] = rng.randrange(1, 4)
                await brand.orders(named, ("TEE", ordered[named]), restate=True)
            available = (await spine.stock("TEE")).get("available", 0)
            assert await brand.offer() == max(0, available + sum(open_orders.values())), what
