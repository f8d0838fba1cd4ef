"""Lots over a real database: received, sold, sent on, expired, told in any order."""

import os
import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from tests.flow.test_dock import TRANSFER, assert_sound, came, dock_of, of, sent, told_of
from tests.support.database import fresh_database
from tests.support.spine import Spine, open_spine
from trueup.canon.dock import Arrival, ArrivalLine, Transfer, TransferLine
from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.record import Record
from trueup.errors import ConfigError
from trueup.kernel.clock import ManualClock
from trueup.ledger.lots import prove_lots, shelves_of
from trueup.warehouse.book import Desk
from trueup.warehouse.expiry import look_at_lots

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TODAY = NOW.date()


def lotted(ref: str, *lines: tuple[str, int, str, str | None], **more: Any) -> Arrival:
    told = tuple(
        ArrivalLine(
            sku=sku, quantity=units, lot=lot, expires_on=None if ends is None else date.fromisoformat(ends)
        )
        for sku, units, lot, ends in lines
    )  # fmt: skip
    occurred_at = more.pop("occurred_at", NOW)
    arrival = came(ref, ("A", 1), **more)
    return msgspec.structs.replace(arrival, lines=told, occurred_at=occurred_at)


async def lots(spine: Spine, sku: str = "A", site: str = "main", day: date = TODAY) -> Any:
    shelf = (await shelves_of(spine.conn, [sku], day)).get((sku, site))
    if shelf is None:
        return None
    return [(lot.code, lot.units) for lot in shelf.lots], shelf.unlotted


