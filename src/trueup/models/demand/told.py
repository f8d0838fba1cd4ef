"""What is expected of SKUs, as the newest training told it."""

from bisect import bisect_right
from datetime import date, timedelta
from typing import Any

import msgspec
import psycopg

from trueup.models.artifact import of_array, unpack
from trueup.models.demand.learn import MODEL, Demand
from trueup.models.demand.series import KINDS
from trueup.models.reads import find_trained

Conn = psycopg.AsyncConnection[Any]


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of one SKU.

    Attributes:
        first_on: the first of the days.
        means, low, high: units a day; eight of ten days lie between the latter two.
        channels: units of all days by channel; they sum to those of the SKU.
        beats: the model beats the rule below it; else the rule is to be used.
    """

    sku: str
    kind: str
    first_on: date
    means: list[float]
    low: list[float]
    high: list[float]
    channels: dict[str, float]
    beats: bool


async def read_forecasts(
    conn: Conn, *, sku: str | None = None, after: str = "", count: int = 50
) -> list[Forecast]:
    """Return what is expected of SKUs, by SKU; nothing before the first training.

    Args:
        conn: any session.
        sku: only this one.
        after: the last SKU of the page before.
        count: at most.
    """
    kept = await find_trained(conn, MODEL)
    if kept is None:
        return []
    demand = unpack(kept.artifact, Demand)
    begins = bisect_right(demand.skus, after)
    rows = range(begins, min(begins + count, len(demand.skus)))
    if sku is not None:
        rows = range(0)
        if sku in demand.skus and sku > after:
            rows = range(demand.skus.index(sku), demand.skus.index(sku) + 1)
    kinds, means, low, high, shares = (
        of_array(each)
        for each in (demand.kinds, demand.means, demand.low, demand.high, demand.shares)
    )
    return [
        Forecast(
            sku=demand.skus[row],
            kind=KINDS[kinds[row]].value,
            first_on=demand.until + timedelta(days=1),
            means=means[row].tolist(),
            low=low[row].tolist(),
            high=high[row].tolist(),
            channels={
                channel: float(means[row].sum() * shares[row, number])
                for number, channel in enumerate(demand.channels)
            },
            beats=kept.card.beats,
        )
        for row in rows
    ]
