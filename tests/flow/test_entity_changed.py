"""One id under two entities: parked at once with its own cause, and nobody else waits for it."""

from typing import Any

import pytest

from tests.support.spine import Spine, open_spine
from trueup.intake.park import requeue_parked

pytestmark = pytest.mark.anyio

FIRST, OTHER = 5_000_000_000_001, 5_000_000_000_002


def refund(order: int, ref: int = 9, at: int = 1) -> dict[str, Any]:
    stamp = f"2026-03-02T10:00:{at:02}-05:00"
    return {
        "id": ref,
        "order_id": order,
        "created_at": stamp,
        "processed_at": stamp,
        "refund_line_items": [],
        "transactions": [],
    }


async def issues(spine: Spine) -> list[tuple[Any, ...]]:
    return await spine.rows(
        "SELECT severity, pointer, expected, found, ref FROM intake.issue"
        " WHERE code = 'record.entity_changed'"
    )


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "told before"])
async def test_a_refund_under_two_orders_is_parked_at_once(
    database_url: str, *, together: bool
) -> None:
    async with open_spine(database_url) as spine:
        first = spine.delivery("north", "refunds/create", refund(FIRST))
        other = spine.delivery("north", "refunds/create", refund(OTHER))
        beside = spine.order(3, "TEE")
        if together:
            await spine.append(first, other, beside)
        else:
            await spine.take(first)
            await spine.append(other, beside)
        batches = []
        apply = spine.applier.apply

        async def counted(events: Any) -> None:
            batches.append(len(events))
            await apply(events)

        spine.applier.apply = counted  # type: ignore[method-assign]
        await spine.apply()

        assert batches == [3 if together else 2], "the batch was not taken apart"
        assert [cause for cause, _ in await spine.parked()] == ["record.entity_changed"]
        assert await issues(spine) == [
            ("error", "/ref", f"order/{FIRST}", f"order/{OTHER}", "refund/9")
        ]
        rows = await spine.rows("SELECT kind, entity FROM records.record ORDER BY kind, entity")
        assert ("refund", f"order/{FIRST}") in rows
        assert len([row for row in rows if row[0] == "order"]) == 1
        assert await spine.rows("SELECT count(*) FROM intake.queue") == [(0,)]
        assert await spine.rows("SELECT attempts FROM intake.parked") == [(1,)]


async def test_the_same_refund_told_again_under_its_order_is_no_fault(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await spine.take(spine.delivery("north", "refunds/create", refund(FIRST)))
        await spine.take(
            spine.delivery("north", "refunds/create", refund(FIRST, at=2)),
            # Another shop's ids are its own.
            spine.delivery("south", "refunds/create", refund(OTHER)),
        )
        assert await spine.parked() == []
        assert await issues(spine) == []


async def test_put_back_it_is_parked_again_with_one_issue(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.delivery("north", "refunds/create", refund(FIRST)))
        await spine.take(spine.delivery("north", "refunds/create", refund(OTHER)))
        await requeue_parked(spine.conn)
        await spine.apply()
        assert [cause for cause, _ in await spine.parked()] == ["record.entity_changed"]
        assert len(await issues(spine)) == 1
