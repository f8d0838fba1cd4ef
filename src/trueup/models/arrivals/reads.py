"""What others may ask of routes: when a parcel comes, whether it is stuck, which are risky."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg

from trueup.models.arrivals.learn import MODEL, Learned
from trueup.models.arrivals.pace import Expected, Paces
from trueup.models.arrivals.route import Route
from trueup.models.arrivals.silence import Silences
from trueup.models.artifact import unpack
from trueup.models.reads import may_use

Conn = psycopg.AsyncConnection[Any]


class Risk(msgspec.Struct, frozen=True, kw_only=True):
    """How a route does.

    Attributes:
        middle_days, late_days: half, and nine tenths, of its parcels come within so many days.
        stuck_after_36_h: the chance that a parcel is stuck of which nothing was said for 36 hours.
        trips: delivered parcels of it that this was learned from.
    """

    carrier: str
    service: str
    region: str
    middle_days: float
    late_days: float
    stuck_after_36_h: float
    trips: int


class Routes:
    """Answers of routes.

    Args:
        learned: as it was kept.
    """

    def __init__(self, learned: Learned) -> None:
        self._paces = Paces(learned.pace)
        self._silences = Silences(learned.gaps)

    def arrival_of(
        self, route: Route, sent_at: datetime, promised_at: datetime | None = None
    ) -> Expected:
        """Return when a parcel comes that the carrier has since an instant."""
        promised = None if promised_at is None else (promised_at - sent_at) / timedelta(days=1)
        return self._paces.arrival(route, promised)

    def stuck_of(self, route: Route, said_at: datetime, now: datetime) -> float:
        """Return the chance that a parcel is stuck, by when the carrier spoke of it last."""
        return self._silences.stuck(route, (now - said_at) / timedelta(hours=1))

    def risk_of(self, route: Route) -> Risk:
        """Return how a route does; one that nobody knows is as its carrier, or as all."""
        arrival = self._paces.arrival(route)
        return Risk(
            carrier=route.carrier,
            service=route.service,
            region=route.region,
            middle_days=arrival.middle_days,
            late_days=arrival.late_days,
            stuck_after_36_h=self._silences.stuck(route, 36.0),
            trips=arrival.trips,
        )

    def all_risks(self) -> list[Risk]:
        """Return how every route does that was seen, the riskiest first."""
        found = [self.risk_of(route) for route in self._paces.routes]
        return sorted(found, key=lambda each: (-each.stuck_after_36_h, -each.late_days))


async def read_routes(conn: Conn) -> Routes | None:
    """Return what is known of routes; None where nothing was learned that beats the rule."""
    kept = await may_use(conn, MODEL)
    return None if kept is None else Routes(unpack(kept.artifact, Learned))
