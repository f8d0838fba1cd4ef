"""When a SKU will be sold out: from its days, and honest about what it does not know."""

import random
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.ledger.demand import (
    Arrival,
    Day,
    Demand,
    chance_sold_out,
    demand_of,
    look_ahead,
)

TODAY = date(2026, 3, 1)


def days_of(*units: int, shut: tuple[int, ...] = ()) -> list[Day]:
    first = TODAY - timedelta(days=len(units))
    return [
        Day(on=first + timedelta(days=n), units=sold, open=n not in shut)
        for n, sold in enumerate(units)
    ]


def test_a_steady_seller_is_known() -> None:
    demand = demand_of(days_of(*[5] * 60))
    assert demand.per_day == pytest.approx(5)
    assert demand.dispersion == 1.0
    outlook = look_ahead(demand, 50, (), TODAY)
    assert outlook.expected_on is not None
    assert 9 <= (outlook.expected_on - TODAY).days <= 11


def test_days_without_stock_are_no_days_without_demand() -> None:
    units = [4] * 20 + [0] * 20
    assert demand_of(days_of(*units, shut=tuple(range(20, 40)))).per_day == pytest.approx(4)
    assert demand_of(days_of(*units)).per_day < 0.6


def test_one_large_order_is_no_trend() -> None:
    usual = demand_of(days_of(*[1, 0, 2, 1, 0, 1] * 10))
    once = demand_of(days_of(*[1, 0, 2, 1, 0, 1] * 10, 500))
    assert once.per_day < usual.per_day * 1.6


def test_what_is_not_wanted_any_more_slows_down() -> None:
    demand = demand_of(days_of(*[3] * 30, *[0] * 60))
    assert demand.per_day < 0.01


def test_a_growing_seller_is_followed() -> None:
    demand = demand_of(days_of(*[2] * 40, *[8] * 40))
    assert demand.per_day == pytest.approx(8, rel=0.05)


def test_what_never_sold_is_never_sold_out() -> None:
    demand = demand_of(days_of(0, 0, 0))
    assert demand == Demand(per_day=0.0, dispersion=1.0, days=3, selling_days=0)
    outlook = look_ahead(demand, 3, (), TODAY)
    assert (outlook.earliest_on, outlook.expected_on, outlook.latest_on) == (None, None, None)
    assert demand_of(()).days == 0


def test_what_is_sold_out_is_sold_out_today() -> None:
    outlook = look_ahead(demand_of(days_of(1, 1, 1)), 0, (), TODAY)
    assert (outlook.earliest_on, outlook.latest_on) == (TODAY, TODAY)


def test_units_on_their_way_count_from_their_day_on() -> None:
    demand = demand_of(days_of(*[5] * 60))
    in_time = look_ahead(demand, 50, (Arrival(on=TODAY + timedelta(days=4), units=50),), TODAY)
    assert in_time.expected_on is not None
    assert in_time.expected_on > TODAY + timedelta(days=17)
    late = look_ahead(demand, 50, (Arrival(on=TODAY + timedelta(days=30), units=500),), TODAY)
    assert late.expected_on is not None
    assert late.expected_on < TODAY + timedelta(days=12)
    assert (in_time.incoming, late.incoming) == (50, 500)


def test_sold_out_before_the_arrival_is_sold_out_within_the_time() -> None:
    demand = demand_of(days_of(*[5] * 60))
    arrivals = (Arrival(on=TODAY + timedelta(days=20), units=10_000),)
    assert chance_sold_out(demand, 50, arrivals, TODAY, 25) > 0.9
    assert chance_sold_out(demand, 50, arrivals, TODAY, 5) < 0.1
    assert chance_sold_out(demand, 0, (), TODAY, 0) == 1.0


@settings(deadline=None, max_examples=60)
@given(
    units=st.lists(st.integers(0, 30), min_size=1, max_size=60),
    available=st.integers(0, 400),
    more=st.integers(0, 200),
)
def test_the_interval_is_in_order_and_more_stock_lasts_no_shorter(
    units: list[int], available: int, more: int
) -> None:
    demand = demand_of(days_of(*units))
    far = TODAY + timedelta(days=10_000)
    less, larger = (look_ahead(demand, n, (), TODAY) for n in (available, available + more))
    dates = [less.earliest_on or far, less.expected_on or far, less.latest_on or far]
    assert dates == sorted(dates)
    assert (less.expected_on or far) <= (larger.expected_on or far)


def test_the_interval_holds_the_true_day_as_often_as_it_says() -> None:
    """Played: 120 days of intermittent demand, then on until nothing is left."""
    rng = random.Random(7)
    inside = early = late = 0
    rounds = 300
    for _ in range(rounds):
        chance, size = rng.uniform(0.1, 0.9), rng.randint(1, 4)

        def day(chance: float = chance, size: int = size) -> int:
            return rng.randint(1, 2 * size - 1) if rng.random() < chance else 0

        stock = rng.randint(10, 60)
        outlook = look_ahead(demand_of(days_of(*[day() for _ in range(120)])), stock, (), TODAY)
        took = 0
        while stock > 0:
            stock -= day()
            took += 1
        sold_out_on = TODAY + timedelta(days=took)
        early += outlook.earliest_on is not None and sold_out_on < outlook.earliest_on
        late += outlook.latest_on is not None and sold_out_on > outlook.latest_on
    inside = rounds - early - late
    assert inside / rounds >= 0.75, f"{early} before, {late} after, of {rounds}"
    assert inside / rounds <= 0.97, "an interval that always holds says nothing"
