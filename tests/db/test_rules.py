"""Rules of channels: what a channel is offered of what is available."""

import random
from typing import Any

import pytest

from tests.support.spine import Spine, open_spine

pytestmark = pytest.mark.anyio

LATER = "2026-03-02T00:00:00Z"


async def stands(spine: Spine, name: str = "north", key: str = "TEE") -> tuple[int, str]:
    [row] = await spine.rows(
        "SELECT value, state FROM outbox.intent WHERE connection_id = %s AND key = %s",
        spine.numbers[name],
        key,
    )
    return row[0], row[1]


async def sells(spine: Spine, *, units: int = 10, believed: int = 10) -> None:
    await spine.take(spine.product(1, "TEE"), spine.movement("o", "opening", "TEE", units))
    await spine.rows(
        "UPDATE outbox.intent SET believed = %s, state = 'settled' RETURNING 1", believed
    )


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ({"buffer": 3}, 7),
        ({"buffer": 30}, 0),
        ({"cap": 4}, 4),
        ({"cap": 0}, 0),
        ({"share_percent": 25}, 2),
        ({"share_percent": 0}, 0),
        ({"ahead": 5}, 15),
        ({"buffer": 1, "cap": 8, "share_percent": 70, "ahead": 2}, 8),
        ({}, 10),
    ],
)
async def test_a_rule_counts_at_once(database_url: str, rule: dict[str, Any], value: int) -> None:
    async with open_spine(database_url) as spine:
        await sells(spine)
        await spine.take(spine.rule(sku="TEE", **rule))
        assert await stands(spine) == (value, "settled" if value == 10 else "due")
        await spine.take(spine.movement("r", "receipt", "TEE", 100))
        assert (await stands(spine))[0] != value or value in {0, 4, 8}


async def test_a_rule_counts_for_a_listing_that_comes_later(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.rule(buffer=3), spine.rule(sku="TEE", buffer=1))
        await spine.take(spine.movement("o", "opening", "TEE", 10), spine.product(1, "TEE"))
        await spine.take(spine.movement("p", "opening", "CAP", 10), spine.product(2, "CAP"))
        assert [(await stands(spine, key=key))[0] for key in ("TEE", "CAP")] == [9, 7]


async def test_the_rule_of_a_sku_goes_before_that_of_its_channel(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await sells(spine)
        await spine.take(spine.rule(buffer=5, cap=4))
        assert (await stands(spine))[0] == 4
        await spine.take(spine.rule(sku="TEE", cap=6, buffer=0))
        assert (await stands(spine))[0] == 6
        await spine.take(spine.rule(sku="TEE", removed=True, at=LATER))
        assert (await stands(spine))[0] == 4
        await spine.take(spine.rule(removed=True, at=LATER))
        assert await stands(spine) == (10, "settled")


async def test_an_older_word_about_a_rule_changes_nothing(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await sells(spine)
        await spine.take(spine.rule(sku="TEE", buffer=2, at=LATER))
        await spine.take(spine.rule(sku="TEE", buffer=9))
        assert (await stands(spine))[0] == 8


async def test_a_rule_of_one_channel_leaves_the_others_alone(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await sells(spine)
        await spine.take(spine.product(2, "TEE", name="south"))
        await spine.take(spine.rule("south", share_percent=50))
        assert [(await stands(spine, name))[0] for name in ("north", "south")] == [10, 5]


async def test_a_rule_for_no_channel_is_kept_with_an_issue(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await sells(spine)
        await spine.take(spine.rule("nowhere", buffer=2))
        assert await spine.open_issues() == ["stock.rule_channel_unknown"]
        assert await stands(spine) == (10, "settled")


@pytest.mark.parametrize(
    "rule", [{"buffer": -1}, {"share_percent": 101}, {"oversells_per_million": 0}, {"cap": "4"}]
)
async def test_a_rule_with_nonsense_is_parked(database_url: str, rule: dict[str, Any]) -> None:
    async with open_spine(database_url) as spine:
        await sells(spine)
        await spine.take(spine.rule(sku="TEE", **rule))
        assert [cause for cause, _ in await spine.parked()] == ["manual.rule_invalid"]
        assert await stands(spine) == (10, "settled")


async def test_what_dropped_unread_is_not_raised_over_by_a_rule(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await sells(spine, units=100, believed=7)
        await spine.rows("UPDATE outbox.intent SET dropped = 3 RETURNING 1")
        await spine.take(spine.rule(sku="TEE", cap=10))
        assert await stands(spine) == (7, "settled")


async def test_a_sale_is_noted_as_a_rate_of_its_listing(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await sells(spine)
        assert await spine.one("SELECT rate FROM outbox.intent") == 0
        await spine.take(spine.order(1, "TEE"))
        first = await spine.one("SELECT rate FROM outbox.intent")
        await spine.take(spine.order(2, "TEE"), spine.order(3, "TEE"))
        later = await spine.one("SELECT rate FROM outbox.intent")
        # Units a second at a half-life of a minute: each sale adds ln 2 / 60.
        assert first == pytest.approx(0.01155, rel=0.01)
        assert later == pytest.approx(3 * first, rel=0.1)


async def test_in_thin_stock_all_parts_together_are_what_there_is(database_url: str) -> None:
    rng = random.Random(7)
    async with open_spine(database_url) as spine:
        for _ in range(300):
            available, ahead = rng.randrange(-50, 5000), rng.choice([0, 0, rng.randrange(50)])
            weights = [rng.randrange(100) for _ in range(rng.randrange(1, 6))] + [1]
            edges = [sum(weights[:n]) / sum(weights) for n in range(len(weights) + 1)]
            total = await spine.one(
                "SELECT sum(outbox.offer(%s, 0, 0, NULL, NULL, %s, 0, 100000, f, t))"
                " FROM unnest(%s::float8[], %s::float8[]) AS e (f, t)",
                *(available, ahead, edges[:-1], edges[1:]),
            )
            assert total == max(0, available + ahead), (available, ahead, weights)
