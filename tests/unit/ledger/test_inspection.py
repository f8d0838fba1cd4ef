"""Graded returns: whoever tells first, the books end alike, and no unit counts twice."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ledger.stories import AT, line, order, refunded, returned, shipped, site_of, told
from trueup.canon.inspection import Grade, Inspection, InspectionLine
from trueup.canon.record import Record
from trueup.canon.refund import Restock
from trueup.canon.release import Release, ReleaseLine, ReleaseReason
from trueup.ledger.inspection import over_of, positions_of_inspection
from trueup.ledger.kits import NO_KITS, Definition, Kits
from trueup.ledger.model import Place, Position, Positions
from trueup.ledger.placing import place, skus_of
from trueup.ledger.release import positions_of_release
from trueup.ledger.rules import available_change, positions_of_order

SELLABLE, QUARANTINE, SCRAP = Grade.GOOD, Grade.QUARANTINE, Grade.SCRAP
LATER = AT + timedelta(days=3)


def graded(
    *lines: tuple[int, Grade] | tuple[int, Grade, str],
    ref: str = "i1",
    site: str = "main",
    at: datetime = LATER,
    **more: Any,
) -> Inspection:
    told_lines = [
        InspectionLine(sku=sku[0] if sku else "TEE", quantity=units, grade=grade)
        for units, grade, *sku in lines
    ]
    more = {"order_ref": "1"} | more
    return Inspection(
        ref=ref, updated_at=at, site=site, lines=tuple(told_lines), occurred_at=at, **more
    )


def parts_of_books(records: list[Record], kits: Kits = NO_KITS) -> list[Positions]:
    """Return what each record holds in the books: the order, its releases, each inspection."""
    found = [positions_of_order(records, site_of, kits), positions_of_release(records, site_of)]
    return found + [
        positions_of_inspection(each, records, site_of, kits)
        for each in records
        if isinstance(each, Inspection)
    ]


def books(*records: Record, kits: Kits = NO_KITS) -> Positions:
    total: Counter[Position] = Counter()
    for positions in parts_of_books(list(records), kits):
        total.update(positions)
    return {position: units for position, units in total.items() if units}


def ends(*records: Record, kits: Kits = NO_KITS) -> dict[str, int]:
    return told(books(*records, kits=kits))


SOLD = (order(line(quantity=3)), shipped(3))


def test_what_came_back_lies_where_it_was_graded() -> None:
    assert ends(*SOLD, graded((1, SELLABLE))) == {"on_hand": -2, "customer": 2}
    assert ends(*SOLD, graded((1, QUARANTINE))) == {"on_hand": -3, "customer": 2, "quarantine": 1}
    assert ends(*SOLD, graded((1, SCRAP))) == {"on_hand": -3, "customer": 2, "loss": 1}
    mixed = graded((1, SELLABLE), (1, SCRAP), site="shop")
    assert ends(*SOLD, mixed) == {"on_hand": -3, "on_hand@shop": 1, "customer": 1, "loss": 1}


@pytest.mark.parametrize("back", [refunded(1, Restock.RETURN), returned(restocked=1)])
def test_where_the_channel_put_it_back_only_the_difference_moves(back: Record) -> None:
    scrapped = graded((1, SCRAP))
    records = [*SOLD, back, scrapped]
    assert told(positions_of_inspection(scrapped, records, site_of)) == {"on_hand": -1, "loss": 1}
    assert ends(*records) == {"on_hand": -3, "customer": 2, "loss": 1}
    right = graded((1, SELLABLE))
    assert told(positions_of_inspection(right, [*SOLD, back, right], site_of)) == {}
    assert available_change(positions_of_inspection(right, [*SOLD, back, right], site_of)) == {
        "TEE": 0
    }, "it only lies there since it was graded, and not since the refund"


def test_what_the_channel_told_of_the_rest_stands() -> None:
    back = returned(restocked=2, quarantined=1)
    assert ends(*SOLD, back, graded((1, QUARANTINE))) == ends(*SOLD, back), "the same said again"
    first, then = graded((1, QUARANTINE)), graded((1, SCRAP), ref="i2", at=LATER + timedelta(1))
    assert ends(*SOLD, back, first, then) == {"on_hand": -2, "quarantine": 1, "loss": 1}
    elsewhere = graded((1, SCRAP), site="site-7")
    both = [
        refunded(1, Restock.RETURN, ref="r1"),
        refunded(1, Restock.RETURN, ref="r2", at="7"),
    ]
    assert ends(*SOLD, *both, elsewhere) == {"on_hand": -2, "customer": 1, "loss": 1}


def test_refunded_without_a_parcel_the_set_aside_unit_is_the_one_that_came_back() -> None:
    kept = (order(line(quantity=1)), refunded(1, Restock.NONE))
    assert ends(*kept) == {"on_hand": -1, "quarantine": 1}
    assert ends(*kept, graded((1, SELLABLE))) == {}
    assert ends(*kept, graded((1, SCRAP))) == {"on_hand": -1, "loss": 1}


def test_corrected_and_taken_back() -> None:
    back = refunded(1, Restock.RETURN)
    assert ends(*SOLD, back, graded((1, SCRAP), deleted=True)) == ends(*SOLD, back)
    assert over_of([*SOLD, graded((9, SCRAP), deleted=True)], site_of) == ()


def test_more_than_had_left_comes_from_customers_and_is_told() -> None:
    many = graded((5, SELLABLE))
    assert ends(*SOLD, many) == {"on_hand": 2, "customer": -2}
    assert over_of([*SOLD, many], site_of) == (("TEE", 5, 3),)
    assert over_of([*SOLD, graded((3, SELLABLE))], site_of) == ()
    other = graded((1, SELLABLE, "MUG"))
    assert over_of([*SOLD, other], site_of) == (("MUG", 1, 0),)
    waiting = order(line(quantity=2))
    assert over_of([waiting, graded((1, SCRAP))], site_of) == (("TEE", 1, 0),)
    assert over_of([waiting, graded((1, SCRAP))], site_of, by_sold=True) == ()
    gone = ReleaseLine(
        line_ref="l1", units=2, reason=ReleaseReason.SHIPPED, decided_at=AT, order_at=AT
    )
    sent = Release(ref="1", order_ref="1", updated_at=AT, lines=(gone,))
    assert over_of([waiting, sent, graded((2, SCRAP))], site_of) == ()


def test_without_its_order_it_comes_from_a_customer() -> None:
    assert ends(graded((2, SELLABLE), order_ref=None)) == {"on_hand": 2, "customer": -2}
    tried = order(line(quantity=3), test=True)
    assert ends(tried, shipped(3), graded((1, SCRAP))) == {"loss": 1, "customer": -1}


def test_a_kit_comes_back_as_its_parts_whole_or_not() -> None:
    kits = Kits([Definition("SET", AT, {"CUP": 2, "POT": 1})])
    sold = (order(line(sku="SET", quantity=1)), shipped(1))
    back = refunded(1, Restock.RETURN)
    whole = graded((1, SELLABLE, "SET"))
    assert books(*sold, back, whole, kits=kits).keys() == {
        *(Position("CUP", Place.ON_HAND, "main", at) for at in (AT, LATER)),
        *(Position("POT", Place.ON_HAND, "main", at) for at in (AT, LATER)),
    }
    broken = graded((1, SCRAP, "CUP"), (1, SELLABLE, "CUP"), (1, SELLABLE, "POT"))
    for records in ([*sold, back, broken], [*sold, broken]):
        end = ends(*records, kits=kits)
        assert {name: end.get(name) for name in ("CUP loss", "CUP on_hand", "POT on_hand")} == {
            "CUP loss": 1, "CUP on_hand": -1, "POT on_hand": None,
        }  # fmt: skip
    assert over_of([*sold, broken], site_of, kits) == ()


def test_it_is_ours_so_no_channel_has_counted_it() -> None:
    each = graded((1, SELLABLE))
    placed = place(each, lambda: [*SOLD, each], site_of, NO_KITS)
    assert placed is not None
    assert (placed.ours, placed.reason, placed.occurred_at) == (True, "inspection", LATER)
    assert list(skus_of(each)) == ["TEE"]


LINES = st.lists(st.tuples(st.integers(1, 3), st.sampled_from(list(Grade))), min_size=1, max_size=2)
INSPECTIONS = st.lists(
    st.builds(
        lambda lines, ref, site, hour, deleted: graded(
            *lines, ref=f"i{ref}", site=site, at=LATER + timedelta(hours=hour), deleted=deleted
        ),
        LINES,
        st.integers(0, 3),
        st.sampled_from(["main", "site-7"]),
        st.integers(0, 2),
        st.booleans(),
    ),
    max_size=3,
    unique_by=lambda each: each.ref,
)
TOLD = st.lists(
    st.one_of(
        st.builds(
            lambda n, ref, of: shipped(n, ref=f"s{ref}", of=of),
            st.integers(1, 3),
            st.integers(0, 3),
            st.sampled_from(["l1", "l2"]),
        ),
        st.builds(
            lambda n, how, ref, of, at: refunded(n, how, ref=f"r{ref}", of=of, at=at),
            st.integers(1, 2),
            st.sampled_from(list(Restock)),
            st.integers(0, 3),
            st.sampled_from(["l1", "l2"]),
            st.sampled_from([None, "7"]),
        ),
        st.builds(
            lambda n, m, ref, of: returned(restocked=n, quarantined=m, ref=f"b{ref}", of=of),
            st.integers(0, 2),
            st.integers(0, 2),
            st.integers(0, 3),
            st.sampled_from(["l1", "l2"]),
        ),
    ),
    max_size=4,
    unique_by=lambda record: (record.kind, record.ref),
)


@given(facts=TOLD, inspections=INSPECTIONS, data=st.data())
def test_any_order_of_facts_ends_in_the_same_books_and_no_unit_counts_twice(
    facts: list[Record],
    inspections: list[Inspection],
    data: st.DataObject,
) -> None:
    """Property: sums are zero, the order of telling is nothing, and graded is where it was graded."""
    whole = order(line("l1", quantity=3), line("l2", quantity=2))
    records: list[Record] = [whole, *facts, *inspections]
    end = books(*records)
    shuffled = data.draw(st.permutations(records))
    assert books(*shuffled) == end
    assert told_in_turn(shuffled) == end
    for positions in parts_of_books(records):
        assert sum(positions.values()) == 0
    came: Counter[Place] = Counter()
    for each in inspections:
        for part in () if each.deleted else each.lines:
            came[_PLACES[part.grade]] += part.quantity
    plain = books(whole, *facts)
    said = sum(_at(plain, Place.QUARANTINE).values()) + _put_back(facts)
    # Whatever was graded is where it was graded; of the channel's word only the rest stands.
    assert _at(end, Place.LOSS).total() == came[Place.LOSS]
    back = _units_back(end, plain) + said
    assert back == max(said, came.total()) if came.total() else back == said


_PLACES = {SELLABLE: Place.ON_HAND, QUARANTINE: Place.QUARANTINE, SCRAP: Place.LOSS}


def told_in_turn(records: list[Record]) -> Positions:
    """Post the difference after each record, as the pipeline does; returns the books at the end."""
    posted: Counter[Position] = Counter()
    for count in range(1, len(records) + 1):
        wanted: Counter[Position] = Counter(books(*records[:count]))
        moves = Counter(wanted)
        moves.subtract(posted)
        posted.update({position: units for position, units in moves.items() if units})
    return {position: units for position, units in posted.items() if units}


def _at(positions: Positions, place: Place) -> Counter[str]:
    found: Counter[str] = Counter()
    for position, units in positions.items():
        if position.place is place:
            found[position.site] += units
    return found


def _put_back(facts: list[Record]) -> int:
    """Return how many units the order's own books put back on a shelf."""
    whole = order(line("l1", quantity=3), line("l2", quantity=2))
    silent = [each for each in facts if each.kind == "shipment"]
    left = _at(positions_of_order([whole, *silent], site_of), Place.ON_HAND).total()
    now = positions_of_order([whole, *facts], site_of)
    aside = _set_aside([whole, *facts])
    return _at(now, Place.ON_HAND).total() + aside - left


def _set_aside(records: list[Record]) -> int:
    """Return how many units are set aside that never left: quarantine that is no return's."""
    told_aside = sum(
        part.quarantined
        for each in records
        if each.kind == "return"
        for part in each.lines  # type: ignore[attr-defined]
    )
    now = _at(positions_of_order(records, site_of), Place.QUARANTINE).total()
    return now - told_aside


def _units_back(end: Positions, plain: Positions) -> int:
    """Return how many more units inspections took from customers."""
    return _at(plain, Place.CUSTOMER).total() - _at(end, Place.CUSTOMER).total()
