"""Kits: what a code stands for, and what an order of it moves."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ledger.stories import line, order, refunded, shipped
from trueup.canon.record import Record
from trueup.canon.refund import Restock
from trueup.ledger.kits import Definition, Kits, kit_available
from trueup.ledger.model import Place, Position
from trueup.ledger.rules import own_available, positions_of_order
from trueup.ledger.sites import sites_of

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
LATER = BEGAN + timedelta(days=10)
LAST = BEGAN + timedelta(days=20)


def defined(code: str, since: datetime = BEGAN, **parts: int) -> Definition:
    return Definition(code, since, parts)


def test_a_kit_is_taken_apart_to_the_end() -> None:
    kits = Kits([defined("SET", PAIR=2, MUG=1), defined("PAIR", SOCK=2), defined("MUG6", MUG=6)])
    assert kits.parts_of("SET") == {"SOCK": 4, "MUG": 1}
    assert kits.parts_of("MUG6") == {"MUG": 6}
    assert kits.parts_of("MUG") is None
    assert kits.containing(["MUG"]) == {"SET", "MUG6"}
    assert kits.ever_containing("PAIR") == {"PAIR", "SET"}


def test_a_part_that_is_reached_twice_adds_up() -> None:
    kits = Kits([defined("SET", PAIR=1, SOCK=1), defined("PAIR", SOCK=2)])
    assert kits.parts_of("SET") == {"SOCK": 3}


def test_what_counts_is_what_it_was_made_of_then() -> None:
    kits = Kits([defined("SET", LATER, B=1), defined("SET", BEGAN, A=1), defined("SET", LAST)])
    assert kits.parts_of("SET", BEGAN - timedelta(days=1)) == {"A": 1}
    assert kits.parts_of("SET", BEGAN) == {"A": 1}
    assert kits.parts_of("SET", LATER) == {"B": 1}
    assert kits.parts_of("SET", LAST) is None
    assert kits.parts_of("SET") is None
    assert kits.now() == {}


def test_the_order_of_definitions_does_not_matter() -> None:
    told = [defined("SET", LATER, B=1), defined("SET", BEGAN, A=1), defined("B", LATER, C=2)]
    one, other = Kits(told), Kits().extended(reversed(told))
    for at in (BEGAN, LATER, None):
        assert one.parts_of("SET", at) == other.parts_of("SET", at)


@pytest.mark.parametrize("parts", [{"A": 1}, {"B": 1}, {"X": 1, "B": 2}])
def test_a_kit_within_itself_is_seen(parts: dict[str, int]) -> None:
    kits = Kits([defined("B", C=1), defined("C", A=1), defined("A", **parts)])
    assert kits.is_circular("A") is (set(parts) != {"X"})
    assert kits.parts_of("A") is not None  # it ends all the same


def test_of_the_scarcest_part_there_must_be_enough() -> None:
    assert kit_available({"A": 2, "B": 1}, {"A": 7, "B": 9}) == 3
    assert kit_available({"A": 2, "B": 1}, {"A": 7}) == 0
    assert kit_available({"A": 2}, {"A": -1}) == -1


def test_an_order_of_a_kit_moves_its_parts_and_counts_what_was_sold() -> None:
    kits = Kits([defined("SET", A=1, B=2)])
    placed = positions_of_order(
        [order(line(sku="SET", quantity=3), line("l2", "A"))], sites_of({}), kits
    )
    assert placed == {
        Position("A", Place.RESERVED, "main"): 4,
        Position("A", Place.DEMAND): -1,
        Position("A", Place.KIT): -3,
        Position("B", Place.RESERVED, "main"): 6,
        Position("B", Place.KIT): -6,
        Position("SET", Place.KIT): 3,
        Position("SET", Place.DEMAND): -3,
    }
    # Three fewer of the set and one of A stand at the channel that sold them; none of B.
    assert own_available(placed) == {"SET": -3, "A": -1}


@given(units=st.integers(1, 5), left=st.integers(0, 5), back=st.integers(0, 5), a=st.integers(1, 4))
def test_whatever_becomes_of_a_kit_its_parts_sum_to_zero(
    units: int, left: int, back: int, a: int
) -> None:
    kits = Kits([defined("SET", A=a, B=1)])
    sent = min(units, left)
    records: list[Record] = [order(line(sku="SET", quantity=units))]
    records += [shipped(sent)] if sent else []
    records += [refunded(min(sent, back), Restock.RETURN)] if min(sent, back) else []
    placed = positions_of_order(records, sites_of({}), kits)
    sums: Counter[str] = Counter()
    for position, moved in placed.items():
        sums[position.sku] += moved
    assert not any(sums.values())
    plain = positions_of_order(records, sites_of({}))
    # The channel's own number of the kit changes as that of any SKU would.
    assert own_available(placed).get("SET", 0) == own_available(plain).get("SET", 0)
    assert own_available(placed).keys() <= {"SET"}
