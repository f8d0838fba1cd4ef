"""Versions of one record end the same, in whatever order they are delivered."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.ledger.stories import line, order
from trueup.canon.order import Order, OrderPerson
from trueup.canon.record import BEGINNING, encode
from trueup.contract.connector import Source
from trueup.records.merge import Outcome, Parts, judge, merge, take_apart
from trueup.records.model import Stamp, Stored

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def version(second: int, content: int, raised: int | None = None, email: str = "") -> Parts:
    """Return one version; equal seconds and contents are wanted."""
    person = OrderPerson(email=email) if email else None
    record: Order = msgspec.structs.replace(
        order(line(quantity=content)), updated_at=AT + timedelta(seconds=second), person=person
    )
    raised_at = None if raised is None else AT + timedelta(milliseconds=raised)
    source = Source(topic="t", body=b"", raised_at=raised_at, received_at=AT)
    return take_apart(record, source)


def deliver(versions: list[Parts]) -> tuple[Stored, list[Outcome]]:
    current: Stored | None = None
    outcomes = []
    for number, parts in enumerate(versions):
        current, outcome = merge(
            current, parts, record_id=1, connection_id=1, event_id=number, person=None
        )
        outcomes.append(outcome)
    assert current is not None
    return current, outcomes


VERSIONS = st.lists(
    st.builds(
        version,
        st.integers(0, 2),
        st.integers(1, 3),
        st.none() | st.integers(0, 2),
        st.sampled_from(("", "a@x.example", "b@x.example")),
    ),
    min_size=1,
    max_size=7,
)


@given(versions=VERSIONS, data=st.data())
@example([version(0, 1), version(0, 2)], None).via("two changes in one second")
@example([version(0, 1), version(1, 2), version(2, 1)], None).via("said again later")
def test_any_order_ends_the_same(versions: list[Parts], data: st.DataObject | None) -> None:
    expected, _ = deliver(versions)
    if data is None:
        mixed = [*reversed(versions), *versions]
    else:
        mixed = data.draw(st.permutations(versions)) + data.draw(
            st.lists(st.sampled_from(versions))
        )
    found, _ = deliver(mixed)
    assert found.stamp == expected.stamp
    assert encode(found.body) == encode(expected.body)
    assert found.stamp == max(parts.stamp for parts in versions)


@given(versions=VERSIONS)
def test_every_version_is_counted(versions: list[Parts]) -> None:
    found, outcomes = deliver(versions)
    assert outcomes[0] is Outcome.CREATED
    kept = [outcome for outcome in outcomes if outcome is not Outcome.SAME]
    assert found.versions == len(kept)
    assert found.stale == outcomes.count(Outcome.STALE)


def test_what_is_older_is_stale_and_what_is_equal_is_the_same() -> None:
    newer, older = version(2, 1), version(1, 2)
    current, _ = deliver([newer])
    assert judge(current, older.stamp) is Outcome.STALE
    assert judge(current, newer.stamp) is Outcome.SAME
    assert judge(current, version(3, 2).stamp) is Outcome.CHANGED
    assert judge(None, older.stamp) is Outcome.CREATED


def test_a_stale_version_changes_nothing_but_its_count() -> None:
    newer = version(2, 1)
    found, outcomes = deliver([newer, version(1, 2)])
    assert outcomes == [Outcome.CREATED, Outcome.STALE]
    assert (found.stamp, found.event_id, found.versions, found.stale) == (newer.stamp, 0, 2, 1)


def test_when_a_vendor_stamps_whole_seconds_the_later_raised_wins() -> None:
    first, second = version(1, 1, raised=1), version(1, 2, raised=2)
    for order_ in ([first, second], [second, first]):
        found, _ = deliver(order_)
        assert found.body == second.record


def test_what_is_personal_stands_apart_and_still_makes_a_version() -> None:
    bare, named, other = version(1, 1), version(1, 1, email="a@x"), version(1, 1, email="b@x")
    assert bare.personal is None
    assert named.personal is not None
    assert b"a@x" in named.personal
    assert b"a@x" not in named.body
    assert named.record.person is None
    assert len({parts.stamp.digest for parts in (bare, named, other)}) == 3


def test_a_source_that_does_not_say_when_it_was_raised_is_the_oldest_of_its_second() -> None:
    assert version(1, 1).stamp.raised_at == BEGINNING
    assert Stamp(AT, BEGINNING, b"\xff") < Stamp(AT, AT, b"\x00") < Stamp(AT, AT, b"\x01")
