"""Posting and folding: exact sums under races, counts, oversells."""

import asyncio
from collections.abc import Sequence

import psycopg
import pytest

from tests.support.spine import Spine, open_spine
from trueup.db.pool import connect
from trueup.intake.claim import claim_events
from trueup.intake.model import NewEvent
from trueup.kernel.limits import PARTITIONS
from trueup.ledger.proof import prove_ledger
from trueup.pipeline import Applier

pytestmark = pytest.mark.anyio


def shipped(spine: Spine, number: int, sku: str, *, second: int = 5) -> NewEvent:
    """Return the parcel that takes the one unit of an order out of the house."""
    order_id = 5_000_000_000_000 + number
    stamp = f"2026-03-02T10:00:{second:02}-05:00"
    body = {
        "id": 9_000 + number,
        "order_id": order_id,
        "status": "success",
        "created_at": stamp,
        "updated_at": stamp,
        "line_items": [{"id": order_id * 10, "quantity": 1, "sku": sku}],
    }
    return spine.delivery("north", "fulfillments/create", body)


async def side_by_side(spine: Spine, sessions: int, *, count: int) -> None:
    """Apply all that waits over several sessions at once, each with its own partitions."""

    async def work(n: int) -> None:
        async with await connect(spine.conninfo, application_name="test") as conn:
            applier = Applier(conn, spine.hub)
            mine = range(n, PARTITIONS, sessions)
            while events := await claim_events(conn, mine, count):
                await applier.apply(events)

    await asyncio.gather(*(work(n) for n in range(sessions)))


async def assert_proven(spine: Spine) -> None:
    proof = await prove_ledger(spine.conn)
    assert proof.holds, proof


async def test_two_workers_take_the_same_skus_in_opposite_order(database_url: str) -> None:
    """No deadlock, no lost update: 400 orders of ten SKUs, half of them named backwards."""
    skus = [f"S{n}" for n in range(10)]
    async with open_spine(database_url) as spine:
        await spine.take(*(spine.movement(f"o{s}", "opening", s, 1_000) for s in skus))
        orders = [
            spine.order(n, *(skus if n % 2 else reversed(skus))) for n in range(1, 401)
        ]  # fmt: skip
        await spine.append(*orders)
        await side_by_side(spine, 2, count=7)
        for sku in skus:
            assert (await spine.stock(sku))["available"] == 600
        assert await spine.one("SELECT count(*) FROM intake.queue") == 0
        assert await spine.one("SELECT max(attempts) FROM intake.parked") is None
        assert await spine.one("SELECT min(sequence) FROM ledger.balance") > 20
        await assert_proven(spine)


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "event by event"])
async def test_fifty_racers_for_the_last_unit(database_url: str, *, together: bool) -> None:
    """Facts are always posted; the oversell is said once, and closed when stock comes."""
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("o", "opening", "LAST", 1))
        await spine.append(*(spine.order(n, "LAST") for n in range(1, 51)))
        if together:
            await spine.apply()
        else:
            await side_by_side(spine, 4, count=1)
        assert await spine.stock("LAST") == {
            "available": -49, "on_hand": 1, "reserved": 50, "demand": -50, "supplier": -1,
        }  # fmt: skip
        assert await spine.open_issues() == ["stock.oversold"]
        await spine.take(spine.movement("r1", "receipt", "LAST", 20))
        assert await spine.open_issues() == ["stock.oversold"]
        await spine.take(spine.movement("r2", "receipt", "LAST", 29))
        assert (await spine.stock("LAST")).get("available", 0) == 0
        assert await spine.open_issues() == []
        await assert_proven(spine)


async def test_an_oversell_that_healed_and_comes_again_is_said_again(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("o", "opening", "TEE", 0), spine.order(1, "TEE"))
        await spine.take(spine.movement("r1", "receipt", "TEE", 1))
        assert await spine.open_issues() == []
        await spine.take(spine.order(2, "TEE"))
        assert await spine.open_issues() == ["stock.oversold"]
        assert await spine.one("SELECT count(*) FROM intake.issue") == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
