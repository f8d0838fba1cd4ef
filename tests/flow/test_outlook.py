"""Low stock: told by the date on which it will be sold out, and closed by itself."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from tests.flow.test_dock import ordered
from tests.support.spine import Spine, open_spine
from trueup.db.queries import load_queries
from trueup.ledger.outlook import (
    LOW_FROM,
    count_low,
    low_outlooks,
    outlooks_of,
    refresh_outlooks,
)
from trueup.outbox.flags import tend_outlooks
from trueup.records.reads import lead_days_of

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


async def sold(
    spine: Spine, sku: str = "TEE", *, days: int = 30, units: int = 2, stock: int
) -> None:
    """Open the books, sell some units a day up to yesterday, and have `stock` left."""
    opened = (NOW - timedelta(days=days + 1)).isoformat()
    await spine.take(
        spine.product(1, sku),
        spine.movement(f"o-{sku}", "opening", sku, days * units + stock, occurred_at=opened),
    )
    orders = []
    for n in range(days):
        at = (NOW - timedelta(days=n + 1)).isoformat()
        orders.append(spine.order(1000 + n, *[sku] * units, created_at=at, updated_at=at))
    await spine.take(*orders)


async def issues(spine: Spine) -> list[tuple[str, str]]:
    rows = await spine.rows(
        "SELECT ref, found FROM intake.issue WHERE code = 'stock.low' AND closed_at IS NULL"
    )
    return [(row[0], row[1]) for row in rows]


async def test_a_sku_that_will_be_sold_out_before_more_comes_is_low(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        await sold(spine, stock=10)
        [told] = await refresh_outlooks(spine.conn, now=NOW)
        assert told.low
        assert told.outlook.demand.per_day == pytest.approx(2.0, rel=0.02)
        assert told.outlook.expected_on is not None
        assert 4 <= (told.outlook.expected_on - NOW.date()).days <= 6
        [row] = await low_outlooks(spine.conn)
        assert (row["sku"], row["available"], row["lead_days"]) == ("TEE", 10, 14)
        [(ref, found)] = await issues(spine)
        assert ref == "sku/TEE"
        assert str(told.outlook.expected_on) in found
        assert "30 of 31 days sold some" in found


async def test_with_enough_it_is_not_low(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        await sold(spine, stock=200)
        [told] = await refresh_outlooks(spine.conn, now=NOW)
        assert not told.low
        assert await issues(spine) == []
        assert await low_outlooks(spine.conn) == []
        [row] = await outlooks_of(spine.conn, ["TEE"])
        assert row["expected_on"] > date(2026, 5, 1)


async def test_it_closes_by_itself_and_not_at_the_first_unit(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        await sold(spine, stock=26)
        [told] = await refresh_outlooks(spine.conn, now=NOW)
        assert told.low
        await spine.take(spine.movement("a", "receipt", "TEE", 4))
        later = NOW + timedelta(minutes=20)
        await _moved(spine, later)
        [still] = await refresh_outlooks(spine.conn, now=later)
        assert still.chance < LOW_FROM
        assert still.low, "a chance between a quarter and a half keeps what it was"
        await spine.take(spine.movement("b", "receipt", "TEE", 40))
        latest = later + timedelta(minutes=20)
        await _moved(spine, latest)
        [healed] = await refresh_outlooks(spine.conn, now=latest)
        assert not healed.low
        assert await issues(spine) == []


async def _moved(spine: Spine, now: datetime) -> None:
    await spine.rows("UPDATE ledger.balance SET moved_at = %s RETURNING 1", now)


async def test_units_on_their_way_count_when_they_are_expected(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        await sold(spine, stock=20)
        await ordered(spine, "PO-1", ("TEE", 100), on=NOW.date() + timedelta(days=5))
        [told] = await refresh_outlooks(spine.conn, now=NOW)
        assert (told.outlook.incoming, told.low) == (100, False)


async def test_units_that_are_late_or_come_on_no_day_do_not_count(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        await sold(spine, stock=10)
        await ordered(spine, "PO-1", ("TEE", 100), on=NOW.date() - timedelta(days=1))
        await ordered(spine, "PO-2", ("TEE", 100))
        [told] = await refresh_outlooks(spine.conn, now=NOW)
        assert (told.outlook.incoming, told.low) == (0, True)


async def test_what_nobody_buys_is_not_missed(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        await spine.take(spine.product(1, "TEE"), spine.movement("o", "opening", "TEE", 0))
        [told] = await refresh_outlooks(spine.conn, now=NOW)
        assert (told.low, told.chance) == (False, 1.0)


async def test_nothing_is_worked_out_twice_without_a_reason(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        await sold(spine, stock=10)
        assert len(await refresh_outlooks(spine.conn, now=NOW)) == 1
        await _moved(spine, NOW - timedelta(days=1))
        assert await refresh_outlooks(spine.conn, now=NOW + timedelta(hours=1)) == []
        assert len(await refresh_outlooks(spine.conn, now=NOW + timedelta(hours=7))) == 1


async def test_a_supplier_says_how_long_more_takes(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        await sold(spine, stock=10)
        assert await lead_days_of(spine.conn, ["TEE"]) == {}
        for number, (lead_days, deleted) in enumerate([(9, False), (2, False), (1, True)], start=1):
            told_by = {"supplier_ref": str(number), "sku": "TEE", "lead_days": lead_days}
            body = msgspec.json.encode(told_by).decode()
            await spine.rows(
                "WITH told AS (INSERT INTO records.version (record_id, event_id, stale, body)"
                " VALUES (%s, 1, false, %s)) INSERT INTO records.record (record_id, connection_id,"
                " kind, ref, entity, updated_at, raised_at, digest, occurred_at, event_id, deleted)"
                " VALUES (%s, 1, 'supplier_item', %s, 'supplier_item/1', now(), now(), '', now(),"
                " 1, %s) RETURNING 1",
                *(900_000 + number, body, 900_000 + number, str(number), deleted),
            )
        # What was said before, and by another SKU's supplier, does not count.
        for record_id, event_id, sku in ((900_001, 2, "TEE"), (900_009, 1, "MUG")):
            body = msgspec.json.encode({"supplier_ref": "1", "sku": sku, "lead_days": 1}).decode()
            await spine.rows(
                "INSERT INTO records.version (record_id, event_id, stale, body)"
                " VALUES (%s, %s, true, %s) RETURNING 1",
                *(record_id, event_id, body),
            )
        [told] = await refresh_outlooks(spine.conn, now=NOW)
        assert (told.lead_days, told.low) == (2, False)


async def test_price_lists_are_found_by_sku_without_reading_all_versions(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        queries = load_queries("trueup.records")
        await spine.conn.execute("SET enable_seqscan = off")
        for name in ("lead_days_of", "supplier_items_of"):
            plan = await spine.conn.execute(f"EXPLAIN {queries[name]}", {"skus": ["TEE", "MUG"]})
            assert "version_supplied" in str(await plan.fetchall()), name


async def test_where_no_supplier_says_the_configuration_does(database_url: str) -> None:
    async with open_spine(database_url, "north") as spine:
        await sold(spine, stock=20)
        [told] = await refresh_outlooks(spine.conn, now=NOW, lead_days=5)
        assert (told.lead_days, told.low) == (5, False)
        assert await count_low(spine.conn) == 0
        later = NOW + timedelta(hours=7)
        spine.hub.lead_days = 30
        await tend_outlooks(spine.conn, spine.hub, now=later)
        [row] = await low_outlooks(spine.conn)
        assert row["lead_days"] == 30
        assert await count_low(spine.conn) == 1