async def test_what_is_sold_takes_the_first_to_expire(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = dock_of(spine)
        await dock.arrive(spine.conn, came("old", ("A", 2)))
        assert await lots(spine) is None
        two = lotted("r", ("A", 5, "L2", "2026-09-01"), ("A", 5, "L1", "2026-06-01"))
        await dock.arrive(spine.conn, two)
        assert await lots(spine) == ([("L1", 5), ("L2", 5)], 2)
        sold = (NOW + timedelta(hours=1)).isoformat()
        await spine.take(spine.movement("sold", "adjustment", "A", -4, occurred_at=sold))
        assert await lots(spine) == ([("L1", 3), ("L2", 5)], 0)
        # Told late, it left before the lots came: it took one of those without a lot.
        before = (NOW - timedelta(hours=1)).isoformat()
        await spine.take(spine.movement("late", "adjustment", "A", -1, occurred_at=before))
        assert await lots(spine) == ([("L1", 2), ("L2", 5)], 0)
        # A count says how many lie there, and not of which lot.
        counted = (NOW + timedelta(hours=2)).isoformat()
        await spine.take(spine.movement("c", "count", "A", 5, occurred_at=counted))
        assert await lots(spine) == ([("L2", 5)], 0)
        await prove_lots(spine.conn, TODAY)
        await assert_sound(spine)


async def test_a_correction_and_an_undo_take_their_lots_back(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = dock_of(spine)
        await dock.arrive(spine.conn, lotted("r", ("A", 5, "L1", None)))
        await dock.arrive(spine.conn, lotted("r", ("A", 4, "L9", None)), restate=True)
        assert await lots(spine) == ([("L9", 4)], 0)
        await dock.undo_arrival(spine.conn, "r")
        assert await lots(spine) is None
        await prove_lots(spine.conn, TODAY)
        with pytest.raises(ConfigError, match="/lines"):
            await dock.arrive(spine.conn, lotted("r2", ("A", 4, "", "2026-09-01")))


async def test_a_lot_goes_with_a_transfer(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        dock = dock_of(spine)
        await dock.arrive(
            spine.conn, lotted("r", ("A", 5, "L1", "2026-06-01"), ("A", 5, "L2", "2026-09-01"))
        )
        moved = msgspec.structs.replace(
            sent("t", ("A", 1)),
            lines=(TransferLine(sku="A", quantity=3, lot="L2"),),
            occurred_at=NOW + timedelta(hours=1),
        )
        await dock.send(spine.conn, moved)
        assert await lots(spine) == ([("L1", 5), ("L2", 2)], 0)
        there = lotted("a", ("A", 3, "L2", None), site="shop", **of(TRANSFER, "t"))
        await dock.arrive(
            spine.conn, msgspec.structs.replace(there, occurred_at=NOW + timedelta(hours=2))
        )
        assert await lots(spine, site="shop") == ([("L2", 3)], 0)
        await prove_lots(spine.conn, TODAY)
        await assert_sound(spine)


async def test_an_expired_lot_is_told_before_and_set_aside_on_the_day_after(
    database_url: str,
) -> None:
    async with open_spine(database_url) as spine:
        clock = ManualClock(NOW)
        desk = Desk(spine.hub, clock=clock)
        assert await look_at_lots(spine.conn, desk) == 0
        await dock_of(spine).arrive(
            spine.conn, lotted("r", ("A", 5, "L1", "2026-04-10"), ("A", 2, "L2", "2026-12-01"))
        )
        assert await look_at_lots(spine.conn, desk) == 0
        assert await spine.open_issues() == []
        clock.advance(days=20)
        await look_at_lots(spine.conn, desk)
        assert await spine.open_issues() == ["stock.lot_expiring"]
        clock.advance(days=19)  # the last good day
        assert await look_at_lots(spine.conn, desk) == 0
        assert (await spine.stock("A"))["available"] == 7
        clock.advance(days=1)
        assert await look_at_lots(spine.conn, desk) == 5
        assert await look_at_lots(spine.conn, desk) == 0
        stock = await spine.stock("A")
        assert (stock["available"], stock["quarantine"]) == (2, 5)
        assert await lots(spine, day=clock.now().date()) == ([("L2", 2)], 0)
        assert await spine.open_issues() == []
        # More of it turns up: it is set aside as well.
        late = lotted("r2", ("A", 3, "L1", None), occurred_at=clock.now())
        await dock_of(spine, clock).arrive(spine.conn, late)
        clock.advance(seconds=60)
        assert await look_at_lots(spine.conn, desk) == 3
        await prove_lots(spine.conn, clock.now().date())
        await assert_sound(spine)


def a_life(pick: random.Random) -> list[tuple[str, Record]]:
    told: list[tuple[str, Record]] = []
    for n in range(pick.randrange(3, 12)):
        at = NOW + timedelta(minutes=pick.randrange(6) * 10)
        kind = pick.choice(("arrival", "arrival", "movement", "transfer", "count"))
        lot = pick.choice(("L1", "L2", "L3"))
        if kind == "arrival":
            ends = {"L1": "2026-06-01", "L2": "2026-09-01", "L3": None}[lot]
            record: Record = lotted(f"r{n}", ("A", pick.randrange(1, 9), lot, ends), occurred_at=at)
            if pick.random() < 0.4:
                told.append(("stock/arrival", _later(record, n)))
                record = msgspec.structs.replace(
                    record, deleted=pick.random() < 0.5, lines=(ArrivalLine(sku="A", quantity=2),)
                )
        elif kind == "transfer":
            line = TransferLine(
                sku="A", quantity=pick.randrange(1, 5), lot=pick.choice((lot, None))
            )
            record = Transfer(
                ref=f"t{n}", updated_at=at, from_site="main", to_site="shop", lines=(line,), occurred_at=at
            )  # fmt: skip
        else:
            count = kind == "count"
            record = StockMovement(
                ref=f"m{n}", updated_at=at, occurred_at=at, sku="A", site="main",
                movement=MovementKind.COUNT if count else MovementKind.ADJUSTMENT,
                quantity=pick.randrange(12) if count else -pick.randrange(1, 6),
                lot=None if count else pick.choice((lot, None)),
            )  # fmt: skip
        topic = {"arrival": "stock/arrival", "transfer": "stock/transfer"}.get(
            kind, "stock/movement"
        )
        told.append((topic, _later(record, n + 0.5)))
    return told


def _later(record: Record, n: float) -> Record:
    return msgspec.structs.replace(record, updated_at=NOW + timedelta(days=1, minutes=n))


@pytest.mark.parametrize("seed", range(int(os.environ.get("TRUEUP_EXAMPLES", "6"))))
async def test_any_order_and_any_repeats_leave_the_same_lots(server_url: str, seed: int) -> None:
    pick = random.Random(seed)
    life = a_life(pick)
    mixed = life + pick.choices(life, k=len(life))
    pick.shuffle(mixed)
    found = []
    for told, batch in ((life, 1), (mixed, pick.choice((1, 4, 50)))):
        with fresh_database(server_url) as url:
            async with open_spine(url) as spine:
                await spine.append(*(told_of(spine, topic, record) for topic, record in told))
                await spine.apply(count=batch)
                await prove_lots(spine.conn, TODAY)
                await assert_sound(spine)
                found.append(await shelves_of(spine.conn, None, TODAY))
    assert found[0] == found[1]
