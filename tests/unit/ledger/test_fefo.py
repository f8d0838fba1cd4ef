"""First expired, first out: by when things happened, whatever was told first."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.ledger.fefo import Flow, Lot, Shelf, fill_shelf, pick

DAY = datetime(2026, 3, 1, 9, tzinfo=UTC)
TODAY = date(2026, 3, 1)
ENDS = {"EARLY": date(2026, 4, 1), "LATE": date(2026, 9, 1), "EVER": None}


def at(days: float, came: int = 0, went: int = 0, **lots: int) -> Flow:
    return Flow(at=DAY + timedelta(days=days), came=came, went=went, lots=tuple(lots.items()))


def left(*flows: Flow, today: date = TODAY) -> dict[str, int]:
    shelf = fill_shelf(flows, ENDS, today)
    return {lot.code: lot.units for lot in shelf.lots} | (
        {"": shelf.unlotted} if shelf.unlotted else {}
    )


def test_the_lot_that_expires_first_goes_first_and_those_without_a_day_last() -> None:
    came = at(0, 30, EARLY=10, LATE=10, EVER=10)
    assert left(came, at(1, went=4)) == {"EARLY": 6, "LATE": 10, "EVER": 10}
    assert left(came, at(1, went=12)) == {"LATE": 8, "EVER": 10}
    assert left(came, at(1, went=25)) == {"EVER": 5}


def test_units_without_a_lot_are_the_oldest() -> None:
    assert left(at(0, 5), at(1, 10, EARLY=10), at(2, went=7)) == {"EARLY": 8}


def test_a_lot_can_not_be_taken_before_it_came() -> None:
    """A sum of all that came and left would say that the early lot went first."""
    flows = (at(0, 10, LATE=10), at(1, went=5), at(2, 10, EARLY=10))
    assert left(*flows) == {"EARLY": 10, "LATE": 5}


def test_a_named_lot_is_taken_and_what_it_lacks_elsewhere() -> None:
    came = at(0, 20, EARLY=10, LATE=10)
    assert left(came, at(1, went=3, LATE=-3)) == {"EARLY": 10, "LATE": 7}
    assert left(came, at(1, went=12, LATE=-12)) == {"EARLY": 8}


def test_an_expired_lot_is_taken_only_where_nothing_else_is() -> None:
    came = at(0, 20, EARLY=10, LATE=10)
    assert left(came, at(40, went=4)) == {"EARLY": 10, "LATE": 6}
    assert left(came, at(40, went=14)) == {"EARLY": 6}


def test_more_left_than_ever_came_and_comes_later() -> None:
    assert left(at(0, 3, EARLY=3), at(1, went=5)) == {"": -2}
    assert left(at(0, 3, EARLY=3), at(1, went=5), at(2, 6, LATE=6)) == {"LATE": 4}
    assert left(at(0, went=5), at(1, 7)) == {"": 2}


def test_what_to_pick_leaves_what_is_expired() -> None:
    shelf = fill_shelf([at(0, 2), at(1, 20, EARLY=10, LATE=10)], ENDS, TODAY)
    assert pick(shelf, 15, TODAY) == (("", 2), ("EARLY", 10), ("LATE", 3))
    assert pick(shelf, 99, TODAY) == (("", 2), ("EARLY", 10), ("LATE", 10))
    assert pick(shelf, 5, date(2026, 4, 1)) == (("", 2), ("EARLY", 3))
    assert pick(shelf, 5, date(2026, 4, 2)) == (("", 2), ("LATE", 3))
    assert pick(Shelf(), 5, TODAY) == ()
    late = fill_shelf([at(1, 20, EARLY=10, LATE=10)], ENDS, date(2026, 4, 2))
    assert [lot.code for lot in late.lots] == ["LATE", "EARLY"]
    assert late.lots[0] == Lot(code="LATE", units=10, expires_on=date(2026, 9, 1))


def lives() -> st.SearchStrategy[list[Flow]]:
    units = st.integers(0, 9)
    one = st.tuples(
        units, units, st.dictionaries(st.sampled_from(sorted(ENDS)), st.integers(-9, 9))
    )

    def made(rows: list[tuple[int, int, dict[str, int]]]) -> list[Flow]:
        flows = []
        for n, (came, went, lots) in enumerate(rows):
            named_in = sum(u for u in lots.values() if u > 0)
            named_out = -sum(u for u in lots.values() if u < 0)
            flows.append(at(n, came + named_in, went + named_out, **lots))
        return flows

    return st.lists(one, max_size=12).map(made)


@given(flows=lives(), seed=st.integers())
def test_lots_and_the_rest_sum_to_what_is_there_in_any_order(flows: list[Flow], seed: int) -> None:
    shelf = fill_shelf(flows, ENDS, TODAY)
    assert shelf.units == sum(flow.came - flow.went for flow in flows)
    assert all(lot.units > 0 for lot in shelf.lots)
    assert shelf.unlotted >= 0 or not shelf.lots
    mixed = list(flows)
    random.Random(seed).shuffle(mixed)
    assert fill_shelf(mixed, ENDS, TODAY) == shelf


@pytest.mark.parametrize("seed", range(20))
def test_it_equals_units_taken_one_by_one(seed: int) -> None:
    """A slow reader who moves single units, for lives without named lots and without debts."""
    pick_one = random.Random(seed)
    flows, there = [], []
    for n in range(40):
        if there and pick_one.random() < 0.6:
            went = pick_one.randint(1, min(4, len(there)))
            flows.append(at(n, went=went))
            day = (DAY + timedelta(days=n)).date()
            for _ in range(went):
                there.sort(key=lambda c: _rank(c, day))
                there.pop(0)
        else:
            lot, units = pick_one.choice([*ENDS, ""]), pick_one.randint(1, 5)
            flows.append(at(n, units, **({lot: units} if lot else {})))
            there += [lot] * units
    shelf = fill_shelf(flows, ENDS, TODAY)
    told = {lot.code: lot.units for lot in shelf.lots} | {"": shelf.unlotted}
    assert {c: n for c, n in told.items() if n} == {c: there.count(c) for c in set(there)}


def _rank(code: str, day: date) -> tuple[bool, bool, bool, date]:
    ends = ENDS.get(code)
    return (code != "", ends is not None and ends < day, ends is None, ends or date.max)
