"""Kits: sold under one code, moved under others, and told to every channel that lists them."""

import asyncio
import random
from typing import Any

import pytest

from tests.support.spine import Spine, open_spine, shuffled
from trueup.canon.reservation import ReservationLine, ReservationState
from trueup.db.pool import connect
from trueup.ledger.proof import prove_ledger
from trueup.pipeline import Applier
from trueup.replay import replay_log
from trueup.reserve import Reservations, Wish

pytestmark = pytest.mark.anyio

BEFORE, AFTER = "2026-02-01T00:00:00Z", "2026-03-10T00:00:00Z"


async def stands(spine: Spine, name: str = "north") -> dict[str, int]:
    rows = await spine.rows(
        "SELECT key, value FROM outbox.intent WHERE connection_id = %s", spine.numbers[name]
    )
    return dict(rows)


async def believed(spine: Spine, name: str = "north") -> dict[str, int | None]:
    rows = await spine.rows(
        "SELECT key, believed FROM outbox.intent WHERE connection_id = %s", spine.numbers[name]
    )
    return dict(rows)


async def listed(spine: Spine, *skus: str, names: tuple[str, ...] = ("north",)) -> None:
    """List codes at channels, which show what they shall."""
    for name in names:
        for n, sku in enumerate(skus):
            await spine.take(spine.product(n + 1, sku, name=name))
    await spine.rows("UPDATE outbox.intent SET believed = value, state = 'settled' RETURNING 1")


async def available(spine: Spine, sku: str) -> int:
    return (await spine.stock(sku)).get("available", 0)


async def opened(spine: Spine, **units: int) -> None:
    await spine.take(*(spine.movement(f"o-{sku}", "opening", sku, n) for sku, n in units.items()))


async def test_a_kit_is_offered_as_often_as_it_can_be_put_together(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await opened(spine, A=7, B=9)
        await spine.take(spine.kit("SET", at=BEFORE, A=2, B=1))
        await listed(spine, "SET", "A", "B", names=("north", "south"))
        assert await stands(spine) == {"SET": 3, "A": 7, "B": 9}
        await spine.take(spine.order(1, "SET"))
        assert await stands(spine, "south") == {"SET": 2, "A": 5, "B": 8}
        # The channel that sold the set has counted the set itself, and not its parts.
        assert await believed(spine) == {"SET": 2, "A": 7, "B": 9}
        await spine.take(spine.order(2, "A", name="south"))
        assert await stands(spine) == {"SET": 2, "A": 4, "B": 8}
        await spine.take(spine.movement("r", "receipt", "A", 10))
        assert await stands(spine) == {"SET": 7, "A": 14, "B": 8}
        assert (await prove_ledger(spine.conn)).holds


async def test_a_kit_and_its_part_in_one_cart(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=3, B=1)
        await spine.take(spine.kit("SET", at=BEFORE, A=2, B=1))
        await listed(spine, "SET", "A")
        await spine.take(spine.order(1, "SET", "A"))
        assert await stands(spine) == {"SET": 0, "A": 0}
        assert await believed(spine) == {"SET": 0, "A": 2}
        assert await spine.open_issues() == []


async def test_a_pack_and_another_name_are_kits_of_one_part(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, SOCK=20)
        await spine.take(
            spine.kit("SOCK-6", at=BEFORE, SOCK=6), spine.kit("SOCKE", at=BEFORE, SOCK=1)
        )
        await listed(spine, "SOCK-6", "SOCKE", "SOCK")
        assert await stands(spine) == {"SOCK-6": 3, "SOCKE": 20, "SOCK": 20}
        await spine.take(spine.order(1, "SOCKE"), spine.order(2, "SOCK-6"))
        assert await stands(spine) == {"SOCK-6": 2, "SOCKE": 13, "SOCK": 13}


async def test_kits_within_kits_follow_too(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=10, B=10)
        await spine.take(
            spine.kit("BOX", at=BEFORE, PAIR=2, B=1), spine.kit("PAIR", at=BEFORE, A=2)
        )
        await listed(spine, "BOX", "PAIR")
        assert await stands(spine) == {"BOX": 2, "PAIR": 5}
        await spine.take(spine.kit("PAIR", at=AFTER, A=1))
        assert await stands(spine) == {"BOX": 5, "PAIR": 10}


async def test_a_kit_that_comes_late_books_its_orders_again(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=7, B=9)
        await listed(spine, "SET", "A", "B")
        await spine.take(spine.order(1, "SET"), spine.order(2, "A"))
        assert await available(spine, "SET") == -1
        await spine.take(spine.kit("SET", at=BEFORE, A=2, B=1))
        assert [await available(spine, sku) for sku in ("A", "B", "SET")] == [4, 8, 0]
        assert await stands(spine) == {"SET": 2, "A": 4, "B": 8}
        assert await spine.parked() == []
        assert (await prove_ledger(spine.conn)).holds
        assert (await replay_log(spine.conn, spine.hub)).differing == 0


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_of_arrival_ends_in_the_same_books(database_url: str, seed: int) -> None:
    """The kit changes between two orders; each order moves what it was made of then."""
    async with open_spine(database_url) as spine:
        await opened(spine, A=50, B=50, C=50)
        old, new = "2026-03-01T10:00:00-05:00", "2026-03-20T10:00:00-05:00"
        told = [
            spine.kit("SET", at=BEFORE, A=2, B=1),
            spine.kit("SET", at=AFTER, C=3),
            spine.order(1, "SET", created_at=old, processed_at=old),
            spine.order(2, "SET", created_at=new, processed_at=new),
            spine.order(3, "A"),
        ]
        for event in shuffled(told, seed):
            await spine.take(event)
        assert [await available(spine, sku) for sku in "ABC"] == [47, 49, 47]
        assert (await replay_log(spine.conn, spine.hub)).differing == 0


async def test_what_is_no_kit_any_more_stands_for_itself(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=7, SET=4)
        await spine.take(spine.kit("SET", at=BEFORE, A=2))
        await listed(spine, "SET")
        assert await stands(spine) == {"SET": 3}
        await spine.take(spine.kit("SET", at=AFTER))
        assert await stands(spine) == {"SET": 4}


async def test_kits_that_contain_each_other_are_not_taken(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=7)
        await spine.take(spine.kit("ONE", at=BEFORE, A=1), spine.kit("TWO", at=BEFORE, ONE=1))
        await listed(spine, "ONE", "TWO")
        await spine.take(spine.kit("ONE", at=AFTER, TWO=1))
        assert await spine.open_issues() == ["stock.kit_circular"]
        assert await stands(spine) == {"ONE": 7, "TWO": 7}


@pytest.mark.parametrize(
    "body",
    [
        {"kit": "SET", "parts": [{"sku": "SET", "units": 1}]},
        {"kit": "SET", "parts": [{"sku": "A", "units": 0}]},
        {"kit": "SET", "parts": [{"sku": "A", "units": 1}, {"sku": "A", "units": 2}]},
        {"kit": "", "parts": []},
        {"kit": "SET", "parts": {"A": 1}},
    ],
)
async def test_a_kit_with_nonsense_is_parked(database_url: str, body: dict[str, Any]) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.told("stock/kit", "SET", **body))
        assert [cause for cause, _ in await spine.parked()] == ["manual.kit_invalid"]


