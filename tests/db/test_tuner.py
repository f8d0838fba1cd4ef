"""The tuner: what is held back follows what is sold, and thin stock is shown once in all."""

import asyncio
import math
import random
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.spine import Spine, open_spine
from trueup.contract.connector import Receipt, ReceiptState
from trueup.kernel.chance import chance_over
from trueup.kernel.clock import ManualClock
from trueup.ledger.kits import NO_KITS, Definition, Kits
from trueup.outbox.buffers import chance_short, unseen_mean
from trueup.outbox.claim import claim_call
from trueup.outbox.listed import read_listed
from trueup.outbox.model import Call
from trueup.outbox.receipt import Verdict, settle_call
from trueup.outbox.tuner import PLENTY, Tuner

pytestmark = pytest.mark.anyio

SHOPS = ("north", "south", "west")


def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC))


async def sell(spine: Spine, *, units: int, rates: dict[str, float], shops: Any = SHOPS) -> None:
    """List TEE everywhere with its books open, as if each shop sold so many units a second."""
    products = [spine.product(n, "TEE", name=name) for n, name in enumerate(shops, start=1)]
    await spine.take(*products, spine.movement("o", "opening", "TEE", units))
    for name in shops:
        await spine.rows(
            "UPDATE outbox.intent SET believed = value, state = 'settled', rate = %s, rated_at = now()"
            " WHERE connection_id = %s RETURNING 1",
            rates.get(name, 0.0),
            spine.numbers[name],
        )


async def shown(spine: Spine, column: str = "value") -> dict[str, Any]:
    rows = await spine.rows(f"SELECT connection_id, {column} FROM outbox.intent WHERE key = 'TEE'")  # noqa: S608 - our own names
    names = {number: name for name, number in spine.numbers.items()}
    return {names[number]: value for number, value in rows}


async def claim(spine: Spine, name: str) -> Call | None:
    return await claim_call(spine.conn, spine.numbers[name], "stock.set", count=10)


async def settle(
    spine: Spine, call: Call | None, state: ReceiptState = ReceiptState.DONE, **receipt: Any
) -> None:
    assert call is not None
    verdict = Verdict(receipt=Receipt(state=state, **receipt))
    await settle_call(spine.conn, call, [verdict] * len(call.claimed))


async def test_a_buffer_follows_what_the_others_sell(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=200, rates={"north": 2.0})
        assert await Tuner(clock=clock()).tune(spine.conn, ["TEE"]) == 2
        held = await shown(spine, "safety")
        assert held["north"] == 0
        assert held["south"] == held["west"] > 20
        assert (await shown(spine))["south"] == 200 - held["south"]
        assert (await shown(spine, "state")) == {"north": "settled", "south": "due", "west": "due"}
        [listed] = await read_listed(spine.conn, ["TEE"], NO_KITS, now=clock().now())
        for n, row in enumerate(listed.rows):
            mean = unseen_mean(listed.sellers, n)
            assert chance_over(mean, listed.dispersion, row["safety"]) <= 0.0015


async def test_what_did_not_change_is_not_set_again(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=200, rates={"north": 2.0, "south": 1.0})
        tuner = Tuner(clock=clock())
        assert await tuner.tune(spine.conn, ["TEE"]) == 3
        assert await tuner.tune(spine.conn, ["TEE"]) == 0


async def test_a_little_less_is_left_and_much_less_is_not(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=300, rates={"north": 2.0, "south": 1.0})
        time = clock()
        tuner = Tuner(clock=time)
        await tuner.tune(spine.conn, ["TEE"])
        before = await shown(spine, "safety")
        time.advance(seconds=2)
        assert await tuner.tune(spine.conn, ["TEE"]) == 0
        time.advance(seconds=60)
        assert await tuner.tune(spine.conn, ["TEE"]) == 3
        after = await shown(spine, "safety")
        assert all(after[name] < before[name] for name in SHOPS)
        time.advance(seconds=3600)
        await tuner.tune(spine.conn, ["TEE"])
        assert set((await shown(spine, "safety")).values()) == {0}
        assert set((await shown(spine)).values()) == {300}


