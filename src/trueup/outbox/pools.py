"""Codes that are sold from the same units: a kit and its parts, and kits that share a part. Pure.

A unit of a part may be sold under any of its codes, so what the others sell unseen is kept back
from each, in units of the part. In thin stock the codes have even shares of a part, whatever they
sell: shares that followed the rates would be told at different times, and what two codes have at
once would be shown twice. Kits have theirs from zero on, each rounded down to whole kits, and the
part alone has what is left.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from trueup.ledger.kits import Parts
from trueup.outbox.buffers import WHOLE, Part, Plan, Pool, Seller, plan_buffers, thin_limit


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """A code as it is sold.

    Attributes:
        sellers: its channels.
        parts: units of each SKU that one of it takes; of what is no kit, one of itself.
        shares: its channels may share the last units.
    """

    sellers: tuple[Seller, ...]
    parts: Parts
    shares: bool


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What follows for one code.

    Attributes:
        pool: the units that bound it most, with whoever else sells them.
        part: the SKU of these.
        plan: in units of the code.
        siblings: all codes that are sold from any of its units.
    """

    pool: Pool
    part: str
    plan: Plan
    siblings: tuple[str, ...]


def plan_codes(
    codes: Mapping[str, Code], dispersion_of: Mapping[str, float], prior: float
) -> dict[str, Planned]:
    """Return what is kept back of each code, and who has how much of the last.

    Args:
        codes: with all that are sold from the units of those that are wanted.
        dispersion_of: the dispersion of what is sold, by SKU of the units.
        prior: where that was not measured.
    """
    within: dict[str, list[str]] = defaultdict(list)
    for code in sorted(codes):
        for part in codes[code].parts:
            within[part].append(code)
    sharing = _sharing(codes, within)
    spread = {part: dispersion_of.get(part, prior) for part in within}
    pools = {
        (code, part): _pool_of(code, part, codes, members)
        for part, members in within.items()
        for code in members
    }
    plans = {
        (code, part): plan_buffers(codes[code].sellers, spread[part], pool)
        for (code, part), pool in pools.items()
    }
    limits = {
        part: max(_limit(codes[code].sellers, plans[code, part], pools[code, part]) for code in of)
        for part, of in within.items()
    }
    return {
        code: _combined(
            code,
            {part: (pools[code, part], plans[code, part], limits[part]) for part in each.parts},
            shares=code in sharing,
            siblings=sorted({other for part in each.parts for other in within[part]} - {code}),
        )
        for code, each in codes.items()
    }


def _sharing(codes: Mapping[str, Code], within: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the codes that share the last units: with one that can not, none does."""
    sharing = {code for code, each in codes.items() if each.shares}
    while True:
        broken = {
            code
            for code in sharing
            if any(not sharing.issuperset(within[part]) for part in codes[code].parts)
        }
        if not broken:
            return sharing
        sharing -= broken


def _pool_of(code: str, part: str, codes: Mapping[str, Code], members: Sequence[str]) -> Pool:
    width = 1.0 / len(members)
    siblings = [
        msgspec.structs.replace(seller, rate=seller.rate * codes[other].parts[part])
        for other in members
        if other != code
        for seller in codes[other].sellers
    ]
    if len(members) == 1:
        share = WHOLE
    elif code == part:
        share = Part(start=1.0 - width, end=1.0)
    else:
        share = Part(start=0.0, end=width)
    return Pool(siblings=tuple(siblings), units=codes[code].parts[part], share=share)


def _limit(sellers: Sequence[Seller], plan: Plan, pool: Pool) -> int:
    """Return from how many units of the pool the code needs no parts."""
    kept = [
        max(buffer, seller.fixed) * pool.units
        for buffer, seller in zip(plan.buffers, sellers, strict=True)
    ]
    return thin_limit(kept, plan.parts)


def _combined(
    code: str,
    found: Mapping[str, tuple[Pool, Plan, int]],
    *,
    shares: bool,
    siblings: Sequence[str],
) -> Planned:
    """Return the plan of a code that is bound by several pools: the most of each."""
    bound = max(found, key=lambda part: (sum(found[part][1].buffers), part == code, part))
    least = min(found, key=lambda part: found[part][0].share.end - found[part][0].share.start)
    buffers = tuple(
        max(each) for each in zip(*(plan.buffers for _, plan, _ in found.values()), strict=True)
    )
    thin_below = max(-(-limit // pool.units) for pool, _, limit in found.values())
    plan = Plan(
        buffers=buffers,
        parts=found[least][1].parts if shares else (WHOLE,) * len(buffers),
        thin_below=thin_below if shares else 0,
    )
    return Planned(pool=found[bound][0], part=bound, plan=plan, siblings=tuple(siblings))
