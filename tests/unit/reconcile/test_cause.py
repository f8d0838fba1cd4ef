"""Causes: the parts of a difference always sum to it, and none is named without its evidence."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trueup.outbox.parity import Standing
from trueup.reconcile.cause import Cause, Facts, Reading, Unread, judge

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def standing(shall: int = 10, **fields: Any) -> Standing:
    given_: dict[str, Any] = {
        "sku": "TEE",
        "key": "TEE",
        "target": {},
        "shall": shall,
        "value": shall,
        "counted": True,
        "believed": shall,
        "dropped": 0,
        "risen": 0,
        "sequence": 7,
        "confirmed_sequence": 5,
        "state": "settled",
        "attempts": 0,
        "due_at": NOW,
        "wanted_at": NOW,
        "unexplained_since": None,
    }
    return Standing(**(given_ | fields))


def call(value: int, expected: int, **fields: Any) -> dict[str, Any]:
    given_ = {
        "call_id": 1,
        "state": "done",
        "started_at": NOW - 10 * MINUTE,
        "finished_at": NOW - 10 * MINUTE,
        "value": value,
        "expected": expected,
        "sequence": 7,
        "receipt": "done",
        "observed": None,
        "code": None,
    }
    return given_ | fields


def reading(*unread: Unread, read: bool = True) -> Reading:
    at = NOW if read else None
    return Reading(since_at=NOW - 30 * MINUTE, read_at=at, orders=len(unread), unread=unread)


def facts(stands: int | None, before: Standing | None = None, **fields: Any) -> Facts:
    before = before or standing()
    given_ = {"before": before, "after": before, "stands": stands, "looked_at": NOW}
    return Facts(**(given_ | fields))


def causes(found: Facts) -> dict[Cause, int]:
    return {part.cause: part.amount for part in judge(found)}


def test_what_agrees_has_no_cause() -> None:
    assert judge(facts(10)) == ()


def test_a_rule_is_named_where_no_unit_moved() -> None:
    ruled = standing(8, believed=10, state="due", confirmed_sequence=7)
    assert causes(facts(10, ruled, calls=(call(10, 12),))) == {Cause.RULE_CHANGED: 2}
    moved = standing(8, believed=10, state="due", confirmed_sequence=6)
    assert causes(facts(10, moved, calls=(call(10, 12, sequence=6),))) == {Cause.IN_FLIGHT: 2}


def test_the_vendors_delay_needs_the_number_that_stood_there_before() -> None:
    late = call(10, 4, started_at=NOW - MINUTE / 2)
    assert causes(facts(4, calls=(late,))) == {Cause.VENDOR_DELAY: -6}
    assert causes(facts(5, calls=(late,))) == {Cause.UNEXPLAINED: -5}
    old = call(10, 4, started_at=NOW - 5 * MINUTE)
    assert causes(facts(4, calls=(old,))) == {Cause.UNEXPLAINED: -6}


def test_a_second_writer_needs_time_orders_and_a_beginning() -> None:
    proven = {
        "changed_since": NOW - 5 * MINUTE,
        "changed_after": NOW - 20 * MINUTE,
        "reading": reading(),
    }
    assert causes(facts(7, **proven)) == {Cause.SECOND_WRITER: -3}
    for lacking in (
        {"changed_since": None},
        {"changed_since": NOW - MINUTE / 2},
        {"changed_after": None},
        {"changed_after": NOW - 40 * MINUTE},  # the orders were not read from so far back
        {"reading": None},
        {"reading": reading(read=False)},
    ):
        assert causes(facts(7, **(proven | lacking))) == {Cause.UNEXPLAINED: -3}, lacking


def test_an_order_explains_no_more_than_it_moved_and_only_its_own_way() -> None:
    sold = Unread(ref="1", event_id=5, units={"TEE": -2})
    assert causes(facts(9, reading=reading(sold))) == {Cause.LOST_WEBHOOK: -1}
    assert causes(facts(12, reading=reading(sold))) == {Cause.UNEXPLAINED: 2}
    other = Unread(ref="1", event_id=5, units={"MUG": -2})
    assert causes(facts(8, reading=reading(other))) == {Cause.UNEXPLAINED: -2}


def test_a_listing_that_ended_or_moved_is_on_its_way() -> None:
    assert causes(facts(9, after=None)) == {Cause.IN_FLIGHT: -1}
    assert causes(facts(9, after=standing(9, sequence=8))) == {Cause.IN_FLIGHT: -1}
    assert causes(facts(9, standing(state="unknown"))) == {Cause.IN_FLIGHT: -1}


def test_what_the_vendor_has_no_more_is_gone() -> None:
    assert causes(facts(None)) == {Cause.GONE_AT_VENDOR: -10}


UNREADS = st.lists(
    st.builds(
        Unread,
        ref=st.sampled_from(["1", "2", "3"]),
        event_id=st.none() | st.integers(1, 9),
        units=st.dictionaries(st.sampled_from(["TEE", "MUG"]), st.integers(-9, 9), max_size=2),
        known=st.booleans(),
        over=st.booleans(),
        held=st.lists(
            st.tuples(st.integers(1, 9), st.none() | st.just("hub.failure")), max_size=2
        ).map(tuple),
        named=st.frozensets(st.sampled_from(["TEE", "MUG"])),
    ),
    max_size=3,
).map(tuple)

STANDINGS = st.builds(
    lambda shall, dropped, believed, state: standing(
        shall,
        value=max(0, shall - dropped),
        dropped=dropped,
        believed=max(0, shall - dropped) if state == "settled" else believed,
        state=state,
    ),
    st.integers(0, 20),
    st.integers(0, 5),
    st.none() | st.integers(0, 20),
    st.sampled_from(["settled", "due", "dead"]),
)


@given(
    before=STANDINGS,
    stands=st.integers(0, 25),
    unread=UNREADS,
    read=st.booleans(),
    ago=st.none() | st.integers(0, 10),
    calls=st.lists(
        st.builds(
            call,
            st.integers(0, 20),
            st.integers(0, 20),
            receipt=st.sampled_from(["done", "later", None]),
        ),
        max_size=3,
    ).map(tuple),
)
def test_parts_sum_to_the_difference_and_each_has_evidence(
    before: Standing,
    stands: int,
    unread: tuple[Unread, ...],
    read: bool,  # noqa: FBT001 - drawn by Hypothesis
    ago: int | None,
    calls: tuple[dict[str, Any], ...],
) -> None:
    since = None if ago is None else NOW - ago * MINUTE
    found = facts(
        stands,
        before,
        reading=reading(*unread, read=read),
        changed_since=since,
        changed_after=None if since is None else since - MINUTE,
        calls=calls,
    )
    parts = judge(found)
    assert sum(part.amount for part in parts) == stands - before.shall
    assert all(part.evidence and part.amount for part in parts)
    for part in parts:
        if part.cause in {Cause.LOST_WEBHOOK, Cause.PHANTOM_RESERVATION}:
            assert any(f"order/{each.ref}" in part.evidence[0] for each in unread)
        if part.cause is Cause.PARKED_EVENT:
            assert any("is parked" in line for line in part.evidence)
        if part.cause is Cause.SECOND_WRITER:
            assert read
            assert since is not None
    if parts:
        kinds = [part.cause is Cause.UNEXPLAINED for part in parts]
        assert kinds == sorted(kinds, reverse=True), "what nothing explains comes first"
