"""Releases: the order's own facts count first, whenever they come, and no unit counts twice."""

from datetime import timedelta
from itertools import permutations
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ledger.stories import AT, line, order, refunded, shipped
from trueup.canon.order import Order, PaymentStatus
from trueup.canon.record import Record
from trueup.canon.refund import Restock
from trueup.canon.release import Release, ReleaseLine, ReleaseReason
from trueup.ledger.model import Place, Positions
from trueup.ledger.release import held_units, open_units, positions_of_release
from trueup.ledger.rules import own_available, positions_of_order


def site_of(location: str | None) -> str:
    return location or "main"


def release(
    units: int, reason: ReleaseReason = ReleaseReason.PERSON, *, of: str = "l1", **more: Any
) -> Release:
    fields = {"decided_at": AT, "order_at": AT} | more
    parts = (ReleaseLine(line_ref=of, units=units, reason=reason, **fields),)
    return Release(ref="1", order_ref="1", updated_at=fields["decided_at"], lines=parts)


def books(*records: Record) -> dict[Place, int]:
    """Return where the units of an order are, releases counted."""
    found: dict[Place, int] = {}
    for positions in (
        positions_of_order(records, site_of),
        positions_of_release(records, site_of),
    ):
        for position, units in positions.items():
            found[position.place] = found.get(position.place, 0) + units
    return {place: units for place, units in found.items() if units}


def available(*records: Record) -> int:
    moved: Positions = dict(positions_of_order(records, site_of))
    total = own_available(moved).get("TEE", 0)
    return total + own_available(positions_of_release(records, site_of)).get("TEE", 0)


def test_what_is_released_is_available_again() -> None:
    whole = order(line(quantity=3))
    assert books(whole) == {Place.RESERVED: 3, Place.DEMAND: -3}
    assert books(whole, release(2)) == {Place.RESERVED: 1, Place.DEMAND: -1}
    assert available(whole, release(2)) == -1
    assert held_units([whole, release(2)], site_of) == {"l1": 1}
    assert open_units([whole, release(2)], site_of) == {"l1": 3}


def test_an_order_that_ships_after_all_is_not_counted_twice() -> None:
    whole = order(line(quantity=3))
    assert books(whole, release(3), shipped(3)) == books(whole, shipped(3))
    assert books(whole, release(3), shipped(2)) == {Place.ON_HAND: -2, Place.CUSTOMER: 2}
    assert books(whole, release(3), refunded(3)) == {}


def test_units_that_left_are_off_the_shelf_until_their_vendor_says_so() -> None:
    whole = order(line(quantity=2))
    left = release(2, ReleaseReason.SHIPPED, shipped_at=AT)
    assert books(whole, left) == {Place.ON_HAND: -2, Place.CUSTOMER: 2}
    assert books(whole, left, shipped(2)) == {Place.ON_HAND: -2, Place.CUSTOMER: 2}
    assert available(whole, left) == available(whole) == -2


def test_what_was_removed_from_the_order_is_not_given_back_twice() -> None:
    edited = order(line(quantity=5, quantity_current=3))
    assert books(edited) == {Place.RESERVED: 3, Place.DEMAND: -3}
    assert books(edited, release(3)) == {}
    assert books(edited, release(9)) == {}, "never more than it holds"


def test_a_release_ends_when_the_order_lives() -> None:
    later = AT + timedelta(hours=1)
    pending = order(line(quantity=2), payment_status=PaymentStatus.PENDING)
    paid = msgspec.structs.replace(pending, payment_status=PaymentStatus.PAID, updated_at=later)
    unpaid = release(2, ReleaseReason.UNPAID)
    assert books(pending, unpaid) == {}
    assert books(paid, unpaid) == {Place.RESERVED: 2, Place.DEMAND: -2}
    touched = msgspec.structs.replace(pending, updated_at=later)
    assert books(touched, release(2, ReleaseReason.GONE)) == books(touched)
    assert books(touched, unpaid) == {}
    closed = order(line(quantity=2), closed_at=AT)
    assert books(closed, release(2, ReleaseReason.CLOSED)) == {}
    opened = order(line(quantity=2))
    assert books(opened, release(2, ReleaseReason.CLOSED)) == books(opened)


def test_a_release_can_be_taken_back() -> None:
    whole = order(line(quantity=2))
    back = release(0, decided_at=AT + timedelta(minutes=1))
    assert books(whole, release(2).united(back)) == books(whole)
    assert books(whole, back.united(release(2))) == books(whole)


def test_without_the_order_and_of_one_that_is_deleted_nothing_moves() -> None:
    assert positions_of_release([release(2)], site_of) == {}
    gone = order(line(quantity=2), deleted=True)
    assert books(gone, release(2)) == {}
    cancelled = order(line(quantity=2), cancelled_at=AT)
    assert books(cancelled, release(2)) == {}


FACTS = st.lists(
    st.one_of(
        st.builds(
            lambda n, ref, of: shipped(n, ref=f"s{ref}", of=of),
            st.integers(1, 3),
            st.integers(0, 3),
            st.sampled_from(["l1", "l2"]),
        ),
        st.builds(
            lambda n, how, ref, of: refunded(n, how, ref=f"r{ref}", of=of),
            st.integers(1, 3),
            st.sampled_from([Restock.CANCEL, Restock.NONE]),
            st.integers(0, 3),
            st.sampled_from(["l1", "l2"]),
        ),
    ),
    max_size=3,
    unique_by=lambda record: (record.kind, record.ref),
)
RELEASES = st.lists(
    st.builds(
        lambda n, reason, of, minute: release(
            n, reason, of=of, decided_at=AT + timedelta(minutes=minute)
        ),
        st.integers(0, 4),
        st.sampled_from(list(ReleaseReason)),
        st.sampled_from(["l1", "l2"]),
        st.integers(0, 3),
    ),
    max_size=3,
)


@given(quantity=st.integers(1, 4), facts=FACTS, releases=RELEASES, cancelled=st.booleans())
def test_release_and_facts_end_alike_in_every_order(
    quantity: int,
    facts: list[Record],
    releases: list[Release],
    cancelled: bool,  # noqa: FBT001 - drawn by Hypothesis
) -> None:
    """Property: no order of telling matters, nothing goes below zero, and nothing counts twice."""
    whole: Order = order(
        line("l1", quantity=quantity),
        line("l2", quantity=2),
        cancelled_at=AT if cancelled else None,
    )
    ends = set()
    for told in permutations(releases):
        united = told[0] if told else None
        for each in told[1:]:
            united = united.united(each) if united else each
        records = [whole, *facts, *([united] if united else [])]
        for turned in (records, records[::-1]):
            end = books(*turned)
            ends.add(tuple(sorted(end.items())))
    assert len(ends) == 1
    end = dict(next(iter(ends)))
    plain = books(whole, *facts)
    assert end.get(Place.RESERVED, 0) >= 0
    assert end.get(Place.RESERVED, 0) <= plain.get(Place.RESERVED, 0)
    assert sum(end.values()) == 0
    let_go = plain.get(Place.RESERVED, 0) - end.get(Place.RESERVED, 0)
    left = plain.get(Place.ON_HAND, 0) - end.get(Place.ON_HAND, 0)
    assert 0 <= left <= let_go, "only what was reserved can have left"
