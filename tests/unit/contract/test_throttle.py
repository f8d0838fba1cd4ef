"""The vendor's limits are kept under any pattern of calls, and retries follow the schedule."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.contract.capability import Limit
from trueup.contract.throttle import (
    RETRY_DELAYS_S,
    CostBucket,
    read_retry_after,
    retry_delay_s,
    status_fate,
)
from trueup.errors import InvariantBroken

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


CALLS = st.lists(
    st.tuples(st.floats(0, 30), st.floats(0, 150)),  # seconds since the last call, cost
    min_size=1,
    max_size=60,
)


@given(CALLS, st.floats(1, 120), st.floats(0.5, 50))
def test_no_stretch_of_time_spends_more_than_the_budget(
    calls: list[tuple[float, float]], capacity: float, refill_per_s: float
) -> None:
    """Send each call after its wait; then hold every window against capacity + T * refill."""
    bucket, clock, sent = CostBucket(capacity, refill_per_s), 0.0, []
    for gap, cost in calls:
        clock += gap
        wait_s = bucket.reserve(cost, at(clock))
        sent.append((clock + wait_s, min(cost, capacity)))
    for first in range(len(sent)):
        spent = 0.0
        for last in range(first, len(sent)):
            spent += sent[last][1]
            stretch_s = sent[last][0] - sent[first][0]
            assert spent <= capacity + stretch_s * refill_per_s + 0.01


@given(CALLS)
def test_calls_leave_in_the_order_of_asking(calls: list[tuple[float, float]]) -> None:
    bucket, clock, previous = CostBucket(100, 10), 0.0, 0.0
    for gap, cost in calls:
        clock += gap
        leaves = clock + bucket.reserve(cost, at(clock))
        assert leaves >= previous - 0.001
        previous = leaves


def test_a_full_bucket_lets_a_burst_through_and_then_waits() -> None:
    bucket = CostBucket(100, 50)
    assert [bucket.reserve(50, NOW) for _ in range(4)] == [0, 0, 1, 2]
    assert bucket.reserve(0, at(2)) == 0
    assert bucket.reserve(50, at(3)) == 0


def test_a_call_dearer_than_the_whole_budget_waits_for_all_of_it() -> None:
    bucket = CostBucket(100, 50)
    assert bucket.reserve(1_000, NOW) == 0
    assert bucket.reserve(1_000, NOW) == 2


def test_the_vendors_word_wins_over_the_assumption() -> None:
    bucket = CostBucket(100, 10)
    bucket.observe(available=0, capacity=2_000, refill_per_s=100, now=NOW)
    assert bucket.reserve(50, NOW) == 0.5  # another app spent it all
    bucket.observe(available=1_990, capacity=2_000, refill_per_s=100, now=at(1))
    assert bucket.reserve(1_500, at(1)) == 0
    bucket.observe(available=400, capacity=500, refill_per_s=50, now=at(2), in_flight_cost=400)
    assert bucket.reserve(100, at(2)) == 2
    bucket.observe(available=9_999, capacity=500, refill_per_s=50, now=at(3))
    assert bucket.available(at(3)) == 500


def test_of_a_vendor_that_counts_by_windows_the_word_never_raises_the_pace() -> None:
    bucket = CostBucket(40, 3)
    assert bucket.reserve(40, NOW) == 0
    bucket.observe(available=37, capacity=37, refill_per_s=4, now=NOW, at_most=True)
    assert bucket.available(NOW) == 0, "what is left of the window comes back at our pace"
    bucket.observe(available=37, capacity=37, refill_per_s=4, now=at(5), at_most=True)
    assert bucket.available(at(5)) == 20
    bucket.observe(available=2, capacity=37, refill_per_s=4, now=at(5), at_most=True)
    assert bucket.available(at(5)) == 2, "others spent it"


@pytest.mark.parametrize(("capacity", "refill_per_s"), [(0, 10), (-1, 10), (10, 0), (10, -5)])
def test_a_vendors_word_without_sense_changes_nothing(capacity: float, refill_per_s: float) -> None:
    bucket = CostBucket(100, 10)
    bucket.observe(available=0, capacity=capacity, refill_per_s=refill_per_s, now=NOW)
    assert bucket.available(NOW) == 100


def test_what_was_not_sent_is_given_back() -> None:
    bucket = CostBucket(100, 10)
    bucket.reserve(100, NOW)
    bucket.give_back(60, NOW)
    assert bucket.available(NOW) == 60
    bucket.give_back(900, NOW)
    assert bucket.available(NOW) == 100


def test_a_clock_that_jumps_back_neither_refills_nor_freezes() -> None:
    bucket = CostBucket(100, 10)
    bucket.reserve(100, NOW)
    assert bucket.available(at(-3_600)) == 0
    assert bucket.available(at(-3_595)) == 50


def test_a_bucket_of_a_manifest() -> None:
    limit = Limit(kind="cost", capacity=2_000, refill_per_s=100)
    assert CostBucket.of(limit).available(NOW) == 2_000


@pytest.mark.parametrize(("capacity", "refill_per_s"), [(0, 1), (1, 0), (-1, 1)])
def test_a_bucket_that_could_not_work_is_a_bug(capacity: float, refill_per_s: float) -> None:
    with pytest.raises(InvariantBroken):
        CostBucket(capacity, refill_per_s)


def test_a_negative_cost_is_a_bug() -> None:
    with pytest.raises(InvariantBroken):
        CostBucket(1, 1).reserve(-1, NOW)


# --- retries ----------------------------------------------------------------------------------


def test_the_schedule() -> None:
    hours = sum(RETRY_DELAYS_S) / 3_600
    assert 75 < hours < 77
    assert list(RETRY_DELAYS_S) == sorted(RETRY_DELAYS_S)
    assert RETRY_DELAYS_S[:4] == (0, 5, 30, 300)


@given(st.integers(0, 10), st.integers())
def test_jitter_stays_within_a_fifth(attempt: int, seed: int) -> None:
    delay_s = retry_delay_s(attempt, Random(seed))
    assert delay_s is not None
    planned = RETRY_DELAYS_S[attempt]
    assert planned * 0.8 <= delay_s <= planned * 1.2
    assert delay_s == retry_delay_s(attempt, Random(seed))


def test_the_schedule_outlasts_a_vendor_that_is_away_for_three_days() -> None:
    for seed in range(500):
        rng = Random(seed)
        waits = [retry_delay_s(attempt, rng) or 0.0 for attempt in range(len(RETRY_DELAYS_S))]
        assert sum(waits) > 72 * 3_600


def test_jitter_spreads() -> None:
    rng = Random(1)
    assert len({retry_delay_s(5, rng) for _ in range(100)}) == 100


def test_retry_after_wins_and_is_bounded() -> None:
    assert retry_delay_s(9, Random(1), 2.5) == 2.5
    assert retry_delay_s(1, Random(1), 1e9) == 86_400
    assert retry_delay_s(1, Random(1), -5) == 0


def test_after_the_schedule_comes_the_dead_letter() -> None:
    assert retry_delay_s(len(RETRY_DELAYS_S), Random(1)) is None
    assert retry_delay_s(len(RETRY_DELAYS_S), Random(1), 5) is None
    with pytest.raises(InvariantBroken):
        retry_delay_s(-1, Random(1))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2", 2),
        (" 2.0 ", 2),
        ("0", 0),
        ("-5", 0),
        ("1e12", 86_400),
        ("inf", 86_400),
        ("nan", None),
        ("Fri, 20 Nov 2026 12:01:00 GMT", 60),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 20 Nov 2026 12:01:00", None),  # without a zone it would be a guess
        ("soon", None),
        ("", None),
        (None, None),
        ("\u0662", None),
    ],
)
def test_retry_after_is_read(value: str | None, expected: float | None) -> None:
    assert read_retry_after(value, NOW) == expected


@given(st.text())
def test_any_retry_after_is_answered(value: str) -> None:
    seconds = read_retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= 86_400


# --- fates ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", range(300, 600))
def test_every_status_has_a_fate(status: int) -> None:
    fate = status_fate(status)
    if status == 429:
        assert fate == "after_s"
    elif status == 401:
        assert fate == "ask_human"
    elif status in {408, 409, 425} or status >= 500:
        assert fate == "later"
    else:
        assert fate == "never"


def test_a_write_behind_a_broken_gateway_is_read_back() -> None:
    assert {status for status in range(300, 600) if status_fate(status, writes=True) == "read_back"}
    assert status_fate(504, writes=True) == "read_back"
    assert status_fate(500, writes=True) == "read_back"
    assert status_fate(503, writes=True) == "later"  # turned away at the door
    assert status_fate(422, writes=True) == "never"


def test_a_success_has_no_such_fate() -> None:
    with pytest.raises(InvariantBroken):
        status_fate(200)
