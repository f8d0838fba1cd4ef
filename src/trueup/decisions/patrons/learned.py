"""What the model of customers tells of each; the rule's own word counts where it is no better."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import psycopg

from trueup.decisions.patrons.history import Told
from trueup.hub import Hub
from trueup.models.artifact import unpack
from trueup.models.model import Look
from trueup.models.reads import may_use
from trueup.models.value import learn
from trueup.models.value.buys import Purchases, see
from trueup.models.value.regularity import GAPS_MIN, MIDDLE, gaps_of, quantiles


class Learned(NamedTuple):
    """A trained model with the purchases that it tells of."""

    value: learn.Value
    purchases: Purchases

    def told(self) -> Mapping[bytes, Told]:
        """Return what it tells, by person."""
        value, purchases = self
        seen = see(purchases)
        gaps = gaps_of(seen)
        fresh = gaps._replace(since=np.zeros(len(gaps.since)))  # as of the day of a purchase
        days = quantiles(value.regularity, fresh, learn.HORIZON_DAYS, MIDDLE)
        columns = zip(
            seen.customers.tolist(),
            learn.alive(value, seen).tolist(),
            learn.orders_expected(value, seen, learn.YEAR_WEEKS).tolist(),
            learn.spend_expected(value, seen, purchases.names).tolist(),
            days.tolist(),
            gaps.counts.tolist(),
            strict=True,
        )
        return {
            purchases.persons[customer]: Told(
                alive=alive,
                orders=orders,
                spend=spend,
                interval_days=round(interval) if count >= GAPS_MIN else None,
            )
            for customer, alive, orders, spend, interval, count in columns
        }


async def read_learned(
    conn: psycopg.AsyncConnection[Any], hub: Hub, now: datetime
) -> Learned | None:
    """Return the model with what it reads; None where it does not beat the rule below it."""
    kept = await may_use(conn, learn.MODEL)
    if kept is None:
        return None
    purchases = await learn.read(Look(conn=conn, hub=hub, now=now))
    return Learned(unpack(kept.artifact, learn.Value), purchases)
