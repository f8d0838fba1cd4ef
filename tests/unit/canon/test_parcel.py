"""What a carrier tells in parts ends in one parcel, whatever comes first, twice or not at all."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.ledger.stories import line, order
from trueup.canon.customer import Address
from trueup.canon.link import Link, LinkSpace
from trueup.canon.parcel import Parcel, ParcelPerson, ParcelStatus, Scan, Word, history_of
from trueup.canon.record import decode, encode
from trueup.contract.connector import Source
from trueup.errors import InvariantBroken
from trueup.records.merge import Outcome, Parts, merge, take_apart
from trueup.records.model import Stamp, Stored

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
S = ParcelStatus


def scan(
    hour: float, status: ParcelStatus, code: str = "", place: str | None = None, message: str = ""
) -> Scan:
    return Scan(
        status=status,
        code=code or status.value,
        occurred_at=AT + timedelta(hours=hour),
        place=place,
        message=message or None,
    )


JOURNEY = (
    scan(0, S.CREATED),
    scan(6, S.PICKED_UP, place="North"),
    scan(20, S.IN_TRANSIT, place="South"),
    scan(50, S.OUT_FOR_DELIVERY),
    scan(55, S.ATTEMPT_FAILED),
    scan(74, S.OUT_FOR_DELIVERY),
    scan(78, S.DELIVERED),
    # One scan that was told in two ways, and one that nobody knows.
    scan(20, S.UNKNOWN, code="in_transit", place="South"),
    scan(30, S.UNKNOWN, code="zeppelin"),
)


def parcel(*scans: Scan, at: float = 0, **fields: object) -> Parcel:
    """Return a parcel as a mapping tells it."""
    history = history_of(scans)
    word: Word | None = fields.pop("word", None)  # type: ignore[assignment]
    newest = history.newest
    told = Parcel(
        ref="19000000000017",
        updated_at=AT + timedelta(hours=at),
        status=newest.status if newest else S.CREATED,
        status_code=newest.code if newest else None,
        scans=history.scans,
        attempts=history.attempts,
        shipped_at=history.shipped_at,
        delivered_at=history.delivered_at,
        word=word if newest else None,
    )
    return msgspec.structs.replace(told, **fields)


LINKS = (Link(LinkSpace.TRACKING, "1"), Link(LinkSpace.ORDER, "#1001"))
PERSONS = (
    ParcelPerson(tracking_number="1"),
    ParcelPerson(signed_by="I EXAMPLE", destination=Address(city="Pune")),
    ParcelPerson(signed_by="O EXAMPLE"),
)
PARCELS = st.builds(
    lambda scans, at, **fields: parcel(*scans, at=at, **fields),
    st.lists(st.sampled_from(JOURNEY), max_size=5),
    st.integers(0, 3),
    carrier=st.sampled_from((None, "USPS", "UPS")),
    expected_on=st.sampled_from((None, date(2026, 3, 5), date(2026, 3, 6))),
    weight_g=st.sampled_from((None, 100, 90)),
    links=st.lists(st.sampled_from(LINKS), max_size=2, unique=True).map(tuple),
    word=st.sampled_from((None, Word(status=S.CANCELLED, code="void"), Word(status=S.RETURNING))),
    returning=st.booleans(),
    person=st.sampled_from((None, *PERSONS)),
)
VERSIONS = st.lists(
    st.builds(
        lambda told, raised: take_apart(
            told,
            Source(
                topic="t",
                body=b"",
                received_at=AT,
                raised_at=None if raised is None else AT + timedelta(minutes=raised),
            ),
        ),
        PARCELS,
        st.none() | st.integers(0, 2),
    ),
    min_size=1,
    max_size=6,
)


def version(told: Parcel) -> Parts:
    return take_apart(told, Source(topic="t", body=b"", received_at=AT))


def deliver(versions: list[Parts]) -> tuple[Stored, list[Outcome]]:
    """Merge as the hub does, through the bytes that it stores in between."""
    current: Stored | None = None
    outcomes = []
    for number, parts in enumerate(versions):
        current, outcome = merge(
            current, parts, record_id=1, connection_id=1, event_id=number, person=None
        )
        current.body = decode("parcel", encode(current.body))
        outcomes.append(outcome)
    assert current is not None
    return current, outcomes


def kept(stored: Stored) -> tuple[bytes, bytes | None, Stamp]:
    return encode(stored.body), stored.personal, stored.stamp


@given(versions=VERSIONS, data=st.data())
@example([version(parcel(JOURNEY[6], at=2)), version(parcel(JOURNEY[1], at=0))], None).via("late")
def test_any_order_ends_in_the_same_parcel(
    versions: list[Parts], data: st.DataObject | None
) -> None:
    expected, _ = deliver(versions)
    mixed = [*reversed(versions), *versions]
    if data is not None:
        again = st.lists(st.sampled_from(versions), max_size=4)
        mixed = data.draw(st.permutations([*versions, *data.draw(again)]))
    found, _ = deliver(mixed)
    assert kept(found) == kept(expected)


@given(one=PARCELS, two=PARCELS, three=PARCELS)
def test_parts_are_united_alike_in_any_grouping(one: Parcel, two: Parcel, three: Parcel) -> None:
    assert one.united(two) == two.united(one).united(one.united(two))
    assert one.united(two).united(three) == one.united(two.united(three))
    once = one.united(one)
    assert once.united(one) == one.united(once) == once


@given(versions=VERSIONS)
def test_no_scan_that_was_told_is_lost(versions: list[Parts]) -> None:
    found, _ = deliver(versions)
    assert isinstance(found.body, Parcel)
    told = {
        (scan.occurred_at, scan.code, scan.place)
        for parts in versions
        if isinstance(parts.record, Parcel)
        for scan in parts.record.scans
    }
    assert {(s.occurred_at, s.code, s.place) for s in found.body.scans} == told
    assert len(found.body.scans) == len(told)


def test_a_stale_version_with_a_scan_that_nobody_told_counts() -> None:
    newer, older = parcel(JOURNEY[0], JOURNEY[6], at=3), parcel(JOURNEY[4], at=1)
    found, outcomes = deliver([version(newer), version(older)])
    assert outcomes == [Outcome.CREATED, Outcome.CHANGED]
    assert isinstance(found.body, Parcel)
    assert (found.body.status, found.body.attempts) == (S.DELIVERED, 1)
    assert found.body.updated_at == newer.updated_at
    assert found.event_id == 1
    # What is known in full already changes nothing.
    assert deliver([version(newer), version(older), version(older)])[1][-1] is Outcome.SAME


def test_who_tells_less_erases_nothing() -> None:
    reading = parcel(
        *JOURNEY[:3],
        at=1,
        expected_on=date(2026, 3, 6),
        carrier="Delhivery",
        person=PERSONS[1],
        returning=True,
    )
    push = parcel(JOURNEY[3], at=2, carrier="Delhivery")
    found, _ = deliver([version(reading), version(push)])
    body = found.body
    assert isinstance(body, Parcel)
    assert body.status is S.OUT_FOR_DELIVERY
    assert (body.expected_on, body.returning, len(body.scans)) == (date(2026, 3, 6), True, 4)
    assert found.personal == encode(PERSONS[1])


def test_of_what_is_told_twice_the_newest_word_counts() -> None:
    """Though a version between them tells nothing of it, and comes last."""
    first = parcel(at=1, expected_on=date(2026, 3, 5))
    third = parcel(JOURNEY[2], at=3)
    second = parcel(JOURNEY[1], at=2, expected_on=date(2026, 3, 7))
    found, _ = deliver([version(first), version(third), version(second)])
    assert isinstance(found.body, Parcel)
    assert found.body.expected_on == date(2026, 3, 7)


def test_a_carriers_own_word_counts_until_it_is_taken_back() -> None:
    void = parcel(JOURNEY[0], at=1, word=Word(status=S.CANCELLED, code="cancelled"))
    later = parcel(JOURNEY[0], JOURNEY[1], at=2)
    found, _ = deliver([version(void)])
    assert isinstance(found.body, Parcel)
    assert (found.body.status, found.body.status_code) == (S.CANCELLED, "cancelled")
    found, _ = deliver([version(void), version(later)])
    assert isinstance(found.body, Parcel)
    assert (found.body.status, found.body.word) == (S.PICKED_UP, None)


def test_a_scan_that_was_told_in_two_ways_is_one() -> None:
    known, strange = JOURNEY[2], JOURNEY[7]
    for told in ((known, strange), (strange, known)):
        [only] = history_of(told).scans
        assert only.status is S.IN_TRANSIT


def test_failures_within_six_hours_are_one_attempt_and_are_counted_anew() -> None:
    failed = [scan(hour, S.ATTEMPT_FAILED) for hour in (55, 58, 70)]
    assert history_of(failed).attempts == 2
    between = scan(57, S.IN_TRANSIT)
    assert history_of([*failed, between]).attempts == 3


def test_records_of_other_kinds_are_not_united() -> None:

    with pytest.raises(InvariantBroken):
        order(line()).united(order(line()))