async def test_where_there_is_plenty_no_call_is_spent(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=100_000, rates={"north": 2.0, "south": 1.0})
        tuner = Tuner(clock=clock())
        assert await tuner.tune(spine.conn, ["TEE"]) == 0
        await spine.take(spine.movement("c", "count", "TEE", 200, occurred_at=_soon()))
        assert await tuner.tune(spine.conn, ["TEE"]) == 3
        assert max((await shown(spine, "safety")).values()) * PLENTY > 200


def _soon() -> str:
    return datetime.now(UTC).isoformat()


async def test_one_sale_alone_is_no_rate(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=10, rates={})
        await spine.take(spine.order(1, "TEE"))
        assert await spine.one("SELECT max(rate) FROM outbox.intent") > 0.01
        tuner = Tuner(clock=clock())
        assert await tuner.tune(spine.conn, ["TEE"]) == 0
        await spine.take(*[spine.order(n, "TEE") for n in range(2, 6)])
        assert await tuner.tune(spine.conn, ["TEE"]) > 0


async def test_a_sale_after_months_without_one_is_taken_in(database_url: str) -> None:
    """PostgreSQL refuses what is too little to be told from nothing, and the sale was parked."""
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=10, rates={"north": 2.0, "south": 1e-9})
        await spine.rows(
            "UPDATE outbox.intent SET pace = rate, rated_at = now() - interval '9 months' RETURNING 1"
        )
        for name in SHOPS:
            await spine.take(spine.order(1, "TEE", name=name))
        assert await spine.parked() == []
        rates = [rate for (rate,) in await spine.rows("SELECT rate FROM outbox.intent")]
        assert all(0 < rate < 0.1 for rate in rates), "of what was before nothing is left"


async def test_history_is_no_rate(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=10, rates={})
        import msgspec

        from trueup.intake.model import Origin

        late = [
            msgspec.structs.replace(spine.order(n, "TEE"), origin=Origin.BULK) for n in range(1, 5)
        ]
        await spine.take(*late)
        assert await spine.one("SELECT max(rate) + max(pace) FROM outbox.intent") == 0


async def test_a_channel_that_is_not_adaptive_is_left_alone(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=20, rates={"north": 2.0, "south": 1.0})
        await spine.take(spine.rule(channel="south", sku="TEE", adaptive=False, buffer=4))
        await Tuner(clock=clock()).tune(spine.conn, ["TEE"])
        assert (await shown(spine, "safety"))["south"] == 0
        assert (await shown(spine))["south"] == 16
        assert set((await shown(spine, "thin_below")).values()) == {0}, "they do not share alike"


async def test_a_chance_by_rule_counts(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=300, rates={"north": 2.0})
        await spine.take(spine.rule(channel="south", sku="TEE", oversells_per_million=200_000))
        await Tuner(clock=clock()).tune(spine.conn, ["TEE"])
        held = await shown(spine, "safety")
        assert 0 < held["south"] < held["west"]


async def test_thin_stock_is_shared_out_whole(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=7, rates={"north": 2.0, "south": 1.0})
        await Tuner(clock=clock()).tune(spine.conn, ["TEE"])
        told = await shown(spine)
        assert sum(told.values()) == 7
        assert told["north"] > told["south"] > told["west"]


async def test_the_sweep_finds_what_slowed_down(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=300, rates={"north": 2.0})
        time = clock()
        tuner = Tuner(clock=time)
        assert await tuner.step(spine.conn) == 2
        time.advance(seconds=7200)
        assert await tuner.step(spine.conn) >= 2
        assert set((await shown(spine, "safety")).values()) == {0}


async def test_dispersion_is_measured_from_the_books(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=500, rates={})
        lines = spine.order(1, *["TEE"] * 6)
        await spine.take(lines, *[spine.order(n, "TEE") for n in range(2, 30)])
        await Tuner(clock=clock()).tune(spine.conn, ["TEE"])
        assert await spine.one("SELECT dispersion FROM outbox.spread WHERE key = 'TEE'") >= 1


# -- the gate of thin stock ------------------------------------------------------------------------


async def moved_to_south(spine: Spine) -> None:
    """Let north show 6 of 8 and south 2, and then want it the other way round."""
    await sell(spine, units=8, rates={}, shops=("north", "south"))
    await spine.rows(
        "UPDATE outbox.intent SET thin_below = 50, thin_from = CASE WHEN connection_id = %s THEN 0"
        " ELSE 0.25 END, thin_to = CASE WHEN connection_id = %s THEN 0.25 ELSE 1 END,"
        " believed = CASE WHEN connection_id = %s THEN 6 ELSE 2 END RETURNING 1",
        *[spine.numbers["north"]] * 3,
    )
    await spine.rows(
        "UPDATE outbox.intent SET state = 'due', value = CASE WHEN connection_id = %s THEN 2"
        " ELSE 6 END RETURNING 1",
        spine.numbers["north"],
    )


