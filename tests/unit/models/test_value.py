"""Models of customers: published values, independent sums, and what they must never do."""

import math
from datetime import date
from typing import Any

import numpy as np
import pytest
from scipy.special import hyp2f1

from trueup.models.artifact import unpack
from trueup.models.model import Fitted, Lacking
from trueup.models.value import bench, bg_nbd, learn, pareto_nbd, ranking, regularity, rfm, spend
from trueup.models.value.bg_nbd import BgNbd
from trueup.models.value.buys import (
    Purchases,
    bins_of,
    came_of,
    day_number,
    day_of,
    gather,
    see,
)
from trueup.models.value.learn import HELD_OUT_DAYS, Value
from trueup.models.value.pareto_nbd import ParetoNbd
from trueup.models.value.regularity import Gaps, Regularity
from trueup.models.value.rfm import Tier

BG = BgNbd(0.243, 4.414, 0.793, 2.426)
PARETO = ParetoNbd(0.553, 10.578, 0.606, 11.669)


def of(*values: float) -> Any:
    return np.array(values, dtype=np.float64)


def quiet(_doing: str, _share: float) -> None:
    pass


def bought(*rows: tuple[int, int, float], until: int = 100, persons: int = 3) -> Purchases:
    customers, days, amounts = (np.array(each) for each in zip(*rows, strict=True))
    return gather(
        customers.astype(np.int64),
        days.astype(np.int64),
        amounts.astype(np.float64),
        np.zeros(len(rows), dtype=np.int64),
        ("EUR",),
        tuple(bytes([number]) for number in range(persons)),
        until,
    )


