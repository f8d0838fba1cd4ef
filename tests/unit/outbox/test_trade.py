"""The trade: a smaller chance of an oversell turns more customers away, and it is told how many."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.kernel.chance import chance_over
from trueup.outbox.buffers import Part, Plan, Seller
from trueup.outbox.trade import excess, read_trade, turned_away


def sellers_of(*rates: float, fixed: int = 0) -> list[Seller]:
    return [Seller(rate=rate, inward_s=3, outward_s=2, chance=0.001, fixed=fixed) for rate in rates]


def test_a_smaller_chance_costs_sales_and_no_choice_is_better_in_both() -> None:
    choices = read_trade(sellers_of(2.0, 1.0, 0.5), 1.5, 200)
    assert choices[0].chance is None
    assert (choices[0].turned_away, choices[0].buffers) == (0.0, (0, 0, 0))
    chances = [choice.oversell_chance for choice in choices]
    assert chances == sorted(chances, reverse=True)
    away = [choice.turned_away for choice in choices]
    assert away[-1] > away[0]


def test_each_bound_holds_in_sum_over_the_channels() -> None:
    for choice in read_trade(sellers_of(2.0, 1.0, 0.5), 1.5, 200)[1:]:
        assert choice.chance is not None
        assert choice.oversell_chance <= 3 * choice.chance


def test_without_sales_nothing_is_lost_nor_risked() -> None:
    for choice in read_trade(sellers_of(0.0, 0.0), 2.0, 10):
        assert (choice.oversell_chance, choice.turned_away) == (0.0, 0.0)


def test_whoever_comes_to_a_channel_that_shows_none_is_turned_away() -> None:
    # The last unit is with the second channel, which sells three times as fast as the first.
    plan = Plan(
        buffers=(1, 1), parts=(Part(start=0, end=0.25), Part(start=0.25, end=1)), thin_below=2
    )
    still = [Seller(rate=rate, inward_s=0, outward_s=0, chance=0.001) for rate in (1.0, 3.0)]
    assert turned_away(still, plan, 1.0, 100) == pytest.approx(1 / 3, rel=0.01)
    # Where word takes long, the last unit is surely sold before anybody could be told otherwise.
    assert turned_away(sellers_of(1.0, 3.0), plan, 1.0, 100) < 1e-6


def test_units_that_nobody_shows_are_lost() -> None:
    plan = Plan(buffers=(0, 0), parts=(Part(end=0), Part(end=0)), thin_below=0)
    assert turned_away(sellers_of(1.0, 1.0, fixed=4), plan, 1.0, 10) == 4
    assert turned_away(sellers_of(1.0, 1.0, fixed=4), plan, 1.0, 3) == 3


def test_a_day_has_as_many_sell_outs_as_the_rate_makes() -> None:
    choice = read_trade(sellers_of(1 / 86_400, 3 / 86_400), 1.0, 2, (1e-6,))[1]
    assert choice.turned_away_per_day == pytest.approx(choice.turned_away * 4 / 2)


@given(mean=st.floats(0.01, 60), dispersion=st.floats(1, 8), units=st.integers(0, 120))
@settings(deadline=None, max_examples=30)
def test_the_excess_is_the_sum_of_all_chances_above(
    mean: float, dispersion: float, units: int
) -> None:
    """E(N - a)+ is the sum of P(N > k) over k >= a."""
    summed = sum(chance_over(mean, dispersion, k) for k in range(units, units + 900))
    assert excess(mean, dispersion, units) == pytest.approx(summed, rel=1e-6, abs=1e-6)