async def test_books_that_open_below_zero_are_an_oversell(
    database_url: str, order: Sequence[int]
) -> None:
    """Orders may be read before the opening count: the issue is there whatever came first."""
    async with open_spine(database_url) as spine:
        events = [
            spine.movement("o", "opening", "TEE", 1),
            spine.order(1, "TEE"),
            spine.order(2, "TEE"),
        ]
        for n in order:
            await spine.take(events[n])
        assert (await spine.stock("TEE"))["available"] == -1
        assert await spine.open_issues() == ["stock.oversold"]
        await spine.take(spine.movement("r", "receipt", "TEE", 0 + 1))
        assert await spine.open_issues() == []


async def test_nobody_is_told_of_an_oversell_before_the_books_are_open(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.order(1, "TEE"))
        assert await spine.open_issues() == []


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "event by event"])
async def test_a_count_sees_what_the_same_batch_moved(database_url: str, *, together: bool) -> None:
    """Ten on hand, one ships, eight are counted: eight lie there, one went, one is lost."""
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("o", "opening", "TEE", 10))
        await spine.append(
            spine.order(1, "TEE"),
            shipped(spine, 1, "TEE"),
            spine.movement("c1", "count", "TEE", 8, occurred_at="2026-03-03T00:00:00Z"),
            spine.movement("a1", "adjustment", "TEE", 2, occurred_at="2026-03-03T00:00:01Z"),
            spine.movement("c2", "count", "TEE", 9, occurred_at="2026-03-03T00:00:02Z"),
        )
        await spine.apply(count=500 if together else 1)
        assert (await spine.stock("TEE")).get("on_hand") == 9
        assert (await spine.stock("TEE")).get("customer") == 1
        await assert_proven(spine)


async def test_a_count_that_is_corrected_counts_as_corrected(database_url: str) -> None:
    """The same count, told again with another number, replaces what it said before."""
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("o", "opening", "TEE", 8))
        await spine.take(spine.movement("c", "count", "TEE", 10))
        assert (await spine.stock("TEE"))["on_hand"] == 10
        later = "2026-03-01T00:00:01Z"
        await spine.take(spine.movement("c", "count", "TEE", 12, occurred_at=later))
        assert (await spine.stock("TEE"))["on_hand"] == 12
        await assert_proven(spine)


async def test_counts_and_sales_at_once_do_not_deadlock_and_do_not_drift(
    database_url: str,
) -> None:
    """Counts read the shelf and must hold it; parcels move it at the same moment."""
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("o", "opening", "TEE", 500))
        events = []
        for n in range(1, 61):
            events += [spine.order(n, "TEE"), shipped(spine, n, "TEE")]
            events.append(spine.movement(f"c{n}", "count", "TEE", 300))
            events.append(spine.movement(f"d{n}", "count", "CAP", 7))
        await spine.append(*events)
        await side_by_side(spine, 4, count=3)
        later = "2026-03-03T00:00:00Z"
        await spine.take(spine.movement("last", "count", "TEE", 300, occurred_at=later))
        assert (await spine.stock("TEE"))["on_hand"] == 300
        assert (await spine.stock("CAP"))["on_hand"] == 7
        assert await spine.parked() == []
        await assert_proven(spine)


async def test_the_database_refuses_what_does_not_sum_to_zero(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.movement("o", "opening", "TEE", 5))
        insert = (
            "INSERT INTO ledger.posting"
            " (event_id, ordinal, record_id, sku_id, place, site, units, occurred_at)"
            " VALUES (99, 0, 1, 1, 'on_hand', 'main', 1, now()),"
            " (99, 1, 1, 1, 'supplier', '', -2, NULL)"
        )
        with pytest.raises(psycopg.errors.CheckViolation, match="sum to zero"):
            await spine.rows(insert)
        with pytest.raises(psycopg.errors.CheckViolation, match="sums_to_zero"):
            await spine.rows("UPDATE ledger.balance SET on_hand = on_hand + 1")
