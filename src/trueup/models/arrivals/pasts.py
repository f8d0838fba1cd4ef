"""How routes did until today, as rules go by it and the API tells it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg

from trueup.govern.vault import Vault
from trueup.models.arrivals.past import NOWHERE, Past, Week, day_of, pasts_of, weeks_of
from trueup.models.arrivals.route import Route
from trueup.records.scanned import regions_of
from trueup.records.trips import trips_since

Conn = psycopg.AsyncConnection[Any]

PAST_DAYS: Final = 90
PAST_MAX: Final = 5000
"""A route's past is the newest so many parcels of so many days, of all routes together."""


async def read_pasts(
    conn: Conn, now: datetime, zone: ZoneInfo, vault: Vault | None = None
) -> Mapping[Route, Past]:
    """Return how each route did until today, and each carrier as a whole.

    Args:
        conn: any session.
        now: of the look.
        zone: where the brand is.
        vault: opens where parcels go, so that routes are told apart by that too.
    """
    trips = await trips_since(conn, now - timedelta(days=PAST_DAYS), count=PAST_MAX)
    regions = NOWHERE
    if vault is not None:
        regions = await regions_of(conn, vault, [each.record_id for each in trips])
    return pasts_of(trips, day_of(now, zone), zone, regions)


async def read_weeks(
    conn: Conn, now: datetime, zone: ZoneInfo, carrier: str = ""
) -> tuple[Week, ...]:
    """Return how parcels did week by week, of all carriers or of one by its name."""
    trips = await trips_since(conn, now - timedelta(days=PAST_DAYS), count=PAST_MAX)
    return weeks_of(
        (each for each in trips if carrier in ("", each.carrier)), day_of(now, zone), zone
    )