def some_buyers(count: int = 400, seed: int = 5) -> Purchases:
    """Return two years of made-up customers, who come at their own rates and leave."""
    random = np.random.default_rng(seed)
    customers, days = [], []
    for number in range(count):
        at, rate = float(random.integers(0, 500)), random.gamma(0.7, 1 / 30)
        leaves = random.beta(0.8, 3.0)
        while at < 730:
            customers.append(number)
            days.append(int(at))
            if random.random() < leaves:
                break
            at += random.exponential(1 / rate) + 1
    return gather(
        np.array(customers),
        np.array(days) + 20000,
        random.gamma(4, 10, len(days)),
        np.zeros(len(days), dtype=np.int64),
        ("EUR",),
        tuple(bytes([number // 256, number % 256]) for number in range(count)),
        20729,
    )


def test_one_customer_as_published() -> None:
    """Fader, Hardie and Lee's own example: two purchases again, the last in week 30.43 of 38.86."""
    [told] = bg_nbd.expected(BG, of(2), of(30.43), of(38.86), 39.0)
    assert told == pytest.approx(1.226, abs=0.0005)
    [mean] = spend.expected(spend.Spend(6.25, 3.74, 15.44), of(2), of(22.35))
    assert mean == pytest.approx(24.66, abs=0.01)


@pytest.mark.parametrize(("x", "t_x", "known"), [(0, 0, 30), (1, 5, 30), (7, 29, 30), (3, 30, 30)])
def test_a_likelihood_is_the_integral_over_all_rates(x: int, t_x: float, known: float) -> None:
    """Pareto/NBD, summed up over every rate of buying and of leaving, without its closed form."""
    nodes, weights = np.polynomial.legendre.leggauss(300)
    # By the cube roots of both rates, which takes the poles at zero out.
    u, w = (nodes + 1) * 1.1, weights * 1.1
    rate, mu = u[:, None] ** 3, u[None, :] ** 3
    jacobian = 9 * u[:, None] ** 2 * u[None, :] ** 2 * w[:, None] * w[None, :]
    both = rate + mu
    stays = rate**x * np.exp(-both * known)
    leaves = rate**x * mu / both * (np.exp(-both * t_x) - np.exp(-both * known))
    for own in (PARETO, ParetoNbd(0.9, 8.0, 1.4, 3.0), ParetoNbd(0.7, 6.0, 0.8, 6.0)):
        r, alpha, s, beta = own
        spread = rate ** (r - 1) * np.exp(-alpha * rate) * mu ** (s - 1) * np.exp(-beta * mu)
        total = float(((stays + leaves) * spread * jacobian).sum())
        scale = alpha**r * beta**s / (math.gamma(r) * math.gamma(s))
        [ours] = pareto_nbd.log_likelihoods(own, of(x), of(t_x), of(known))
        assert ours == pytest.approx(math.log(total * scale), abs=1e-4)


def test_the_sum_and_the_integral_agree_where_both_can_be_computed() -> None:
    x, known = of(0, 1, 5, 40), of(20, 20, 20, 20)
    for own in (BG._replace(a=2.0, b=6.0), BG._replace(a=25.0, b=100.0)):
        summed = bg_nbd._summed(own, x, known, 39.0)
        assert bg_nbd._integrated(own, x, known, 39.0) == pytest.approx(summed, rel=1e-4)
    many = bg_nbd.expected(BG._replace(a=1500.0, b=8000.0), x, 0.9 * known, known, 39.0)
    assert np.isfinite(many).all()


@pytest.mark.parametrize("a", [0.4, 0.793, 0.999, 1.3, 4.0])
@pytest.mark.parametrize("weeks", [1.0, 39.0, 300.0])
def test_what_is_expected_is_the_published_formula_where_that_can_be_computed(
    a: float, weeks: float
) -> None:
    own = BG._replace(a=a)
    r, alpha, a, b = own
    for x, t_x, known in ((0, 0.0, 20.0), (1, 4.0, 20.0), (5, 19.0, 20.0)):
        z = weeks / (alpha + known + weeks)
        bracket = 1 - ((alpha + known) / (alpha + known + weeks)) ** (r + x) * hyp2f1(
            r + x, b + x, a + b + x - 1, z
        )
        odds = a / (b + x - 1) * ((alpha + known) / (alpha + t_x)) ** (r + x) if x else 0.0
        wanted = (a + b + x - 1) / (a - 1) * bracket / (1 + odds)
        [ours] = bg_nbd.expected(own, of(x), of(t_x), of(known), weeks)
        assert ours == pytest.approx(wanted, rel=1e-8)


def test_nothing_jumps_where_a_formula_is_singular() -> None:
    x, t_x, known = of(0, 1, 5), of(0, 4, 19), of(20, 20, 20)
    for field, model, own in (("a", bg_nbd, BG), ("s", pareto_nbd, PARETO)):
        below, at, above = (
            model.expected(own._replace(**{field: value}), x, t_x, known, 39.0)  # type: ignore[attr-defined]
            for value in (1 - 1e-7, 1.0, 1 + 1e-7)
        )
        assert below == pytest.approx(at, rel=1e-5)
        assert above == pytest.approx(at, rel=1e-5)
    # And where both gammas of the Pareto/NBD have one scale.
    near, same = PARETO._replace(beta=PARETO.alpha + 1e-9), PARETO._replace(beta=PARETO.alpha)
    assert pareto_nbd.alive(near, x, t_x, known) == pytest.approx(
        pareto_nbd.alive(same, x, t_x, known), rel=1e-6
    )


def test_somebody_who_buys_a_lot_overflows_nothing() -> None:
    x, t_x, known = of(5000, 5000, 0), of(301, 10, 0), of(301, 300, 300)
    for model, own in ((bg_nbd, BG), (pareto_nbd, PARETO)):
        with np.errstate(over="raise", invalid="raise"):
            logs = model.log_likelihoods(own, x, t_x, known)  # type: ignore[attr-defined]
            lives = model.alive(own, x, t_x, known)  # type: ignore[attr-defined]
            told = model.expected(own, x, t_x, known, 52.0)  # type: ignore[attr-defined]
        assert np.isfinite(logs).all()
        assert lives[0] > 0.99
        assert lives[1] < 1e-6
        assert told[0] == pytest.approx(5000 / 301 * 52, rel=0.1)
        assert told[1] < 1e-3


def test_parameters_come_back_from_customers_who_were_made_of_them() -> None:
    random = np.random.default_rng(3)
    count, known = 20_000, 60.0
    rates = random.gamma(0.8, 1 / 8.0, count)
    lives = random.exponential(1.0, count) / random.gamma(1.2, 1 / 20.0, count)
    spans = np.minimum(lives, known)
    x = random.poisson(rates * spans).astype(np.float64)
    # Of uniform moments the last of x in a span is the span times the x-th root of a uniform one.
    t_x = np.where(x > 0, spans * random.random(count) ** (1 / np.maximum(x, 1)), 0.0)
    seen = see(bought((0, 0, 1.0)))._replace(x=x, t_x=t_x, known=np.full(count, known))
    own, found = pareto_nbd.fit(bins_of(seen))
    assert not found.at_bound
    assert own.r == pytest.approx(0.8, rel=0.08)
    assert own.alpha == pytest.approx(8.0, rel=0.1)
    assert own.s / own.beta == pytest.approx(1.2 / 20, rel=0.15)


def test_orders_of_a_day_are_one_purchase_and_what_comes_later_is_not_seen() -> None:
    purchases = bought(
        (1, 30, 5.0), (0, 10, 8.0), (0, 10, 2.0), (0, 24, 20.0), (2, 101, 9.0), until=100
    )
    seen = see(purchases)
    assert seen.customers.tolist() == [0, 1]
    assert seen.x.tolist() == [1, 0]
    assert seen.t_x.tolist() == [2.0, 0.0]
    assert seen.known.tolist() == pytest.approx([90 / 7, 10.0])
    assert seen.spend.tolist() == [15.0, 5.0]
    assert seen.again.tolist() == [20.0, 0.0]
    assert seen.gap_logs.tolist() == pytest.approx([math.log(14), 0.0])
    early = see(purchases.before(20))
    assert (early.x.tolist(), early.spend.tolist()) == ([0], [10.0])
    assert came_of(purchases, early, 21, 100).tolist() == [1]
    assert day_of(day_number(date(2026, 3, 1))) == date(2026, 3, 1)


def test_customers_who_are_alike_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = see(some_buyers())
    exact = bins_of(seen)
    assert exact.weights.sum() == len(seen.x)
    monkeypatch.setattr("trueup.models.value.buys.BINS_MAX", 60)
    coarse = bins_of(seen)
    assert len(coarse.x) <= 60 < len(exact.x)
    for kept in ("x", "t_x", "known"):
        ours = np.dot(getattr(coarse, kept), coarse.weights)
        assert ours == pytest.approx(getattr(seen, kept).sum())


def test_quintiles_share_what_is_equal_and_order_the_rest() -> None:
    assert rfm.quintiles(np.arange(10.0)).tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert len(set(rfm.quintiles(np.zeros(7)).tolist())) == 1
    many = rfm.quintiles(of(*[0] * 8, 1, 2))
    assert many.tolist() == [3] * 8 + [5, 5]
    assert rfm.quintiles(of(4.0)).tolist() == [3]
    values = np.arange(100.0)
    tiers = rfm.tiers_of(values, rfm.cuts_of(values))
    counts = [int((tiers == place).sum()) for place in range(4)]
    assert counts == [5, 15, 30, 50]
    assert rfm.TIERS[tiers[99]] is Tier.TOP


def test_ranking_by_hand() -> None:
    came = np.array([0, 1, 2, 0])
    assert ranking.mean_off(of(0, 1, 0, 1), came) == 0.75
    assert ranking.root_mean_square(of(0, 1, 0, 1), came) == pytest.approx(math.sqrt(5 / 4))
    assert ranking.area_of_any(of(0, 1, 2, 0), came) == 1.0
    assert ranking.area_of_any(of(1, 1, 1, 1), came) == 0.5
    assert ranking.area_of_any(of(1, 2, 3, 4), np.zeros(4, dtype=int)) == 0.5
    assert ranking.correlation(of(1, 1, 1, 1), came) == 0.0
    assert ranking.share_in_top(of(*range(20)), np.array([0] * 18 + [1, 3])) == 1.0


def test_a_regular_customer_has_a_narrow_interval_and_a_casual_one_a_wide_one() -> None:
    gaps = Gaps(counts=of(6), sums=of(180), logs=of(6 * math.log(30)), since=of(0))
    regular = Regularity(k=20.0, r=3.0, alpha=3 * 30 / 20, leaves=0.05)
    casual = Regularity(k=1.0, r=3.0, alpha=90.0, leaves=0.05)
    told = [regularity.next_of(own, gaps, 20000, 365.0) for own in (regular, casual)]
    assert told[0] is not None
    assert told[1] is not None
    narrow, wide = ((each.late_on - each.early_on).days for each in told if each)
    assert narrow < 30 < wide
    assert abs((told[0].expected_on - day_of(20030)).days) <= 2
    assert told[0].early_on < told[0].soon_on < told[0].expected_on < told[0].late_on


def test_below_three_purchases_no_date_is_told() -> None:
    own = Regularity(k=1.0, r=1.0, alpha=30.0, leaves=0.1)
    once = Gaps(counts=of(1), sums=of(30), logs=of(math.log(30)), since=of(3))
    assert regularity.next_of(own, once, 20000, 365.0) is None
    twice = once._replace(counts=of(2), sums=of(60))
    assert regularity.next_of(own, twice, 20000, 365.0) is not None


def test_who_has_been_away_for_long_is_told_as_gone() -> None:
    own = Regularity(k=4.0, r=3.0, alpha=22.0, leaves=0.1)
    here = Gaps(counts=of(6), sums=of(180), logs=of(20), since=of(10))
    away = here._replace(since=of(400))
    [near], [far] = (regularity.chances(own, each, 365.0) for each in (here, away))
    assert near > 0.85
    assert far < 0.1
    told = regularity.next_of(own, away, 20000, 365.0)
    assert told is not None
    assert told.early_on >= day_of(20000)


def test_intervals_hold_eight_of_ten_where_customers_are_regular() -> None:
    purchases = bench.regular_buyers(1500, 4.0, 7)
    seen = see(purchases.before(bench.CUT))
    own = regularity.fit(regularity.gaps_of(seen))
    inside, off, mean_off = learn.cover_of(purchases, seen, own, bench.CUT)
    assert own.k == pytest.approx(4.0, rel=0.15)
    assert 0.74 <= np.mean(inside) <= 0.86
    assert np.mean(off) < np.mean(mean_off)


def test_training_is_the_same_every_time_and_beats_the_rate_so_far() -> None:
    purchases = some_buyers()
    one, other = (learn.train(purchases, quiet) for _ in range(2))
    assert isinstance(one, Fitted)
    assert one == other
    assert one.card.beats
    assert [each.name for each in one.card.figures][:2] == ["rmse_orders", "mae_orders"]
    assert one.card.held_out_since == day_of(20729 - HELD_OUT_DAYS + 1)
    value = unpack(one.artifact, Value)
    assert sum(each.customers for each in value.tiers) == 400
    [top, *_, low] = value.tiers
    assert (top.tier, low.tier) == ("top", "low")
    assert top.value / top.customers > low.value / low.customers
    # Nothing of a customer is in it.
    named = purchases._replace(persons=tuple(b"person-%04d" % n for n in range(400)))
    assert learn.train(named, quiet) == one


def test_what_came_later_changes_nothing_that_was_told_before() -> None:
    purchases = some_buyers()
    cut = purchases.until - HELD_OUT_DAYS
    fitted = learn.train(purchases.before(cut), quiet)
    assert isinstance(fitted, Fitted)
    scored = learn.score(fitted.artifact, purchases, day_of(cut))
    assert scored is not None
    assert (scored.since, scored.until) == (day_of(cut + 1), day_of(purchases.until))
    whole = learn.train(purchases, quiet)
    assert isinstance(whole, Fitted)
    assert scored.value == pytest.approx(whole.card.judge.model, rel=0.01)
    assert learn.score(fitted.artifact, purchases.before(cut + 30), day_of(cut)) is None


@pytest.mark.parametrize("count", [0, 40])
def test_a_short_history_is_said_to_be_too_short(count: int) -> None:
    purchases = some_buyers().before(20729)
    few = purchases._replace(
        customers=purchases.customers[:count],
        days=purchases.days[:count],
        amounts=purchases.amounts[:count],
        currencies=purchases.currencies[:count],
    )
    lacking = learn.train(few, quiet)
    assert isinstance(lacking, Lacking)
    assert "It needs 26 weeks of orders, and 100 customers" in lacking.why


def test_currencies_are_told_apart() -> None:
    purchases = some_buyers()
    half = purchases.customers % 2
    mixed = purchases._replace(
        currencies=half, amounts=purchases.amounts * (1 + half * 99), names=("EUR", "JPY")
    )
    fitted = learn.train(mixed, quiet)
    assert isinstance(fitted, Fitted)
    value = unpack(fitted.artifact, Value)
    assert set(value.spends) == {"EUR", "JPY"}
    assert value.means["JPY"] / value.means["EUR"] == pytest.approx(100, rel=0.1)
    assert {each.currency for each in value.tiers} == {"EUR", "JPY"}
