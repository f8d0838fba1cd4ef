"""Ways to reorder on the days that were: each sees its own stock only, and the rule does better."""

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

import msgspec
import pytest

from tests.support.demand import wanted_of
from trueup.decisions.purchasing.quantity import Terms
from trueup.decisions.purchasing.replayed import (
    Came,
    Item,
    Policy,
    matched,
    play_all,
    play_past,
    reorder,
    thirteen_weeks,
)
from trueup.ledger.demand import Arrival, Day

MONDAY = date(2026, 3, 2)
TERMS = Terms(lead_days=7, review_days=7, service_percent=95, order_days_max=120)


def days_of(units: Sequence[int], *, left: int = 0) -> list[Day]:
    """Return one day after the other; that of every evening `left` is there."""
    return [
        Day(on=MONDAY + timedelta(days=n), units=each, left=left) for n, each in enumerate(units)
    ]


def since(days: int) -> date:
    return MONDAY + timedelta(days=days)


def at_first(units: int) -> Policy:
    """Return a way that orders once, on the first morning."""
    calls: list[date] = []

    def order(
        past: Sequence[Day], available: int, arrivals: Sequence[Arrival], today: date, terms: Terms
    ) -> int:
        del past, available, arrivals, terms
        calls.append(today)
        return units if len(calls) == 1 else 0

    return order


def test_what_is_ordered_is_there_on_the_morning_after_the_lead_time() -> None:
    past = days_of([2] * 28, left=4)
    found = play_past(past, since(14), at_first(20), TERMS)
    # Two days from stock, five without, seven from the order, of which six are left.
    assert (found.days, found.sold_out_days, found.missed) == (14, 5, 10)
    assert found.held == 2 + sum(20 - 2 * n for n in range(1, 8))
    assert (found.orders, found.wanted) == (1, 28)


def test_what_lies_longer_than_until_the_order_after_the_next_is_too_much() -> None:
    past = days_of([1] * 60, left=30)
    found = play_past(past, since(20), lambda *_: 0, TERMS)
    # On the first evening 29 are there, of which 14 are wanted in 14 days.
    assert found.excess == sum(max(0, 29 - n - 14) for n in range(40))


def test_a_day_without_stock_says_nothing_and_counts_as_usual() -> None:
    sold = [Day(on=MONDAY + timedelta(days=n), units=3, left=9) for n in range(20)]
    gone = [Day(on=MONDAY + timedelta(days=20 + n), units=0, open=False, left=0) for n in range(10)]
    assert play_past([*sold, *gone], since(20), lambda *_: 0, TERMS).wanted == 30


def test_a_way_is_told_its_own_sales_only() -> None:
    seen: list[Day] = []

    def watch(past: Sequence[Day], *_: object) -> int:
        seen.append(past[-1])
        return 0

    play_past(days_of([5] * 20, left=7), since(14), watch, TERMS)
    assert [each.units for each in seen] == [5, 5, 2, 0, 0, 0]
    assert [each.open for each in seen] == [True, True, True, False, False, False]


def test_the_mean_of_13_weeks_orders_on_mondays_for_a_week_more_than_it_needs() -> None:
    past, order = days_of([2] * 91), thirteen_weeks()
    assert order(past, 10, [], MONDAY + timedelta(days=91), TERMS) == 2 * 21 - 10
    assert order(past, 10, [Arrival(on=MONDAY, units=20)], MONDAY, TERMS) == 2 * 21 - 30
    assert order(past, 10, [], MONDAY + timedelta(days=1), TERMS) == 0
    assert thirteen_weeks(3)(past, 10, [], MONDAY, TERMS) == 2 * 24 - 10


def test_it_is_not_ordered_again_while_an_order_is_on_its_way() -> None:
    past = days_of([2] * 91)
    first = reorder(past, 5, [], since(91), TERMS)
    assert first > 0
    assert reorder(past, 3, [Arrival(on=since(97), units=first)], since(92), TERMS) == 0


def test_a_sku_that_is_too_new_is_not_played() -> None:
    assert play_past(days_of([1] * 10, left=5), since(0), reorder, TERMS) == Came()


def brand(seed: int, skus: int) -> list[Item]:
    """Return a brand's year after 13 weeks."""
    pick, items = Random(f"brand-{seed}"), []
    for _ in range(skus):
        units = wanted_of(pick, 91 + 365)
        lead_days = pick.choice((5, 14, 21))
        terms = msgspec.structs.replace(TERMS, lead_days=lead_days)
        left = 1 + round(sum(units[:91]) / 91 * (lead_days + 14))
        items.append(Item(past=days_of(units, left=left), terms=terms))
    return items


@pytest.mark.parametrize("seed", range(2))
def test_on_a_year_it_is_better_than_the_mean_of_13_weeks(seed: int) -> None:
    """Fewer sales are missed, and the mean of 13 weeks holds more where it misses as few."""
    items = brand(seed, 12)
    ours = play_all(items, since(91), reorder)
    mean = play_all(items, since(91), thirteen_weeks())
    more_days = matched(items, since(91), ours.missed)
    assert more_days is not None
    as_good = play_all(items, since(91), thirteen_weeks(more_days))
    assert as_good.missed <= ours.missed < mean.missed
    assert ours.held < as_good.held
    assert ours.excess < as_good.excess
    assert matched(items, since(91), -1) is None


def test_both_together() -> None:
    one = Came(days=1, missed=2, orders=3)
    assert one + one == Came(days=2, missed=4, orders=6)
