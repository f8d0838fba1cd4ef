"""The brake: counts that would empty or inflate a large share of a site wait for a person. Pure.

An ERP that lost its warehouse tells zeros, a file with shifted columns tells barcodes. Each such
count alone is as good as any; many at once are not.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec

from trueup.ledger.counts import Count, Spot


class Change(StrEnum):
    """What a count would do to a place."""

    EMPTIED = "emptied"
    INFLATED = "inflated"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is let pass; more than a share of a site's counted SKUs is not.

    Attributes:
        zero_share: of SKUs that fall to nothing within the window.
        grow_share: of SKUs that grow by more than `grow_factor` within the window.
        window_s: how long changes are added up.
        skus_min: a site with fewer counted SKUs is never held.
    """

    zero_share: float = 0.2
    grow_share: float = 0.2
    grow_factor: float = 10.0
    window_s: int = 3600
    skus_min: int = 20

    def share_of(self, change: Change) -> float:
        """Return the share that is let pass."""
        return self.zero_share if change is Change.EMPTIED else self.grow_share


class Known(NamedTuple):
    """What the books say of a place: units on hand, and when they were counted last."""

    on_hand: int
    counted_at: datetime | None


class Excess(NamedTuple):
    """Too many SKUs of a site change alike."""

    site: str
    change: Change
    skus: int
    of: int

    def told(self, limits: Limits) -> str:
        """Return the reason in words."""
        what = "fall to 0" if self.change is Change.EMPTIED else (
            f"grow by more than a factor of {limits.grow_factor:g}"
        )  # fmt: skip
        return (
            f"{self.skus} of {self.of} counted SKUs at {self.site} would {what}; "
            f"at most {limits.share_of(self.change):.0%} pass"
        )


def change_of(count: Count, known: Known | None, limits: Limits) -> Change | None:
    """Return what is odd about a count; None where nothing is.

    The first count of a place is never odd, and one that is older than what was counted there
    moves nothing.
    """
    if known is None or (known.counted_at is not None and count.counted_at <= known.counted_at):
        return None
    if count.units <= 0 < known.on_hand:
        return Change.EMPTIED
    if count.units > max(1, known.on_hand) * limits.grow_factor:
        return Change.INFLATED
    return None


Marks = Mapping[tuple[str, Change], frozenset[str]]
"""SKUs that changed alike, per site."""


def excesses(marks: Marks, sizes: Mapping[str, int], limits: Limits) -> list[Excess]:
    """Return where more SKUs change alike than pass.

    Args:
        marks: which SKUs change, those of the window included.
        sizes: how many counted SKUs each site has.
        limits: what passes.
    """
    found = []
    for (site, change), skus in sorted(marks.items()):
        of = sizes.get(site, 0)
        if of >= limits.skus_min and len(skus) > limits.share_of(change) * of:
            found.append(Excess(site, change, len(skus), of))
    return found


def marks_of(changes: Iterable[tuple[Spot, Change]]) -> dict[tuple[str, Change], frozenset[str]]:
    """Return changes of places as marks."""
    found: dict[tuple[str, Change], set[str]] = defaultdict(set)
    for (sku, site), change in changes:
        found[site, change].add(sku)
    return {key: frozenset(skus) for key, skus in found.items()}


def newest(counts: Iterable[Count]) -> dict[Spot, Count]:
    """Return what would stand at each place after all of some counts."""
    found: dict[Spot, Count] = {}
    for count in counts:
        spot = (count.sku, count.site)
        if spot not in found or count.counted_at >= found[spot].counted_at:
            found[spot] = count
    return found
