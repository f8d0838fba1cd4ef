"""What rules make of how routes did: the longest silence, and what is worse than chance. Pure."""

from math import sqrt

from trueup.models.arrivals.past import ENOUGH, Past


def gap_limit_h(past: Past, *, usual_h: int, least_h: int, risky_share: float) -> float:
    """Return for how long a parcel may be silent before somebody should know.

    As set, where the route is not known. On a risky route as long as its parcels usually are, where
    that is less; on any other as long as they usually are, where that is more.

    Args:
        past: of the route.
        usual_h: as set.
        least_h: never less.
        risky_share: a route of which so many come late is risky.
    """
    own, late_share = past.usual_gap_h, past.late_share
    if own is None or late_share is None:
        return usual_h
    if late_share >= risky_share:
        return max(least_h, min(usual_h, own))
    return max(usual_h, own)


def is_more(newer: tuple[int, int], older: tuple[int, int], *, by: float, sure: float) -> bool:
    """Whether a share rose by so much, and by more than chance would have it.

    Args:
        newer: (how many, of how many).
        older: the same, before.
        by: the least by which the share rose.
        sure: in standard deviations of the difference, with both taken together.
    """
    (few, count), (few_before, count_before) = newer, older
    if min(count, count_before) < ENOUGH:
        return False
    rise = few / count - few_before / count_before
    together = (few + few_before) / (count + count_before)
    spread = sqrt(together * (1 - together) * (1 / count + 1 / count_before))
    return rise >= by and rise > sure * spread
