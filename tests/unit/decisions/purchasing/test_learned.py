"""Learned demand in the terms of orders: its quantiles are kept, and it counts only where it wins."""

from datetime import date, timedelta
from random import Random

import numpy as np
import pytest

from tests.support.demand import wanted_of
from trueup.decisions.purchasing.learned import (
    TRAINED_DAYS_MIN,
    Anew,
    demands_of,
    fitted,
    may_learn,
    panel_of,
)
from trueup.decisions.purchasing.model import FIGURE, counts
from trueup.decisions.purchasing.quantity import Terms, levels_of
from trueup.decisions.purchasing.replayed import Item, play_all, reorder
from trueup.kernel.chance import units_for
from trueup.ledger.demand import Day
from trueup.models.demand.foretell import DAILY, quantile_of_sum, tell, train_on

MONDAY = date(2026, 3, 2)
TERMS = Terms(lead_days=6, review_days=7, service_percent=95, order_days_max=120)


def pasts(count: int, days: int) -> list[list[Day]]:
    found = []
    for n in range(count):
        units = wanted_of(Random(f"learned-{n}"), days)
        found.append(
            [Day(on=MONDAY + timedelta(days=k), units=u, left=20) for k, u in enumerate(units)]
        )
    return found


@pytest.mark.parametrize(("mean", "quantile"), [(14.0, 25.0), (0.4, 3.0), (60.0, 140.0)])
def test_its_quantile_is_what_is_ordered_by(mean: float, quantile: float) -> None:
    found = fitted(mean, quantile, 7, 0.05)
    assert found.per_day == pytest.approx(mean / 7)
    units = units_for(mean, found.dispersion, 0.05)
    assert abs(units - quantile) <= 0.05 * quantile
    assert levels_of(found, TERMS).point == units + 1


def test_what_is_surer_than_poisson_is_taken_for_poisson() -> None:
    assert fitted(14.0, 15.0, 7, 0.05).dispersion == 1.0
    assert fitted(0.0, 0.0, 7, 0.05).per_day == 0.0


def test_rows_are_told_as_the_model_tells_them_and_what_is_far_is_not() -> None:
    panel = panel_of(pasts(40, 140))
    factor, spread = train_on(panel, DAILY)
    told = tell(panel, DAILY, factor, spread)
    slow = Terms(lead_days=DAILY.horizon, review_days=7, service_percent=95, order_days_max=120)
    found = demands_of(told, spread, {0: (TERMS, 0), 1: (TERMS, 10_000), 2: (slow, 0)})
    assert set(found) == {0}, "one is far from an order, of the other it tells too few days"
    quantile = quantile_of_sum(told, spread, 7, 0.95)[0]
    mean = float(told.means[0, :7].sum())
    assert found[0] == fitted(mean, float(quantile), 7, 1 - 0.95)


def test_days_before_a_sku_began_say_nothing() -> None:
    long, short = pasts(2, 20)
    panel = panel_of([long, short[15:]])
    assert panel.known[1].tolist() == [False] * 15 + [True] * 5
    assert np.array_equal(panel.units[1, 15:], [day.units for day in short[15:]])


def test_it_is_played_where_there_are_days_to_learn_from_and_the_same_twice() -> None:
    items = [
        Item(sku=f"S{n}", supplier="a", past=past, terms=TERMS)
        for n, past in enumerate(pasts(6, TRAINED_DAYS_MIN + 14))
    ]
    since = MONDAY + timedelta(days=TRAINED_DAYS_MIN)
    assert may_learn(items, since)
    assert not may_learn(items, since - timedelta(days=1))
    first = play_all(items, since, reorder(learn=Anew()))
    assert first == play_all(items, since, reorder(learn=Anew()))
    assert first.orders > 0


def test_only_a_replay_that_showed_it_no_worse_lets_it_count() -> None:
    assert not counts(None)
    assert not counts({"figures": {}})
    assert not counts({"figures": {FIGURE: 0.0}})
    assert counts({"figures": {FIGURE: 1.0}})
