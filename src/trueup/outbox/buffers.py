"""How much of a SKU is kept back from a channel, and who has the last units. Pure.

A channel shows a number that is as old as a sale elsewhere takes to reach it: the time until the
hub takes the sale in (inward) and the time until the lower number stands at the channel (outward).
What the others sold in this window is unseen there. A buffer is the fewest units that are exceeded
by the unseen ones with at most the chance that was chosen.

The units sold in a window are taken as negative binomial of mean rate x window and of a variance
that is `dispersion` times the mean: demand comes in lines of several units and in bursts. That is
a Poisson stream of lines whose sizes are logarithmic, so that sums over channels and longer windows
are of the same kind; with a dispersion of 1 it is Poisson.

When little is left, buffers would leave a channel less than its part. Then every channel of the
SKU has an interval of [0, 1), and of A units those between floor(A x from) and floor(A x to):
together all of them, and none of them twice.

A kit and its parts are sold from the same units, its pool. What is sold under the other codes is
unseen as well, and counts in units of the pool; thin stock is shared evenly among the codes first.
"""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

import msgspec

from trueup.kernel.chance import chance_over, units_for
from trueup.kernel.limits import UNITS_MAX

DISPERSION_MAX: Final = 50.0
"""More uneven than this is a mistake in the measuring, or a single large order."""

SHARE_MIN: Final = 0.02
"""What a channel without sales has, of an even part, so that it can show it sells."""

_NO_RATE: Final = 1e-12


class Seller(msgspec.Struct, frozen=True, kw_only=True):
    """A channel, as far as its buffer goes.

    Attributes:
        rate: units a second that it sells.
        inward_s: from a sale there until the hub has taken it in.
        outward_s: from then until a lower number stands there.
        chance: at most so likely more may be unseen than is kept back.
        fixed: kept back by rule; what is measured only adds to it. Such a channel has no part in
            thin stock: whoever keeps units back from it does not want it to have the last.
    """

    rate: float
    inward_s: float
    outward_s: float
    chance: float
    fixed: int = 0


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel has of thin stock: of A units floor(A x to) - floor(A x from)."""

    start: float = 0.0
    end: float = 1.0

    def of(self, units: int) -> int:
        """Return how many of `units` are the channel's."""
        return math.floor(max(0, units) * self.end) - math.floor(max(0, units) * self.start)


WHOLE: Final = Part()


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """The units that a code is sold from, where other codes are too.

    Attributes:
        siblings: the channels of the other codes; their rates are in units of the pool.
        units: of the pool that one of the code takes.
        share: what the code has of thin stock.
    """

    siblings: tuple[Seller, ...] = ()
    units: int = 1
    share: Part = WHOLE


ALONE: Final = Pool()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What follows for the channels of one SKU, in the order in which they were given.

    Attributes:
        buffers: units that are kept back, without those by rule.
        thin_below: with less than this the parts count and no buffer.
    """

    buffers: tuple[int, ...]
    parts: tuple[Part, ...]
    thin_below: int


def plan_buffers(sellers: Sequence[Seller], dispersion: float, pool: Pool = ALONE) -> Plan:
    """Return what is kept back from each channel of a code, and who has how much of the last.

    Args:
        sellers: the code's channels.
        dispersion: of what is sold of the pool.
        pool: who else sells these units.
    """
    buffers = tuple(
        -(-units_for(unseen_mean(sellers, n, pool), dispersion, seller.chance) // pool.units)
        for n, seller in enumerate(sellers)
    )
    parts = split(sellers, pool.share)
    kept = [max(b, seller.fixed) for b, seller in zip(buffers, sellers, strict=True)]
    return Plan(buffers=buffers, parts=parts, thin_below=thin_limit(kept, parts))


def unseen_mean(sellers: Sequence[Seller], n: int, pool: Pool = ALONE) -> float:
    """Return how many units of the pool the others sell, on average, before the n-th shows it."""
    outward_s = sellers[n].outward_s
    own = math.fsum(
        other.rate * (other.inward_s + outward_s) for m, other in enumerate(sellers) if m != n
    )
    return own * pool.units + math.fsum(
        sibling.rate * (sibling.inward_s + outward_s) for sibling in pool.siblings
    )


def chance_short(
    sellers: Sequence[Seller], n: int, dispersion: float, kept: int, pool: Pool = ALONE
) -> float:
    """Return how likely more is unseen by the n-th channel than is kept back from it."""
    return chance_over(unseen_mean(sellers, n, pool), dispersion, kept * pool.units)


def split(sellers: Sequence[Seller], share: Part = WHOLE) -> tuple[Part, ...]:
    """Return each channel's interval of a share: by rate, and something for who sold nothing.

    The channel that sells most comes last and so has the last unit.
    """
    having = [n for n, seller in enumerate(sellers) if not seller.fixed]
    parts = [Part(start=0.0, end=0.0)] * len(sellers)
    if not having:
        return tuple(parts)
    total = math.fsum(sellers[n].rate for n in having)
    least = SHARE_MIN * total / len(having) if total > _NO_RATE else 1.0
    having.sort(key=lambda n: (sellers[n].rate, n))
    weights = [sellers[n].rate + least for n in having]
    whole = math.fsum(weights) / (share.end - share.start)
    edges = [0.0, *(edge / whole for edge in accumulate(weights))]
    edges = [min(share.end, share.start + edge) for edge in edges]
    edges[-1] = share.end
    for n, (start, end) in zip(having, pairwise(edges), strict=True):
        parts[n] = Part(start=start, end=end)
    return tuple(parts)


def thin_limit(kept: Sequence[int], parts: Sequence[Part]) -> int:
    """Return the least number of units from which no buffer leaves a channel less than its part.

    From there on every channel shows at least its part; so where the parts begin to count, no
    channel's number rises.
    """
    limit = 0
    for buffer, part in zip(kept, parts, strict=True):
        rest = 1.0 - (part.end - part.start)
        if buffer == 0 or part.end <= part.start or rest <= 0:
            continue
        # A part is within one unit of its share: beyond (buffer + 1) / rest nothing can be less.
        units = min(math.ceil((buffer + 1) / rest) + 1, UNITS_MAX)
        while units >= max(limit, 1) and max(0, units - buffer) >= part.of(units):
            units -= 1
        if units >= max(limit, 1):
            limit = units + 1
    return limit
