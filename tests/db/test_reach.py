"""Reach: how long word takes is measured where it happens, and shared by all processes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.spine import Spine, open_spine
from trueup.contract.connector import Receipt, ReceiptState
from trueup.intake.model import Event, Origin
from trueup.ledger.model import Place, Position, Transaction
from trueup.outbox.claim import claim_call
from trueup.outbox.reach import SAMPLE_S_MAX, Delay, Reach, ReachWatch, is_live, read_reach
from trueup.outbox.receipt import Verdict, settle_call
from trueup.pipeline import Applier

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def sale(
    took_s: float, *, connection_id: int = 7, units: int = 1, live: bool = True
) -> Transaction:
    return Transaction(
        event_id=1,
        live=live,
        record_id=1,
        connection_id=connection_id,
        reason="order",
        occurred_at=NOW - timedelta(seconds=took_s),
        seen_at=NOW,
        moves={
            Position("TEE", Place.RESERVED): units,
            Position("TEE", Place.DEMAND): -units,
        },
    )


def note(watch: ReachWatch, *took_s: float, **fields: Any) -> None:
    watch.note_sales([sale(s, **fields) for s in took_s])


async def test_a_measurement_is_smoothed_as_rfc_6298_says(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        watch = ReachWatch()
        note(watch, 4.0)
        assert await watch.flush(spine.conn, now_s=10) == 1
        first = (await read_reach(spine.conn))[7].inward
        assert first is not None
        assert (first.mean_s, first.deviation_s, first.reach_s) == (4.0, 2.0, 12.0)
        note(watch, 8.0)
        assert await watch.flush(spine.conn, now_s=20) == 1
        second = (await read_reach(spine.conn))[7].inward
        assert second is not None
        assert second.deviation_s == pytest.approx(2.0 * 3 / 4 + 4.0 / 4)
        assert second.mean_s == pytest.approx(4.0 * 7 / 8 + 8.0 / 8)
        assert second.samples == 2


async def test_many_in_a_second_are_one_measurement_with_its_spread(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        watch = ReachWatch()
        note(watch, 1.0, 9.0)
        await watch.flush(spine.conn, now_s=10)
        found = (await read_reach(spine.conn))[7].inward
        assert found is not None
        assert (found.mean_s, found.deviation_s, found.samples) == (5.0, 4.0, 2)
        note(watch, 5.0, 5.0)
        await watch.flush(spine.conn, now_s=20)
        later = (await read_reach(spine.conn))[7].inward
        assert later is not None
        assert later.deviation_s == pytest.approx(3.0)


async def test_no_more_than_one_statement_a_second(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        watch = ReachWatch()
        note(watch, 1.0)
        assert await watch.flush(spine.conn, now_s=10) == 1
        note(watch, 1.0)
        assert await watch.flush(spine.conn, now_s=10.9) == 0
        assert await watch.flush(spine.conn, now_s=11) == 1
        assert await watch.flush(spine.conn, now_s=20) == 0


async def test_history_files_restocks_and_own_words_say_nothing(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        watch = ReachWatch()
        note(watch, 4.0, live=False)
        note(watch, 4.0, units=-1)  # a cancellation
        note(watch, SAMPLE_S_MAX + 1)
        await watch.flush(spine.conn, now_s=10)
        assert await read_reach(spine.conn) == {}


async def test_a_clock_that_is_ahead_is_no_negative_time(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        watch = ReachWatch()
        note(watch, -3.0)
        await watch.flush(spine.conn, now_s=10)
        found = (await read_reach(spine.conn))[7].inward
        assert found is not None
        assert found.mean_s == 0


async def test_a_sale_that_comes_in_is_measured(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        watch = ReachWatch()
        spine.applier = Applier(spine.conn, spine.hub, reach=watch)
        at = datetime.now(UTC) - timedelta(seconds=3)
        stamp = at.isoformat(timespec="seconds")
        await spine.take(spine.product(1, "TEE"), spine.movement("o", "opening", "TEE", 10))
        assert not watch._seen
        await spine.take(spine.order(1, "TEE", created_at=stamp, updated_at=stamp))
        await watch.flush(spine.conn)
        found = (await read_reach(spine.conn))[spine.numbers["north"]].inward
        assert found is not None
        assert 3 <= found.mean_s < 60


async def test_only_lower_numbers_that_were_done_tell_the_way_out(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await spine.take(spine.product(1, "TEE"), spine.movement("o", "opening", "TEE", 10))
        await spine.rows("UPDATE outbox.intent SET believed = 12 RETURNING 1")
        call = await claim_call(spine.conn, spine.numbers["north"], "stock.set", count=1)
        assert call is not None
        await settle_call(spine.conn, call, [Verdict(receipt=Receipt(state=ReceiptState.DONE))])
        watch = ReachWatch()
        now = call.claimed[0].wanted_at + timedelta(seconds=2)
        watch.note_lowered(call, [False], now)
        assert await watch.flush(spine.conn, now_s=1) == 0
        watch.note_lowered(call, [True], now)
        assert await watch.flush(spine.conn, now_s=2) == 1
        found = (await read_reach(spine.conn))[spine.numbers["north"]]
        assert found.outward == Delay(
            mean_s=2.0,
            deviation_s=1.0,
            samples=1,
            measured_at=found.outward.measured_at,  # type: ignore[union-attr]
        )
        assert (found.inward_s, found.outward_s) == (10.0, 6.0)
        raised = await _raise(spine)
        watch.note_lowered(raised, [True], now)
        assert await watch.flush(spine.conn, now_s=9) == 0


async def _raise(spine: Spine) -> Any:
    await spine.take(spine.movement("r", "receipt", "TEE", 5))
    call = await claim_call(spine.conn, spine.numbers["north"], "stock.set", count=1)
    assert call is not None
    assert call.claimed[0].intent.value > (call.claimed[0].intent.expected or 0)
    return call


@pytest.mark.parametrize(
    ("origin", "took_s", "live"),
    [
        (Origin.WEBHOOK, 9_000, True),
        (Origin.POLL, 60, True),
        (Origin.POLL, 9_000, False),
        (Origin.BULK, 1, False),
        (Origin.FILE, 1, False),
        (Origin.OWN, 1, False),
        (Origin.REPLY, 1, False),
    ],
)
def test_history_files_and_own_words_are_not_told_as_they_happen(
    origin: Origin,
    took_s: float,
    live: bool,  # noqa: FBT001 - by pytest
) -> None:
    event = Event(
        event_id=1,
        connection_id=7,
        external_id="",
        topic="",
        entity="",
        origin=origin.value,
        raised_at=None,
        received_at=NOW,
        body=b"",
        wrapped=b"",
        person=None,
        attempts=0,
        partition=0,
    )
    assert is_live(event, NOW - timedelta(seconds=took_s)) is live


def test_what_was_never_measured_is_assumed() -> None:
    assert (Reach().inward_s, Reach().outward_s) == (10.0, 5.0)
