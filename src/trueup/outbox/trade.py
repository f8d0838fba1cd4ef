"""What a smaller chance of an oversell costs: sales that are turned away. Pure.

As stock runs out, a channel shows nothing while others still have units: whoever comes there in
that time is turned away. Both are told per sell-out, the time from what lies there now to nothing,
and turned away per day too, as if each sell-out were like this one.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from trueup.kernel.chance import chance_over
from trueup.outbox.buffers import ALONE, Plan, Pool, Seller, chance_short, plan_buffers

CHANCES: Final = (0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0001, 0.00001)
"""The bounds at which the trade is told."""

_EXACT_LEVELS = 40
_SAMPLED_LEVELS = 60
_NOTHING_SOLD = 1e-9
_TELLING_S_MIN = 1e-3
_DAY_S: Final = 86_400.0


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What one bound comes to.

    Attributes:
        chance: the bound; None where nothing is kept back.
        buffers: by channel.
        oversell_chance: that a sell-out oversells somewhere, at most.
        turned_away: customers in a sell-out who find nothing while units are left, on average.
        turned_away_per_day: the same as a rate.
    """

    chance: float | None
    buffers: tuple[int, ...]
    thin_below: int
    oversell_chance: float
    turned_away: float
    turned_away_per_day: float


def read_trade(
    sellers: Sequence[Seller],
    dispersion: float,
    available: int,
    chances: Sequence[float] = CHANCES,
    *,
    pool: Pool = ALONE,
) -> tuple[Choice, ...]:
    """Return what each bound comes to, from no buffer at all to the smallest chance."""
    found = [weigh(sellers, dispersion, available, _nothing_kept(sellers), None, pool)]
    for chance in sorted(chances, reverse=True):
        bound = [msgspec.structs.replace(seller, chance=chance) for seller in sellers]
        plan = plan_buffers(bound, dispersion, pool)
        found.append(weigh(bound, dispersion, available, plan, chance, pool))
    return tuple(found)


def weigh(
    sellers: Sequence[Seller],
    dispersion: float,
    available: int,
    plan: Plan,
    chance: float | None,
    pool: Pool = ALONE,
) -> Choice:
    """Return what a plan comes to."""
    over = [
        chance_short(sellers, n, dispersion, max(buffer, sellers[n].fixed), pool)
        for n, buffer in enumerate(plan.buffers)
    ]
    away = turned_away(sellers, plan, dispersion, available)
    total = math.fsum(seller.rate for seller in sellers)
    per_day = away * total * _DAY_S / available if available > 0 else 0.0
    return Choice(
        chance=chance,
        buffers=plan.buffers,
        thin_below=plan.thin_below,
        oversell_chance=min(1.0, math.fsum(over)),
        turned_away=away,
        turned_away_per_day=per_day,
    )


def turned_away(sellers: Sequence[Seller], plan: Plan, dispersion: float, available: int) -> float:
    """Return how many customers find nothing while units are left, until none are.

    With buffers, whoever comes to a channel that shows none is turned away until the others have
    sold. In thin stock a channel has its part until the parts are told anew, which takes as long as
    word takes to come in, to lower the others and to raise this one: who comes to one that sold its
    part is turned away if another has some left. Units that no channel shows count as well.
    """
    total = math.fsum(seller.rate for seller in sellers)
    if total <= 0 or available <= 0:
        return 0.0
    kept = [max(b, seller.fixed) for b, seller in zip(plan.buffers, sellers, strict=True)]
    away = 0.0
    for units, stride in _levels(min(available, max(plan.thin_below, *kept))):
        if units < plan.thin_below:
            sold, missed = _one_telling(sellers, plan, dispersion, units)
        else:
            missed = math.fsum(s.rate for s, b in zip(sellers, kept, strict=True) if units <= b)
            sold = total - missed
        if sold <= total * _NOTHING_SOLD:
            return away + units
        away += stride * missed / sold
    return away


def _one_telling(
    sellers: Sequence[Seller], plan: Plan, dispersion: float, units: int
) -> tuple[float, float]:
    """Return what is sold, and who is missed, from one telling of the parts to the next."""
    outward_s = max(seller.outward_s for seller in sellers)
    sold, missed, left = 0.0, 0.0, 0.0
    for seller, part in zip(sellers, plan.parts, strict=True):
        mean = seller.rate * max(seller.inward_s + outward_s + seller.outward_s, _TELLING_S_MIN)
        over = excess(mean, dispersion, part.of(units))
        sold += mean - over
        missed += over
        left += part.of(units) - (mean - over)
    return sold, min(missed, left)


def excess(mean: float, dispersion: float, units: int) -> float:
    """Return by how much a window's sales exceed `units`, on average.

    Of a negative binomial, k times the chance of k is the mean times the chance of k - 1 of one
    with a line more; so both sums are chances.
    """
    if units <= 0:
        return mean
    more = mean + max(0.0, dispersion - 1)
    both = mean * chance_over(more, dispersion, units - 2)
    return max(0.0, mean - units, both - units * chance_over(mean, dispersion, units - 1))


def _levels(top: int) -> Iterator[tuple[int, int]]:
    """Return numbers of units from `top` down, and how many each stands for: the last are exact."""
    stride = max(1, (top - _EXACT_LEVELS) // _SAMPLED_LEVELS)
    while top > 0:
        step = min(stride, top - _EXACT_LEVELS) if top > _EXACT_LEVELS else 1
        yield top, step
        top -= step


def _nothing_kept(sellers: Sequence[Seller]) -> Plan:
    plan = plan_buffers(sellers, 1.0)
    return Plan(buffers=(0,) * len(sellers), parts=plan.parts, thin_below=0)
