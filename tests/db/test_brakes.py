"""The brake on a master's levels: sudden or slow, held and decided, and what comes meanwhile."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.db.test_masters import Goods, add_odoo
from tests.support.spine import Spine, open_spine
from trueup.intake.model import NewEvent
from trueup.ledger.brakes import discard_brake, list_brakes, release_brake

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def later(event: NewEvent, minutes: float) -> NewEvent:
    return msgspec.structs.replace(event, received_at=NOW + timedelta(minutes=minutes))


async def shelf_of_25(spine: Spine) -> list[Goods]:
    await add_odoo(spine)
    goods = [Goods(spine) for _ in range(25)]
    # The first word on each is never odd: before it nothing was counted.
    await spine.take(*(later(each.level(1, 100), 0) for each in goods))
    assert await list_brakes(spine.conn) == []
    return goods


async def on_hand(goods: list[Goods]) -> list[int]:
    return [(await each.stock())[1] for each in goods]


async def test_a_sudden_fall_is_held_and_released_as_of_its_own_time(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        goods = await shelf_of_25(spine)
        await spine.take(*(later(each.level(2, 0), 10) for each in goods[:5]))
        assert await on_hand(goods[:6]) == [0] * 5 + [100]
        # One more than the share within the hour: from here on what falls to nothing is held.
        await spine.take(*(later(each.level(3, 0), 20) for each in goods[5:12]))
        assert await on_hand(goods[5:13]) == [100] * 8
        [held] = await list_brakes(spine.conn)
        assert (held["source"], held["state"], held["events"]) == ("levels", "held", 7)
        assert {cause for cause, _ in await spine.parked()} == {"stock.braked"}
        # The next snapshot: what is sound in it counts, what is not joins the group.
        await spine.take(later(goods[5].level(4, 90), 30), later(goods[12].level(4, 0), 30))
        assert await on_hand([goods[5], goods[12]]) == [90, 100]
        [held] = await list_brakes(spine.conn)
        assert held["events"] == 8
        assert await release_brake(spine.conn, held["brake_id"], NOW) == 8
        await spine.apply()
        # Released, it counts as of its own time: what was counted after it stands.
        assert await on_hand(goods[5:14]) == [90, *[0] * 7, 100]
        assert await spine.parked() == []
        assert await spine.open_issues() == []
        # A person has seen it, so the next few are no reason to hold again.
        await spine.take(*(later(each.level(5, 0), 40) for each in goods[13:18]))
        assert await on_hand(goods[13:18]) == [0] * 5


async def test_a_slow_trickle_passes(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        goods = await shelf_of_25(spine)
        for n, each in enumerate(goods[:15]):
            await spine.take(later(each.level(2 + n, 0), 15 * n))
        assert await on_hand(goods[:15]) == [0] * 15
        assert await list_brakes(spine.conn) == []


async def test_what_is_discarded_never_counts_and_growth_is_held_too(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        goods = await shelf_of_25(spine)
        # Barcodes where units should be: all at once, in one batch.
        await spine.take(*(later(each.level(2, 4_006_381), 10) for each in goods))
        assert await on_hand(goods) == [100] * 25
        [held] = await list_brakes(spine.conn, state="held")
        assert (
            "25 of 25 counted SKUs at main would grow by more than a factor of 10" in held["reason"]
        )
        assert await discard_brake(spine.conn, held["brake_id"], NOW) == 25
        assert await discard_brake(spine.conn, held["brake_id"], NOW) is None
        await spine.apply()
        assert await on_hand(goods) == [100] * 25
        await spine.take(later(goods[0].level(3, 99), 20))
        assert await on_hand(goods[:2]) == [99, 100]