async def test_in_thin_stock_one_is_lowered_before_another_is_raised(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await moved_to_south(spine)
        assert await claim(spine, "south") is None
        lowering = await claim(spine, "north")
        assert await claim(spine, "south") is None, "not before it is confirmed"
        await settle(spine, lowering)
        raising = await claim(spine, "south")
        assert raising is not None
        assert [each.intent.value for each in raising.claimed] == [6]


async def test_while_nobody_knows_whether_it_was_lowered_nothing_is_raised(
    database_url: str,
) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await moved_to_south(spine)
        await settle(spine, await claim(spine, "north"), ReceiptState.UNKNOWN)
        assert await claim(spine, "south") is None


async def test_what_was_sent_and_is_not_settled_counts(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await moved_to_south(spine)
        await settle(spine, await claim(spine, "north"))
        raising = await claim(spine, "south")
        # Meanwhile the parts move back: 6 may stand at south, though 2 shall.
        await spine.rows(
            "UPDATE outbox.intent SET value = CASE WHEN connection_id = %s THEN 6 ELSE 2 END,"
            " state = CASE WHEN connection_id = %s THEN 'due' ELSE state END RETURNING 1",
            *[spine.numbers["north"]] * 2,
        )
        assert await claim(spine, "north") is None
        await settle(spine, raising)
        assert await claim(spine, "north") is None, "6 stands at south now"
        assert await spine.one("SELECT max(sent) FROM outbox.intent") is None


async def test_with_enough_left_nothing_waits(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await moved_to_south(spine)
        await spine.rows("UPDATE outbox.intent SET thin_below = 8 RETURNING 1")
        assert await claim(spine, "south") is not None


async def test_played_thin_stock_is_never_shown_twice(database_url: str) -> None:
    """Sales at random, calls that end at random: all numbers together are never more than there is.

    What stands at a shop falls by its own sales at once; the hub hears of them later.
    """
    rng = random.Random(5)
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=30, rates={name: 1.0 + n for n, name in enumerate(SHOPS)})
        tuner = Tuner(clock=clock())
        await tuner.tune(spine.conn, ["TEE"])
        stands = dict.fromkeys(SHOPS, 0)
        await spine.rows("UPDATE outbox.intent SET believed = 0, state = 'due' RETURNING 1")
        stock, number, unheard, under_way = 30, 0, [], []
        for _ in range(400):
            step = rng.randrange(5)
            name = rng.choice(SHOPS)
            if step == 0 and stands[name] > 0:
                stands[name] -= 1
                stock -= 1
                number += 1
                unheard.append(spine.order(number, "TEE", name=name))
            elif step == 1 and unheard:
                await spine.take(unheard.pop(rng.randrange(len(unheard))))
                await tuner.tune(spine.conn, ["TEE"])
            elif step == 2:
                call = await claim(spine, name)
                under_way += [] if call is None else [(name, call)]
            elif under_way:
                where, call = under_way.pop(rng.randrange(len(under_way)))
                [each] = call.claimed
                if stands[where] == each.intent.expected:
                    stands[where] = each.intent.value
                    await settle(spine, call)
                else:  # it sold something that was not heard of
                    await settle(spine, call, ReceiptState.LATER, observed=stands[where])
            assert sum(stands.values()) <= stock
            assert stock >= 0
        assert number > 20, "units were sold"


async def test_tuning_beside_sales_blocks_nobody(database_url: str) -> None:
    """Orders and tuning at once over two sessions: no deadlock, and the newest number stands."""
    async with open_spine(database_url, *SHOPS) as spine:
        await sell(spine, units=200, rates={"north": 2.0, "south": 1.0})
        tuner = Tuner(clock=clock())

        async def keep_tuning() -> None:
            from trueup.db.pool import connect

            async with await connect(spine.conninfo, application_name="test") as conn:
                for _ in range(15):
                    await tuner.tune(conn, ["TEE"])

        async def keep_selling() -> None:
            for n in range(1, 16):
                await spine.take(spine.order(n, "TEE"))

        await asyncio.gather(keep_tuning(), keep_selling())
        assert set((await shown(spine, "available")).values()) == {185}
        told, held = await shown(spine), await shown(spine, "safety")
        assert all(told[name] == 185 - held[name] for name in SHOPS)
        assert math.isfinite(max(held.values()))


# -- a kit and its part ----------------------------------------------------------------------------


async def sell_a_set(spine: Spine, *, units: int, rates: dict[str, float]) -> None:
    """List TEE at north and south, and SET of two of it at north: by code, what is sold a second."""
    await spine.take(
        spine.kit("SET", TEE=2),
        spine.product(1, "TEE"),
        spine.product(2, "TEE", name="south"),
        spine.product(3, "SET"),
        spine.movement("o", "opening", "TEE", units),
    )
    for code in ("TEE", "SET"):
        await spine.rows(
            "UPDATE outbox.intent SET believed = value, state = 'settled', rate = %s, rated_at = now()"
            " WHERE key = %s RETURNING 1",
            rates.get(code, 0.0),
            code,
        )


async def told(spine: Spine) -> dict[tuple[str, str], int]:
    rows = await spine.rows("SELECT key, connection_id, value FROM outbox.intent")
    names = {number: name for name, number in spine.numbers.items()}
    return {(key, names[number]): value for key, number, value in rows}


async def test_what_a_kit_sells_is_kept_back_from_its_part(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell_a_set(spine, units=300, rates={"SET": 2.0})
        await Tuner(clock=clock()).tune(spine.conn, ["TEE"])
        after = await told(spine)
        assert after["TEE", "north"] < 280, "also where the kit itself is sold"
        assert after["TEE", "south"] < 280
        assert after["SET", "north"] == 150, "nobody else sells what it is made of"
        assert await spine.rows(
            "SELECT DISTINCT key, siblings FROM outbox.intent ORDER BY key"
        ) == [
            ("SET", ["TEE"]),
            ("TEE", ["SET"]),
        ]


async def test_what_a_part_sells_is_kept_back_from_its_kit(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell_a_set(spine, units=300, rates={"TEE": 2.0})
        await Tuner(clock=clock()).tune(spine.conn, ["SET"])
        after = await told(spine)
        assert after["SET", "north"] < 145
        kits = Kits([Definition("SET", datetime(2026, 1, 1, tzinfo=UTC), {"TEE": 2})])
        [listed] = await read_listed(spine.conn, ["SET"], kits, now=clock().now())
        held = await spine.one("SELECT safety FROM outbox.intent WHERE key = 'SET'")
        assert chance_short(listed.sellers, 0, listed.dispersion, held, listed.pool) <= 0.0015


async def test_thin_stock_of_a_part_is_shown_once_with_its_kits(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell_a_set(spine, units=9, rates={"TEE": 2.0, "SET": 1.0})
        await Tuner(clock=clock()).tune(spine.conn, ["TEE"])
        after = await told(spine)
        assert after["SET", "north"] == 2
        assert after["TEE", "north"] + after["TEE", "south"] == 5


async def test_a_part_is_raised_once_its_kit_is_lowered(database_url: str) -> None:
    async with open_spine(database_url, *SHOPS) as spine:
        await sell_a_set(spine, units=9, rates={"TEE": 2.0, "SET": 1.0})
        await Tuner(clock=clock()).tune(spine.conn, ["TEE"])
        await spine.rows(
            "UPDATE outbox.intent SET state = 'settled', believed = CASE WHEN key = 'SET' THEN 4"
            " ELSE value END RETURNING 1"
        )
        await spine.rows(
            "UPDATE outbox.intent SET state = 'due' WHERE key = 'SET' OR connection_id = %s RETURNING 1",
            spine.numbers["south"],
        )
        await spine.rows(
            "UPDATE outbox.intent SET believed = 0 WHERE connection_id = %s RETURNING 1",
            spine.numbers["south"],
        )
        assert await claim(spine, "south") is None
        lowering = await claim(spine, "north")
        assert lowering is not None
        assert [each.intent.key for each in lowering.claimed] == ["SET"]
        await settle(spine, lowering)
        assert await claim(spine, "south") is not None
