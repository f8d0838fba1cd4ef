"""The trained model of demand, where reorders go by it: it wins twice on the brand's own past.

Its card must hold it ahead of the mean of 13 weeks as a forecast (`models.reads.may_use`), and the
newest replay must show that what is ordered by it misses no more and holds no more. A better
forecast alone is not a better order.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from trueup.db.rows import Row
from trueup.decisions.purchasing.learned import demands_of
from trueup.decisions.purchasing.quantity import Terms
from trueup.decisions.rule import Look
from trueup.ledger.demand import Demand
from trueup.models.artifact import of_array, unpack
from trueup.models.demand.foretell import Told
from trueup.models.demand.learn import MODEL
from trueup.models.demand.learn import Demand as Artifact
from trueup.models.reads import may_use

FIGURE: Final = "learned_counts"
"""Of a replay: 1 where what was learned orders no worse."""

_DAYS_MAX: Final = 7
"""What was trained longer ago tells of days that are over."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """By which trained model demand is told.

    Attributes:
        sha256: of its artifact.
        features: digest of all that it was trained on.
        until: the last day of its history.
    """

    sha256: str
    features: str
    until: date


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What a trained model tells of SKUs."""

    source: Source
    demands: Mapping[str, Demand]


def counts(replay: Row | None) -> bool:
    """Whether the newest replay, of the rule as it is now, showed that it orders no worse."""
    return replay is not None and replay["figures"].get(FIGURE) == 1


async def read_learned(
    look: Look, today: date, asked: Mapping[str, tuple[Terms, int]]
) -> Learned | None:
    """Return what the trained model tells of some SKUs; None where the rule below it counts.

    Args:
        look: with what is read.
        today: of the look.
        asked: by SKU, the terms and how many units are there and on their way.
    """
    kept = await may_use(look.conn, MODEL)
    if kept is None or (today - kept.until).days > _DAYS_MAX:
        return None
    artifact = unpack(kept.artifact, Artifact)
    told = _told(artifact)
    place = {sku: row for row, sku in enumerate(artifact.skus) if sku in asked}
    rows = demands_of(told, artifact.spread, {row: asked[sku] for sku, row in place.items()})
    return Learned(
        source=Source(sha256=kept.sha256, features=kept.features, until=kept.until),
        demands={artifact.skus[row]: demand for row, demand in rows.items()},
    )


def _told(artifact: Artifact) -> Told:
    arrays = (artifact.kinds, artifact.means, artifact.low, artifact.high, artifact.uneven)
    kinds, means, low, high, uneven = (of_array(each) for each in arrays)
    return Told(kinds=kinds, means=means, low=low, high=high, uneven=uneven)
