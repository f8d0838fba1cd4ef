"""Ways to reorder on the days that were: each sees its own stock only, and the rule does better."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import msgspec
import pytest

from tests.support.demand import wanted_of
from trueup.decisions.purchasing.budget import Budget
from trueup.decisions.purchasing.quantity import Terms
from trueup.decisions.purchasing.replayed import (
    Came,
    Item,
    Policy,
    Standing,
    matched,
    play_all,
    reorder,
    thirteen_weeks,
)
from trueup.kernel.money import Money
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


def alone(past: Sequence[Day], policy: Policy, day: date) -> Came:
    """Return what a way comes to with one SKU."""
    return play_all([Item(sku="TEE", supplier="a", past=past, terms=TERMS)], day, policy).total


def morning(
    past: Sequence[Day], available: int, arrivals: Sequence[Arrival] = (), sku: str = "TEE"
) -> Standing:
    item = Item(sku=sku, supplier="a", past=past, terms=TERMS, cost=Money(Decimal(2), "EUR"))
    return Standing(item=item, seen=past, available=available, arrivals=arrivals)


def at_first(units: int) -> Policy:
    """Return a way that orders once, on the first morning."""
    calls: list[date] = []

    def order(today: date, standings: Sequence[Standing]) -> list[int]:
        calls.append(today)
        return [units if len(calls) == 1 else 0 for _ in standings]

    return order


def nothing(today: date, standings: Sequence[Standing]) -> list[int]:
    del today
    return [0] * len(standings)


def test_what_is_ordered_is_there_on_the_morning_after_the_lead_time() -> None:
    found = alone(days_of([2] * 28, left=4), at_first(20), since(14))
    # Two days from stock, five without, seven from the order, of which six are left.
    assert (found.days, found.sold_out_days, found.missed) == (14, 5, 10)
    assert found.held == 2 + sum(20 - 2 * n for n in range(1, 8))
    assert found.wanted == 28


def test_what_lies_longer_than_until_the_order_after_the_next_is_too_much() -> None:
    found = alone(days_of([1] * 60, left=30), nothing, since(20))
    # On the first evening 29 are there, of which 14 are wanted in 14 days.
    assert found.excess == sum(max(0, 29 - n - 14) for n in range(40))


def test_a_day_without_stock_says_nothing_and_counts_as_usual() -> None:
    sold = [Day(on=MONDAY + timedelta(days=n), units=3, left=9) for n in range(20)]
    gone = [Day(on=MONDAY + timedelta(days=20 + n), units=0, open=False, left=0) for n in range(10)]
    assert alone([*sold, *gone], nothing, since(20)).wanted == 30


def test_a_way_is_told_its_own_sales_only() -> None:
    seen: list[Day] = []

    def watch(today: date, standings: Sequence[Standing]) -> list[int]:
        del today
        seen.append(standings[0].seen[-1])
        return [0]

    alone(days_of([5] * 20, left=7), watch, since(14))
    assert [each.units for each in seen] == [5, 5, 2, 0, 0, 0]
    assert [each.open for each in seen] == [True, True, True, False, False, False]


def test_the_mean_of_13_weeks_orders_on_mondays_for_a_week_more_than_it_needs() -> None:
    past, order = days_of([2] * 91), thirteen_weeks()
    assert order(MONDAY + timedelta(days=91), [morning(past, 10)]) == [2 * 21 - 10]
    assert order(MONDAY, [morning(past, 10, [Arrival(on=MONDAY, units=20)])]) == [2 * 21 - 30]
    assert order(MONDAY + timedelta(days=1), [morning(past, 10)]) == [0]
    assert thirteen_weeks(3)(MONDAY, [morning(past, 10)]) == [2 * 24 - 10]


def test_it_is_not_ordered_again_while_an_order_is_on_its_way() -> None:
    past = days_of([2] * 91)
    [first] = reorder()(since(91), [morning(past, 5)])
    assert first > 0
    assert reorder()(since(92), [morning(past, 3, [Arrival(on=since(97), units=first)])]) == [0]


def test_what_would_need_an_order_soon_joins_one() -> None:
    past = days_of([2] * 91)
    needs, joins = morning(past, 5), morning(past, 26, sku="MUG")
    assert reorder()(since(91), [joins]) == [0]
    first, second = reorder()(since(91), [needs, joins])
    assert (first > second > 0, reorder()(since(91), [needs])) == (True, [first])


def test_a_budget_is_spent_once_and_comes_back_with_the_review() -> None:
    past, euros = days_of([2] * 91), {"EUR": Decimal(20)}
    policy = reorder(Budget(per_order=euros))
    [first] = policy(since(91), [morning(past, 5)])
    assert 8 <= first <= 10, "in parts of two, two euros each"
    assert policy(since(92), [morning(past, 3)])[0] <= 10 - first
    assert policy(since(99), [morning(past, 3)]) == [first]
    weekly = reorder(Budget(per_week=euros, review_days=1))
    assert weekly(since(91), [morning(past, 5)]) == [first]
    assert weekly(since(93), [morning(past, 3)])[0] <= 10 - first


def test_a_sku_that_is_too_new_is_not_played() -> None:
    assert alone(days_of([1] * 10, left=5), reorder(), since(0)) == Came()


def test_what_is_ordered_at_one_supplier_on_a_day_is_one_order() -> None:
    past = days_of([2] * 30, left=4)
    items = [Item(sku=sku, supplier=sku[0], past=past, terms=TERMS) for sku in ("A1", "A2", "B1")]
    found = play_all(items, since(20), at_first(9))
    assert (found.orders, found.total.days) == (2, 30)


def brand(seed: int, skus: int) -> list[Item]:
    """Return a brand's year after 13 weeks."""
    pick, items = Random(f"brand-{seed}"), []
    for n in range(skus):
        units = wanted_of(pick, 91 + 365)
        lead_days = pick.choice((5, 14, 21))
        terms = msgspec.structs.replace(TERMS, lead_days=lead_days)
        left = 1 + round(sum(units[:91]) / 91 * (lead_days + 14))
        past = days_of(units, left=left)
        items.append(Item(sku=f"S{n}", supplier=str(n % 3), past=past, terms=terms))
    return items


@pytest.mark.parametrize("seed", range(2))
def test_on_a_year_it_is_better_than_the_mean_of_13_weeks(seed: int) -> None:
    """Fewer sales are missed, and the mean of 13 weeks holds more where it misses as few."""
    items = brand(seed, 12)
    played = play_all(items, since(91), reorder())
    ours = played.total
    mean = play_all(items, since(91), thirteen_weeks()).total
    more_days = matched(items, since(91), ours.missed)
    assert more_days is not None
    as_good = play_all(items, since(91), thirteen_weeks(more_days)).total
    assert as_good.missed <= ours.missed < mean.missed
    assert ours.held < as_good.held
    assert ours.excess < as_good.excess
    assert matched(items, since(91), -1) is None


def test_both_together() -> None:
    one = Came(days=1, missed=2, held=3)
    assert one + one == Came(days=2, missed=4, held=6)
