"""Buffers: small enough to sell, large enough for the chance that was chosen."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.kernel.chance import chance_over, units_for
from trueup.kernel.limits import UNITS_MAX
from trueup.outbox.buffers import (
    Part,
    Seller,
    plan_buffers,
    split,
    thin_limit,
    unseen_mean,
)

MEANS = st.floats(1e-6, 5_000)
DISPERSIONS = st.floats(1, 20)
CHANCES = st.floats(1e-6, 0.4)
RATES = st.floats(0, 300) | st.just(0.0)
DELAYS = st.floats(0.01, 60)


def sellers_of(*rates: float, delay_s: float = 5.0, chance: float = 0.001) -> list[Seller]:
    return [
        Seller(rate=rate, inward_s=delay_s / 2, outward_s=delay_s / 2, chance=chance)
        for rate in rates
    ]


SELLERS = st.lists(
    st.builds(Seller, rate=RATES, inward_s=DELAYS, outward_s=DELAYS, chance=CHANCES),
    min_size=1,
    max_size=6,
)


# -- one channel's buffer ------------------------------------------------------------------------


@settings(deadline=None)
@given(mean=MEANS, dispersion=DISPERSIONS, chance=CHANCES)
def test_a_buffer_is_the_fewest_units_that_hold(
    mean: float, dispersion: float, chance: float
) -> None:
    units = units_for(mean, dispersion, chance)
    assert chance_over(mean, dispersion, units) <= chance * (1 + 1e-9)
    if units and math.sqrt(mean * dispersion) < 500:
        assert chance_over(mean, dispersion, units - 1) > chance * (1 - 1e-9)


@settings(deadline=None)
@given(mean=MEANS, more=MEANS, dispersion=DISPERSIONS, chance=CHANCES)
def test_who_sells_more_elsewhere_needs_no_less(
    mean: float, more: float, dispersion: float, chance: float
) -> None:
    assert units_for(mean, dispersion, chance) <= units_for(mean + more, dispersion, chance)


@settings(deadline=None)
@given(mean=MEANS, dispersion=DISPERSIONS, chance=CHANCES, part=st.floats(0.01, 1))
def test_a_smaller_chance_needs_no_less(
    mean: float, dispersion: float, chance: float, part: float
) -> None:
    assert units_for(mean, dispersion, chance) <= units_for(mean, dispersion, chance * part)


def test_known_quantiles() -> None:
    # Poisson: P(X > 5) = 0.00097 at a mean of 1.1, P(X > 4) = 0.0054.
    assert units_for(1.1, 1.0, 0.001) == 5
    # A mean of 10 and a variance of 15: negative binomial with r = 20 and p = 2/3.
    below = sum(
        math.comb(k + 19, k) * (2 / 3) ** 20 * (1 / 3) ** k for k in range(units_for(10, 1.5, 0.01))
    )
    assert 1 - below > 0.01
    assert units_for(0.0009, 1.0, 0.001) == 0
    assert units_for(0.0, 3.0, 0.001) == 0


def test_beyond_exact_sums_the_proven_bound_is_at_hand() -> None:
    mean = 1_000_000.0
    units = units_for(mean, 2.0, 0.001)
    deviation = math.sqrt(2 * mean)
    assert mean + 3.09 * deviation < units < mean + 3.8 * deviation
    assert chance_over(mean, 2.0, units) <= 0.001
    assert units_for(1e18, 2.0, 0.001) == UNITS_MAX


@settings(deadline=None)
@given(dispersion=st.floats(1, 30), chance=st.floats(1e-5, 0.1))
def test_where_exact_sums_end_no_buffer_falls(dispersion: float, chance: float) -> None:
    edge = 500.0**2 / dispersion
    assert units_for(edge * 0.999, dispersion, chance) <= units_for(
        edge * 1.001, dispersion, chance
    )


# -- all channels of a SKU -----------------------------------------------------------------------


@settings(deadline=None)
@given(sellers=SELLERS, dispersion=DISPERSIONS)
def test_the_bound_holds_for_each_channel(sellers: list[Seller], dispersion: float) -> None:
    plan = plan_buffers(sellers, dispersion)
    for n, seller in enumerate(sellers):
        mean = unseen_mean(sellers, n)
        assert chance_over(mean, dispersion, plan.buffers[n]) <= seller.chance * (1 + 1e-9)


@settings(deadline=None)
@given(sellers=SELLERS)
def test_no_buffer_where_nobody_else_sells(sellers: list[Seller]) -> None:
    alone = [
        Seller(rate=s.rate if n == 0 else 0.0, inward_s=1, outward_s=9, chance=0.001)
        for n, s in enumerate(sellers)
    ]
    assert plan_buffers(alone, 4.0).buffers[0] == 0


@settings(deadline=None)
@given(sellers=SELLERS, which=st.integers(0, 5), more=st.floats(0.01, 50))
def test_faster_sales_and_longer_ways_need_no_less(
    sellers: list[Seller], which: int, more: float
) -> None:
    n = which % len(sellers)
    before = plan_buffers(sellers, 1.7).buffers
    for field in ("rate", "inward_s", "outward_s"):
        changed = list(sellers)
        fields = {name: getattr(sellers[n], name) for name in Seller.__struct_fields__}
        fields[field] += more
        changed[n] = Seller(**fields)
        after = plan_buffers(changed, 1.7).buffers
        assert all(was <= now for was, now in zip(before, after, strict=True))


# -- thin stock ----------------------------------------------------------------------------------


@settings(deadline=None)
@given(sellers=SELLERS, units=st.integers(0, 100_000))
def test_the_parts_of_all_channels_are_all_units(sellers: list[Seller], units: int) -> None:
    parts = split(sellers)
    shown = [part.of(units) for part in parts]
    assert sum(shown) == units
    assert min(shown) >= 0


@settings(deadline=None)
@given(sellers=SELLERS, dispersion=DISPERSIONS, more=st.integers(0, 5_000))
def test_where_the_parts_begin_to_count_no_number_rises(
    sellers: list[Seller], dispersion: float, more: int
) -> None:
    plan = plan_buffers(sellers, dispersion)
    units = plan.thin_below + more
    for buffer, part in zip(plan.buffers, plan.parts, strict=True):
        assert max(0, units - buffer) >= part.of(units)
    if plan.thin_below:
        below = plan.thin_below - 1
        assert any(
            max(0, below - buffer) < part.of(below)
            for buffer, part in zip(plan.buffers, plan.parts, strict=True)
        )


def test_the_last_unit_is_shown_where_it_sells_fastest() -> None:
    parts = split(sellers_of(0.1, 3.0, 0.0))
    assert [part.of(1) for part in parts] == [0, 1, 0]
    assert [part.of(0) for part in parts] == [0, 0, 0]
    assert [part.of(-4) for part in parts] == [0, 0, 0]


def test_without_sales_all_have_the_same() -> None:
    assert sorted(part.of(9) for part in split(sellers_of(0, 0, 0))) == [3, 3, 3]


def test_a_channel_that_sold_nothing_shows_some_of_many() -> None:
    assert split(sellers_of(5.0, 0.0))[1].of(1_000) > 0


def test_who_keeps_units_back_by_rule_has_no_part_of_the_last() -> None:
    first, second = sellers_of(1.0, 1.0)
    ruled = Seller(rate=1.0, inward_s=1, outward_s=1, chance=0.001, fixed=3)
    parts = split([first, ruled, second])
    assert [part.of(10) for part in parts] == [5, 0, 5]
    assert sum(part.of(7) for part in parts) == 7


def test_no_part_counts_where_no_buffer_does() -> None:
    assert thin_limit([0, 0], (Part(start=0, end=0.5), Part(start=0.5, end=1))) == 0
    assert plan_buffers(sellers_of(9.0), 3.0).thin_below == 0


# -- played out ----------------------------------------------------------------------------------


def _lines(rng: random.Random, rate: float, until_s: float, dispersion: float) -> list[float]:
    """Return when units are sold: lines come as Poisson, of logarithmic sizes."""
    if dispersion <= 1:
        sizes, size_mean = [1], 1.0
    else:
        q = 1 - 1 / dispersion
        size_mean = -q / ((1 - q) * math.log(1 - q))
        sizes = []
    at, found = 0.0, []
    while rate > 0:
        at += rng.expovariate(rate / size_mean)
        if at >= until_s:
            break
        size = sizes[0] if sizes else _logarithmic(rng, 1 - 1 / dispersion)
        found += [at] * size
    return found


def _logarithmic(rng: random.Random, q: float) -> int:
    """Return a size of the logarithmic series (Kemp's method)."""
    r = math.log(1 - q)
    v = rng.random()
    if v >= q:
        return 1
    u = rng.random()
    chance = 1 - math.exp(r * u)
    if v <= chance * chance:
        return int(1 + math.log(v) / math.log(chance))
    return 2 if v <= chance else 1


def _oversold(
    rng: random.Random, sellers: list[Seller], kept: tuple[int, ...], stock: int, dispersion: float
) -> list[bool]:
    """Sell until nothing is shown anywhere; return at which channels one too many was sold.

    Every channel shows what the hub knew when its newest number left, less what it sold itself
    since; the ways take as long as the sellers say.
    """
    total = sum(seller.rate for seller in sellers)
    until_s = 2.0 * stock / total + 60
    wishes = sorted(
        (at, n)
        for n, seller in enumerate(sellers)
        for at in _lines(rng, seller.rate, until_s, dispersion)
    )
    sold: list[list[float]] = [[] for _ in sellers]
    over = [False] * len(sellers)
    left = stock
    for at, n in wishes:
        told = sum(
            _count_until(sold[m], at - other.inward_s - sellers[n].outward_s)
            for m, other in enumerate(sellers)
            if m != n
        )
        if stock - told - len(sold[n]) - kept[n] < 1:
            continue
        sold[n].append(at)
        over[n] = over[n] or left <= 0
        left -= 1
    return over


def _count_until(ats: list[float], until: float) -> int:
    count = len(ats)
    while count and ats[count - 1] > until:
        count -= 1
    return count


@pytest.mark.parametrize("dispersion", [1.0, 3.0])
@pytest.mark.parametrize(
    "rates", [(2.0, 2.0), (6.0, 0.3, 0.05), (1.0, 1.0, 1.0, 1.0), (0.01, 0.02)], ids=str
)
def test_played_out_the_chance_of_an_oversell_stays_under_the_bound(
    rates: tuple[float, ...], dispersion: float
) -> None:
    chance, rounds = 0.05, 600
    sellers = sellers_of(*rates, chance=chance)
    plan = plan_buffers(sellers, dispersion)
    stock = plan.thin_below + 30
    rng = random.Random(f"{rates} {dispersion}")
    counts = [0] * len(sellers)
    for _ in range(rounds):
        for n, over in enumerate(_oversold(rng, sellers, plan.buffers, stock, dispersion)):
            counts[n] += over
    # Three deviations above the bound would be chance once in a thousand.
    allowed = chance * rounds + 3 * math.sqrt(chance * rounds)
    assert max(counts) <= allowed, f"{counts} oversold of {rounds}, allowed {allowed:.0f}"


def test_played_out_without_buffers_it_is_not() -> None:
    rng = random.Random(4)
    sellers = sellers_of(2.0, 2.0)
    counts = sum(any(_oversold(rng, sellers, (0, 0), 30, 1.0)) for _ in range(200))
    assert counts > 150
