"""Cycle counts: blind, in bins and rounds, beside the books of the instant, decided by another."""

import os
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.flow.test_dock import assert_sound, came, dock_of, on_hand, told_of
from tests.support.database import fresh_database
from tests.support.spine import Spine, open_spine
from trueup.canon.count import CountSheet, LineState, SheetState
from trueup.canon.record import Record, decode
from trueup.errors import ConfigError, KeyReused
from trueup.kernel.clock import ManualClock
from trueup.warehouse.book import Desk
from trueup.warehouse.counting import (
    ENTRY_TOPIC,
    LINE_TOPIC,
    MOVEMENT_TOPIC,
    SHEET_TOPIC,
    Counting,
    Missing,
    Said,
)

pytestmark = pytest.mark.anyio


class Hall:
    """A spine with a clock of its own, and somebody who counts."""

    def __init__(self, spine: Spine) -> None:
        self.spine = spine
        self.clock = ManualClock(datetime(2026, 3, 3, 8, tzinfo=UTC))
        self.counting = Counting(Desk(spine.hub, clock=self.clock))

    async def open(self, ref: str = "c1", *skus: str, **more: Any) -> None:
        now = self.clock.now()
        sheet = CountSheet(
            ref=ref, updated_at=now, created_at=now, site="main", state=SheetState.OPEN,
            skus=skus, **more,
        )  # fmt: skip
        await self.counting.open(self.spine.conn, sheet)

    async def enter(self, sku: str, units: int, by: str = "Ann", **more: Any) -> Any:
        self.clock.advance(seconds=60)
        key = more.pop("key", f"{random.getrandbits(64)}")
        ref = more.pop("ref", "c1")
        more["bin"] = more.pop("bin_name", "")
        said = Said(sku=sku, quantity=units, by=by, key=key, **more)
        return await self.counting.enter(self.spine.conn, ref, said)

    async def close(self, **more: Any) -> dict[str, tuple[str, int, int]]:
        self.clock.advance(seconds=60)
        sheet = await self.counting.close(self.spine.conn, "c1", **more)
        return {line.sku: (line.state.value, line.counted, line.variance) for line in sheet.lines}

    async def decide(self, sku: str, by: str, *, approve: bool = True) -> Any:
        self.clock.advance(seconds=60)
        return await self.counting.decide(self.spine.conn, "c1", sku, approve=approve, by=by)


async def filled(spine: Spine, **units: int) -> Hall:
    await dock_of(spine).arrive(spine.conn, came("r", *units.items()))
    return Hall(spine)


