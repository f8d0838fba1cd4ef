"""Which listings are looked at next. Pure: by risk, never by number, and none is forgotten.

A round can not look at everything, so it looks where a wrong number does most harm: where much was
sold since the last look, and where little is left. Part of each round goes to what was not looked
at for longest, so that every listing has its turn within a day where the budget allows it.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from trueup.outbox.parity import Standing

DAY: Final = timedelta(days=1)
TURN: Final = timedelta(hours=18)
"""A listing that was not looked at for so long has its turn, whatever its risk."""

REST: Final = timedelta(seconds=30)
"""No listing is looked at again sooner."""

_NEAR: Final = ((3, 4.0), (10, 2.0))
_RATE_HALF_LIFE_S: Final = 3600.0


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of the last look at a listing.

    Attributes:
        agreed_at: when what stood there was last what shall stand there.
        sequence: of the ledger then.
        rate: changes of the SKU a second, over the last hour or so.
        differs_since: None where it agreed.
        changed_since: since when the channel's own number is not what was left there.
        unexplained: units that nothing explains, either way.
    """

    sku: str
    looked_at: datetime
    sequence: int
    rate: float = 0.0
    agreed_at: datetime | None = None
    shall: int | None = None
    stands: int | None = None
    differs_since: datetime | None = None
    changed_since: datetime | None = None
    unexplained: int = 0


def risk(standing: Standing, look: Look, now: datetime) -> float:
    """Return how much harm a wrong number may do: velocity times age, nearly gone first."""
    age_s = max(0.0, (now - look.looked_at).total_seconds())
    moved = max(standing.sequence - look.sequence, look.rate * age_s, 0.0)
    near = next((weight for units, weight in _NEAR if standing.shall <= units), 1.0)
    return (1.0 + moved) * near * age_s


def next_rate(look: Look | None, sequence: int, now: datetime) -> float:
    """Return the changes a second, older ones counting half as much after an hour."""
    if look is None:
        return 0.0
    age_s = (now - look.looked_at).total_seconds()
    if age_s <= 0:
        return look.rate
    kept = math.exp2(-age_s / _RATE_HALF_LIFE_S)
    return look.rate * kept + max(0, sequence - look.sequence) / age_s * (1.0 - kept)


def choose(
    standings: Sequence[Standing], looks: Mapping[str, Look], now: datetime, count: int
) -> list[Standing]:
    """Return the listings of a round, at most `count`.

    Up to a quarter are those that differ, because a second look proves or mends; up to a half of
    the rest are those whose turn it is, those never looked at before all; then comes the risk.
    """
    ready = [s for s in standings if s.key not in looks or now - looks[s.key].looked_at >= REST]
    chosen: dict[str, Standing] = {}

    def take(some: Sequence[Standing], places: int) -> None:
        for each in some:
            if places <= 0 or len(chosen) >= count:
                return
            if each.key not in chosen:
                chosen[each.key] = each
                places -= 1

    differing = [s for s in ready if s.key in looks and looks[s.key].differs_since is not None]
    differing.sort(key=lambda s: (-looks[s.key].unexplained, looks[s.key].looked_at, s.key))
    take(differing, max(1, count // 4))
    new = [s for s in ready if s.key not in looks]
    waiting = [s for s in ready if s.key in looks and now - looks[s.key].looked_at >= TURN]
    waiting.sort(key=lambda s: (looks[s.key].looked_at, s.key))
    take([*new, *waiting], max(1, (count - len(chosen)) // 2))
    known = [s for s in ready if s.key in looks]
    known.sort(key=lambda s: (-risk(s, looks[s.key], now), s.key))
    take(known, count)
    take(new, count)
    return list(chosen.values())


def overdue(
    standings: Sequence[Standing], looks: Mapping[str, Look], began_at: datetime, now: datetime
) -> int:
    """Return how many listings were not looked at for longer than a day.

    Args:
        standings: all listings.
        looks: by SKU.
        began_at: when the first round was: before a day of it is over nothing is overdue.
        now: the instant.
    """
    if now - began_at < DAY:
        return 0
    last = (looks[s.key].looked_at if s.key in looks else began_at for s in standings)
    return sum(now - at > DAY for at in last)