async def test_an_uncounted_part_keeps_the_kit_quiet(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=7)
        await spine.take(spine.kit("SET", at=BEFORE, A=1, B=1), spine.product(1, "SET"))
        assert await spine.rows("SELECT value, state FROM outbox.intent") == [(0, "settled")]
        await opened(spine, B=2)
        assert await spine.rows("SELECT value, state FROM outbox.intent") == [(2, "due")]


async def test_two_parts_that_move_at_once_end_in_the_scarcer(database_url: str) -> None:
    """Two workers, each moving another part of the same kit at the same moment, 25 times."""
    async with open_spine(database_url) as spine:
        await opened(spine, A=500, B=500)
        await spine.take(spine.kit("SET", at=BEFORE, A=1, B=1))
        await listed(spine, "SET")
        left = {"A": 500, "B": 500}
        rng = random.Random(3)
        async with (
            await connect(database_url, application_name="test") as one,
            await connect(database_url, application_name="test") as two,
        ):
            for n in range(25):
                batches = []
                for conn, sku in ((one, "A"), (two, "B")):
                    units = rng.randrange(1, 9)
                    left[sku] -= units
                    await spine.append(spine.movement(f"{sku}{n}", "adjustment", sku, -units))
                    batches.append(conn)
                events = await spine.claimed()
                halves = [events[:1], events[1:]]
                await asyncio.gather(
                    *(Applier(c, spine.hub).apply(h) for c, h in zip(batches, halves, strict=True))
                )
                assert await stands(spine) == {"SET": min(left.values())}


async def test_an_order_and_the_kit_s_definition_at_once(database_url: str) -> None:
    """Whichever is first, the order moves the parts in the end."""
    async with open_spine(database_url) as spine:
        await opened(spine, **{f"P{n}": 10 for n in range(12)})
        async with (
            await connect(database_url, application_name="test") as one,
            await connect(database_url, application_name="test") as two,
        ):
            for n in range(12):
                await spine.append(spine.order(n + 1, f"SET{n}"))
                await spine.append(spine.kit(f"SET{n}", at=BEFORE, **{f"P{n}": 2}))
                first, second = await spine.claimed()
                await asyncio.gather(
                    Applier(one, spine.hub).apply([first]), Applier(two, spine.hub).apply([second])
                )
                await spine.apply()
        assert [await available(spine, f"P{n}") for n in range(12)] == [8] * 12
        assert await spine.parked() == []


async def test_a_kit_is_reserved_by_its_parts_or_refused(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=5, B=9)
        await spine.take(spine.kit("SET", at=BEFORE, A=2, B=1))
        await listed(spine, "SET")
        selling = Reservations(spine.hub)

        async def ask(key: str, *lines: tuple[str, int]) -> Any:
            wanted = tuple(ReservationLine(sku=sku, quantity=n) for sku, n in lines)
            wish = Wish(lines=wanted, expires_in_s=600)
            return (await selling.reserve(spine.conn, key, wish)).reservation

        held = await ask("k1", ("SET", 1), ("A", 1))
        assert held.state is ReservationState.HELD
        assert await available(spine, "A") == 2
        assert await stands(spine) == {"SET": 1}
        refused = await ask("k2", ("SET", 1), ("A", 1))
        assert refused.state is ReservationState.REFUSED
        assert [(s.sku, s.wanted, s.left) for s in refused.shortages] == [("A", 3, 2)]
        shipped = await selling.take(spine.conn, held.ref, ReservationState.CONFIRMED)
        assert shipped is not None
        await selling.take(spine.conn, held.ref, ReservationState.SHIPPED)
        stock = await spine.stock("A")
        assert (stock["on_hand"], stock["customer"], stock.get("reserved")) == (2, 3, None)
        assert (await prove_ledger(spine.conn)).holds


async def test_a_kit_that_is_sold_out_opens_one_issue_for_the_part(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await opened(spine, A=1)
        await spine.take(spine.kit("SET", at=BEFORE, A=2))
        await listed(spine, "SET")
        await spine.take(spine.order(1, "SET"))
        assert await spine.open_issues() == ["stock.oversold"]
        assert await stands(spine) == {"SET": 0}
