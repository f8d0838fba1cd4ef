"""How often somebody buys: their own interval, from three purchases on."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.decisions.patrons.interval import (
    Interval,
    chance_alive,
    chance_of_buying,
    gaps_of,
    interval_of,
    mean_gap,
)

FIRST = date(2026, 1, 1)


def days(*after: int) -> list[date]:
    return [FIRST + timedelta(days=n) for n in after]


def test_below_three_purchases_nobody_has_an_interval() -> None:
    assert interval_of([], 28.0) is None
    assert interval_of(days(0), 28.0) is None
    assert interval_of(days(0, 28), 28.0) is None
    assert interval_of(days(0, 28, 28), 28.0) is None, "two orders of one day are one purchase"
    assert interval_of(days(0, 28, 56), 28.0) == Interval(days=28, spread=0.0)


def test_few_purchases_are_drawn_to_the_others_and_many_are_not() -> None:
    few, many = interval_of(days(0, 20, 40), 50.0), interval_of(days(*range(0, 401, 20)), 50.0)
    assert few is not None
    assert many is not None
    assert (few.days, many.days) == (30, 21)


def test_who_buys_now_and_then_has_a_wide_spread() -> None:
    found = interval_of(days(0, 2, 90, 95), None)
    assert found is not None
    assert found.spread > 1.0


def test_the_others_are_those_who_have_an_interval() -> None:
    assert mean_gap([days(0), days(0, 5)]) is None
    assert mean_gap([days(0, 10, 30), days(0, 500)]) == 15.0
    assert gaps_of(days(30, 0, 10, 10)) == [10, 20]


def test_nobody_leaves_within_their_interval() -> None:
    steady, loose = Interval(days=28, spread=0.0), Interval(days=28, spread=0.5)
    assert chance_alive(steady, 28) == 1.0
    assert chance_alive(steady, 56) == 0.5
    assert chance_alive(steady, 84) == 0.25
    assert chance_alive(loose, 42) == 1.0
    assert chance_alive(loose, 56) > 0.5


def test_a_purchase_is_likely_when_its_day_is_near() -> None:
    monthly = Interval(days=28, spread=0.1)
    assert chance_of_buying(monthly, since=25, within=14) > 0.95
    assert chance_of_buying(monthly, since=1, within=5) < 0.01
    assert chance_of_buying(monthly, since=400, within=14) == 0.0


@given(
    after=st.lists(st.integers(0, 2000), min_size=3, max_size=30, unique=True),
    others=st.none() | st.floats(1, 400),
    since=st.integers(0, 3000),
    within=st.integers(0, 90),
)
def test_a_chance_is_a_chance_and_more_silence_never_means_more_life(
    after: list[int], others: float | None, since: int, within: int
) -> None:
    found = interval_of(days(*after), others)
    assert found is not None
    assert found.days >= 1
    assert 0.0 <= chance_of_buying(found, since=since, within=within) <= 1.0
    assert 0.0 <= chance_alive(found, since + 1) <= chance_alive(found, since) <= 1.0


@given(after=st.permutations([0, 27, 56, 83]))
def test_the_order_in_which_purchases_are_told_does_not_matter(after: list[int]) -> None:
    assert interval_of(days(*after), None) == interval_of(days(0, 27, 56, 83), None)


def test_the_next_purchase_follows_the_last() -> None:
    assert Interval(days=28, spread=0.0).next_on(FIRST) == date(2026, 1, 29)
    with pytest.raises(OverflowError):
        Interval(days=28, spread=0.0).next_on(date.max)