async def test_within_tolerance_is_booked_and_beyond_waits(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        hall = await filled(spine, A=10, B=100, C=5)
        await hall.open("c1", "A", "B", "C", tolerance_units=1, tolerance_percent=5)
        for sku, units in (("A", 9), ("B", 95), ("C", 7)):
            entry = await hall.enter(sku, units)
            assert not hasattr(entry, "book")
        assert await hall.close() == {
            "A": ("posted", 9, -1), "B": ("posted", 95, -5), "C": ("waiting", 7, 2),
        }  # fmt: skip
        assert [await on_hand(spine, sku) for sku in "ABC"] == [
            {"main": 9}, {"main": 95}, {"main": 5},
        ]  # fmt: skip
        for name in ("Ann", " ann ", "ANN"):
            with pytest.raises(ConfigError, match="another person"):
                await hall.decide("C", name)
        with pytest.raises(ConfigError, match="who decides"):
            await hall.decide("C", "  ")
        decided = await hall.decide("C", "Ben")
        assert (decided.state, decided.by) == (LineState.APPROVED, "Ben")
        assert await on_hand(spine, "C") == {"main": 7}
        with pytest.raises(ConfigError, match="Nothing of 'C' waits"):
            await hall.decide("C", "Ben")
        await assert_sound(spine)


async def test_a_sale_after_the_line_was_counted_is_no_variance(database_url: str) -> None:
    """Nor one before it of which we hear only after the sheet was closed."""
    async with open_spine(database_url) as spine:
        hall = await filled(spine, A=10)
        await hall.open("c1", "A")
        await hall.enter("A", 10)
        later = (hall.clock.now() + timedelta(seconds=5)).isoformat()
        await spine.take(spine.movement("sold", "adjustment", "A", -3, occurred_at=later))
        assert await hall.close() == {"A": ("posted", 10, 0)}
        assert await on_hand(spine, "A") == {"main": 7}
        before = (hall.clock.now() - timedelta(hours=1)).isoformat()
        await spine.take(spine.movement("late", "adjustment", "A", -2, occurred_at=before))
        assert await on_hand(spine, "A") == {"main": 7}
        await assert_sound(spine)


async def test_bins_add_up_and_of_one_bin_the_last_entry_counts(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        hall = await filled(spine, A=10)
        await hall.open("c1", "A")
        await hall.enter("A", 3, bin_name="shelf")
        await hall.enter("A", 4, "Ben", bin_name="pallet")
        await hall.enter("A", 6, "Ben", bin_name="shelf")
        mistake = "typed wrong"
        await hall.enter("A", 99, bin_name="cellar", key=mistake)
        await hall.counting.undo_entry(spine.conn, "c1", mistake)
        assert await hall.close() == {"A": ("posted", 10, 0)}
        await assert_sound(spine)


async def test_units_that_move_between_two_bins_entries_need_a_person(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        hall = await filled(spine, A=10)
        await hall.open("c1", "A", tolerance_units=5)
        await hall.enter("A", 4, bin_name="shelf")
        between = (hall.clock.now() + timedelta(seconds=5)).isoformat()
        await spine.take(spine.movement("sold", "adjustment", "A", -1, occurred_at=between))
        await hall.enter("A", 6, bin_name="pallet")
        assert await hall.close() == {"A": ("waiting", 10, 1)}
        await assert_sound(spine)


async def test_what_is_refused_is_counted_again(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        hall = await filled(spine, A=10, B=1)
        await hall.open("c1", "A", "B")
        await hall.enter("A", 1)
        await hall.enter("B", 1)
        await hall.close()
        await hall.decide("A", "Ben", approve=False)
        assert await on_hand(spine, "A") == {"main": 10}
        assert await hall.counting.missing(spine.conn, "c1") == ("A",)
        with pytest.raises(ConfigError, match="decided"):
            await hall.enter("B", 2)
        with pytest.raises(ConfigError, match="Not counted yet: A"):
            await hall.close()
        again = await hall.enter("A", 9, "Cay")
        assert again.round == 2
        told = await hall.close()
        assert told["A"] == ("waiting", 9, -1)
        await hall.decide("A", "Ann")  # she counted the first round, not this one
        assert await on_hand(spine, "A") == {"main": 9}
        await assert_sound(spine)


async def test_nobody_counted_some(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        hall = await filled(spine, A=10, B=2)
        await hall.open()
        assert await hall.counting.missing(spine.conn, "c1") == ("A", "B")
        await hall.enter("A", 10)
        await hall.enter("FOUND", 3)
        with pytest.raises(ConfigError, match="Not counted yet: B"):
            await hall.close()
        told = await hall.close(missing=Missing.ZERO, by="Ann")
        assert told == {
            "A": ("posted", 10, 0), "B": ("waiting", 0, -2), "FOUND": ("waiting", 3, 3),
        }  # fmt: skip
        await hall.open("c2")
        sheet = await hall.counting.close(spine.conn, "c2", missing=Missing.SKIP)
        assert sheet.lines == ()
        await assert_sound(spine)


async def test_what_is_refused(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        hall = await filled(spine, A=10)
        await hall.open("c1", "A")
        await hall.open("c1", "A")
        with pytest.raises(KeyReused):
            await hall.open("c1", "A", tolerance_units=3)
        first = await hall.enter("A", 3, key="k")
        assert await hall.enter("A", 3, key="k") == first
        with pytest.raises(KeyReused):
            await hall.enter("A", 4, key="k")
        with pytest.raises(ConfigError, match="does not stand"):
            await hall.enter("B", 3)
        with pytest.raises(ConfigError, match="no count sheet"):
            await hall.enter("A", 3, ref="nobody")
        with pytest.raises(ConfigError, match="/quantity"):
            await hall.enter("A", -1)
        with pytest.raises(ConfigError, match="/by"):
            await hall.enter("A", 1, by="")
        with pytest.raises(ConfigError, match="no such entry"):
            await hall.counting.undo_entry(spine.conn, "c1", "other")
        await hall.counting.cancel(spine.conn, "c1")
        with pytest.raises(ConfigError, match="cancelled"):
            await hall.enter("A", 3)
        assert await spine.parked() == []
        await assert_sound(spine)


BOOKS = (
    ("SELECT s.code, b.site, b.on_hand FROM ledger.site_balance b JOIN ledger.sku s USING (sku_id)"
    " ORDER BY 1, 2"),
    "SELECT s.code, loss, counted FROM ledger.balance JOIN ledger.sku s USING (sku_id) ORDER BY 1",
    ("SELECT kind, ref, v.body::text FROM records.record r JOIN records.version v"
    " ON v.record_id = r.record_id AND v.event_id = r.event_id"
    " WHERE kind LIKE 'count%' ORDER BY 1, 2"),
)  # fmt: skip
_TOPICS = {
    "count_sheet": SHEET_TOPIC, "count_entry": ENTRY_TOPIC, "count_line": LINE_TOPIC,
    "stock_movement": MOVEMENT_TOPIC,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(int(os.environ.get("TRUEUP_EXAMPLES", "4"))))
async def test_a_count_told_in_any_order_ends_in_the_same_books(server_url: str, seed: int) -> None:
    """Every version of a lived count, shuffled and repeated, into another database."""
    pick = random.Random(seed)
    with fresh_database(server_url) as url:
        async with open_spine(url) as spine:
            hall = await filled(spine, A=9, B=4, C=3)
            await hall.open("c1", tolerance_units=1)
            for _ in range(2):
                for sku in "ABC":
                    await hall.enter(sku, pick.randrange(9), pick.choice(("Ann", "Ben")))
            await hall.close()
            for line in (await hall.counting.find(spine.conn, "c1")).waiting:  # type: ignore[union-attr]
                await hall.decide(line.sku, "Cay", approve=pick.random() < 0.5)
            wanted = [await spine.rows(query) for query in BOOKS]
            told = await spine.rows(
                "SELECT r.kind, v.body::text FROM records.version v JOIN records.record r"
                " USING (record_id) ORDER BY v.event_id"
            )
    with fresh_database(server_url) as url:
        async with open_spine(url) as spine:
            records: list[Record] = [decode(kind, body) for kind, body in told]
            mixed = records + pick.choices(records, k=len(records))
            pick.shuffle(mixed)
            topics = _TOPICS | {"arrival": "stock/arrival"}
            await spine.take(*(told_of(spine, topics[each.kind], each) for each in mixed))
            assert [await spine.rows(query) for query in BOOKS] == wanted
            await assert_sound(spine)
