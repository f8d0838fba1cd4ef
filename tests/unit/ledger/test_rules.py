"""What records mean for stock, as little stories."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ledger.stories import (
    AT,
    line,
    movement,
    order,
    refunded,
    returned,
    shipped,
    site_of,
    told,
)
from trueup.canon.inventory import MovementKind, StockMovement
from trueup.canon.record import Record
from trueup.canon.refund import Restock
from trueup.canon.shipment import ShipmentState
from trueup.ledger.model import Position, Positions
from trueup.ledger.rules import difference, own_available, positions_of_movement, positions_of_order

WANTED_2 = {"reserved": 2, "demand": -2}
GONE_2 = {"on_hand": -2, "customer": 2}


def sold(n: int, **more: Any) -> Record:
    return order(line(quantity=n, **more))


STORIES: dict[str, tuple[Sequence[Record], dict[str, int]]] = {
    "ordered": ([sold(2)], WANTED_2),
    "shipped whole": ([sold(2), shipped(2)], GONE_2),
    "shipped in part": (
        [sold(3), shipped(1)],
        {"reserved": 2, "demand": -2, "on_hand": -1, "customer": 1},
    ),
    "shipped in two parcels": ([sold(2), shipped(1), shipped(1, ref="s2")], GONE_2),
    "a parcel from another site": (
        [sold(1), shipped(1, location_ref="9")],
        {"on_hand@site-9": -1, "customer": 1},
    ),
    "the parcel was called back": ([sold(2), shipped(2, state=ShipmentState.CANCELLED)], WANTED_2),
    "the parcel is only asked for": ([sold(2), shipped(2, state=ShipmentState.PENDING)], WANTED_2),
    "the parcel's record is gone": ([sold(2), shipped(2, deleted=True)], WANTED_2),
    "more went out than was ordered": ([sold(1), shipped(2)], GONE_2),
    "cancelled": ([order(line(quantity=2), cancelled_at=AT)], {}),
    "cancelled with its refund": (
        [order(line(quantity=2), cancelled_at=AT), refunded(2)],
        {},
    ),
    "cancelled after one went out": (
        [order(line(quantity=2), cancelled_at=AT), shipped(1)],
        {"on_hand": -1, "customer": 1},
    ),
    "one of two is refunded before it left": (
        [sold(2), refunded(1)],
        {"reserved": 1, "demand": -1},
    ),
    "all is refunded before it left": ([sold(2), refunded(2)], {}),
    "more is refunded than was ordered": ([sold(1), refunded(3)], {}),
    "came back onto the shelf": ([sold(2), shipped(2), refunded(2, Restock.RETURN)], {}),
    "came back onto another shelf": (
        [sold(1), shipped(1), refunded(1, Restock.RETURN, at="7")],
        {"on_hand": -1, "on_hand@site-7": 1},
    ),
    "the customer keeps it and has the money": (
        [sold(2), shipped(2), refunded(2, Restock.NONE)],
        GONE_2,
    ),
    "refunded, not put back, never left": (
        [sold(2), refunded(2, Restock.NONE)],
        {"on_hand": -2, "quarantine": 2},
    ),
    "what a refund does not say is not put back": (
        [sold(2), refunded(2, Restock.UNKNOWN)],
        {"on_hand": -2, "quarantine": 2},
    ),
    "a return is put back": ([sold(2), shipped(2), returned(restocked=2)], {}),
    "return and refund tell of the same units": (
        [sold(2), shipped(2), returned(restocked=2), refunded(2, Restock.RETURN)],
        {},
    ),
    "a return is set aside": (
        [sold(2), shipped(2), returned(quarantined=2)],
        {"on_hand": -2, "quarantine": 2},
    ),
    "one good, one broken": (
        [sold(2), shipped(2), returned(restocked=1, quarantined=1)],
        {"on_hand": -1, "quarantine": 1},
    ),
    "a return without a line": ([sold(2), shipped(2), returned(restocked=2, of=None)], GONE_2),
    "edited up": ([sold(3, quantity_current=3)], {"reserved": 3, "demand": -3}),
    "edited down": ([sold(3, quantity_current=2)], WANTED_2),
    "edited down, and the refund tells of it too": (
        [sold(3, quantity_current=2), refunded(1)],
        WANTED_2,
    ),
    "edited to nothing": ([sold(3, quantity_current=0)], {}),
    "a test order": ([order(line(quantity=2), test=True), shipped(2)], {}),
    "a deleted order": ([order(line(quantity=2), deleted=True)], {}),
    "no SKU": ([sold(2, sku=None)], {}),
    "an empty SKU": ([sold(2, sku="")], {}),
    "a service": ([sold(2, stocked=False)], {}),
    "a gift card": ([sold(2, gift_card=True)], {}),
    "a tip": ([sold(1, tip=True)], {}),
    "a parcel before its order": ([shipped(2)], {}),
    "a refund before its order": ([refunded(2)], {}),
    "a parcel of an unknown line": ([sold(2), shipped(1, of="l9")], WANTED_2),
    "two lines of one SKU": ([order(line(), line("l2"))], WANTED_2),
    "two SKUs": (
        [order(line(), line("l2", "CAP")), shipped(1, of="l2")],
        {"reserved": 1, "demand": -1, "CAP on_hand": -1, "CAP customer": 1},
    ),
    "nothing ordered": ([sold(0)], {}),
}


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str) -> None:
    records, expected = STORIES[name]
    assert told(positions_of_order(records, site_of)) == expected
    assert told(positions_of_order(reversed(records), site_of)) == expected


MOVEMENTS: dict[str, tuple[MovementKind, int, dict[str, Any], dict[str, int]]] = {
    "opening": (MovementKind.OPENING, 7, {}, {"supplier": -7, "on_hand": 7}),
    "opening of nothing": (MovementKind.OPENING, 0, {}, {}),
    "opening below zero": (MovementKind.OPENING, -2, {}, {"supplier": 2, "on_hand": -2}),
    "receipt": (MovementKind.RECEIPT, 5, {}, {"supplier": -5, "on_hand": 5}),
    "found": (MovementKind.ADJUSTMENT, 2, {}, {"loss": -2, "on_hand": 2}),
    "lost": (MovementKind.ADJUSTMENT, -2, {}, {"loss": 2, "on_hand": -2}),
    "a count is found in the books": (MovementKind.COUNT, 12, {}, {}),
    "told to be wrong": (MovementKind.RECEIPT, 5, {"deleted": True}, {}),
    "set aside": (MovementKind.QUARANTINE, 3, {}, {"on_hand": -3, "quarantine": 3}),
    "released": (MovementKind.QUARANTINE, -3, {}, {"on_hand": 3, "quarantine": -3}),
    "moved": (MovementKind.TRANSFER, 4, {"to_site": "B"}, {"on_hand": -4, "on_hand@B": 4}),
    "moved to itself": (MovementKind.TRANSFER, 4, {"to_site": "main"}, {}),
    "moved nowhere": (MovementKind.TRANSFER, 4, {}, {}),
}


@pytest.mark.parametrize("name", MOVEMENTS)
def test_movement(name: str) -> None:
    kind, units, more, expected = MOVEMENTS[name]
    assert told(positions_of_movement(movement(kind, units, **more))) == expected


# -- rules that hold for everything ----------------------------------------------------------------

LINES = ("l1", "l2", "l3")
UNITS = st.integers(min_value=0, max_value=5)
REFS = st.sampled_from(LINES)
PLACES = st.sampled_from((None, "7", "9"))
ORDERS = st.builds(
    lambda quantities, current, more: order(
        *(
            line(ref, sku, quantity, quantity_current=now)
            for (ref, sku), quantity, now in zip(
                (("l1", "TEE"), ("l2", "CAP"), ("l3", "TEE")), quantities, current, strict=True
            )
        ),
        **more,
    ),
    st.tuples(UNITS, UNITS, UNITS),
    st.tuples(*(st.none() | UNITS for _ in LINES)),
    st.sampled_from(({}, {"cancelled_at": AT}, {"test": True})),
)
AFTER = st.one_of(
    st.builds(
        lambda n, of, ref, at, state: shipped(n, of=of, ref=ref, location_ref=at, state=state),
        UNITS,
        REFS,
        st.sampled_from(("s1", "s2")),
        PLACES,
        st.sampled_from(ShipmentState),
    ),
    st.builds(
        lambda n, how, of, ref, at: refunded(n, how, of=of, ref=ref, at=at),
        UNITS,
        st.sampled_from(Restock),
        REFS,
        st.sampled_from(("r1", "r2")),
        PLACES,
    ),
    st.builds(
        lambda good, bad, of: returned(restocked=good, quarantined=bad, of=of), UNITS, UNITS, REFS
    ),
)
RECORDS = st.tuples(ORDERS, st.lists(AFTER, max_size=6)).map(lambda pair: [pair[0], *pair[1]])


def sums(positions: Positions) -> dict[str, int]:
    found: Counter[str] = Counter()
    for position, units in positions.items():
        found[position.sku] += units
    return {sku: units for sku, units in found.items() if units}


@given(records=RECORDS, data=st.data())
def test_positions_sum_to_zero_in_any_order(records: list[Record], data: st.DataObject) -> None:
    positions = positions_of_order(records, site_of)
    assert sums(positions) == {}
    assert all(positions.values())
    mixed = data.draw(st.permutations(records))
    assert positions_of_order(mixed, site_of) == positions


@given(records=RECORDS)
def test_nobody_is_promised_less_than_nothing(records: list[Record]) -> None:
    for position, units in positions_of_order(records, site_of).items():
        assert position.place != "reserved" or units > 0
        assert position.place != "demand" or units < 0


@given(steps=st.lists(RECORDS, min_size=1, max_size=5))
def test_differences_lead_to_the_last_word(steps: list[list[Record]]) -> None:
    """Whatever was posted before, the differences add up to what the records say now."""
    books: Counter[Position] = Counter()
    for records in steps:
        wanted = positions_of_order(records, site_of)
        moves = difference(wanted, {p: n for p, n in books.items() if n})
        assert sums(moves) == {}
        books.update(moves)
    assert {p: n for p, n in books.items() if n} == positions_of_order(steps[-1], site_of)
    assert difference(wanted, wanted) == {}


@given(
    kind=st.sampled_from(MovementKind),
    units=st.integers(-50, 50),
    to_site=st.sampled_from((None, "main", "B")),
)
def test_movements_sum_to_zero(kind: MovementKind, units: int, to_site: str | None) -> None:
    positions = positions_of_movement(movement(kind, units, to_site=to_site))
    assert sums(positions) == {}
    assert all((p.at is not None) == (p.place == "on_hand") for p in positions)


LATER = AT + timedelta(hours=3)
MOVED: dict[str, tuple[Sequence[Record], dict[datetime, int]]] = {
    "a parcel tells when it left": ([sold(2), shipped(2, shipped_at=LATER)], {LATER: -2}),
    "or when it was made": ([sold(2), shipped(2, created_at=LATER)], {LATER: -2}),
    "or what was said of it last": ([sold(2), shipped(2)], {AT: -2}),
    "two parcels, two instants": (
        [sold(2), shipped(1, shipped_at=AT), shipped(1, ref="s2", shipped_at=LATER)],
        {AT: -1, LATER: -1},
    ),
    "back when the return was closed": (
        [sold(2), shipped(2), returned(restocked=2, created_at=AT, closed_at=LATER)],
        {AT: -2, LATER: 2},
    ),
    "an open return counts from its beginning": (
        [sold(2), shipped(2, shipped_at=LATER), returned(restocked=2, created_at=AT)],
        {LATER: -2, AT: 2},
    ),
    "a movement says when": (
        [movement(MovementKind.RECEIPT, 5, occurred_at=LATER)],
        {LATER: 5},
    ),
}


@pytest.mark.parametrize("name", MOVED)
def test_when_units_moved(name: str) -> None:
    records, expected = MOVED[name]
    first = records[0]
    is_movement = isinstance(first, StockMovement)
    found = positions_of_movement(first) if is_movement else positions_of_order(records, site_of)
    assert {p.at: n for p, n in found.items() if p.place == "on_hand"} == expected


@given(records=RECORDS)
def test_what_is_available_changes_by_shelf_and_promise(records: list[Record]) -> None:
    positions = positions_of_order(records, site_of)
    expected: Counter[str] = Counter()
    for position, units in positions.items():
        expected[position.sku] += {"on_hand": units, "reserved": -units}.get(position.place, 0)
    assert own_available(positions) == {sku: n for sku, n in expected.items() if n}
