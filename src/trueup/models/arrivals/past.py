"""How routes did: how long parcels took, how long they were silent, how many came late. Pure.

What a route alone can not tell, since too few parcels went over it, its carrier tells; and what
that can not, nobody does. What is learned of routes beyond that is in `pace.py` and `silence.py`.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from math import ceil
from types import MappingProxyType
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from trueup.canon.parcel import ParcelStatus
from trueup.models.arrivals.route import Route
from trueup.records.trips import Trip

ENOUGH: Final = 20
"""Of fewer parcels no share and no quantile is told."""

LONG_SHARE: Final = 0.9
"""So many of a route's parcels were never silent for longer than its usual gap."""

SILENT_H: Final = 36
"""A parcel that was silent for so long did not do well, whenever it came."""

SOON_SHARE: Final = 0.5
SURE_SHARE: Final = 0.8
NOWHERE: Final[Mapping[int, str]] = MappingProxyType({})
_DAY_S: Final = 86_400
_HOUR_S: Final = 3600
_CENT: Final = Decimal("0.01")


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """How the parcels of a route did; all in order of size.

    Attributes:
        parcels: how many went over it.
        days: from the carrier's first scan to the delivery, of those that arrived.
        gaps_h: the longest silence of each that arrived.
        promised, late: how many had a promised day that is over, and how many of these were late.
        well: how many of these were neither late nor silent for `SILENT_H`.
    """

    parcels: int = 0
    days: tuple[float, ...] = ()
    gaps_h: tuple[float, ...] = ()
    promised: int = 0
    late: int = 0
    well: int = 0

    @property
    def late_share(self) -> float | None:
        """How many of those that were promised came late; None: too few."""
        return self.late / self.promised if self.promised >= ENOUGH else None

    @property
    def score(self) -> int | None:
        """Of a hundred parcels, how many do well; None: too few."""
        return round(100 * self.well / self.promised) if self.promised >= ENOUGH else None

    @property
    def usual_gap_h(self) -> float | None:
        """How long nine of ten parcels were silent at most; None: too few."""
        return quantile(self.gaps_h, LONG_SHARE)


class Arrival(NamedTuple):
    """When a parcel that is on its way should arrive.

    Attributes:
        soon_on: half of those like it have arrived by then; None where nobody can say.
        sure_on: four of five have.
        chance_later: how likely it comes after `sure_on`.
    """

    soon_on: date | None
    sure_on: date
    chance_later: Decimal


def route_of(trip: Trip, region: str = "") -> Route:
    """Return the route of a parcel; `region`: where it goes, where that was read."""
    return Route(
        connection_id=trip.connection_id,
        carrier=trip.carrier or "",
        service=trip.service or "",
        origin=trip.origin or "",
        region=region,
    )


def day_of(at: datetime, zone: tzinfo) -> date:
    """Return the day on which something was in a zone."""
    return at.astimezone(zone).date()


def is_late(trip: Trip, today: date, zone: ZoneInfo) -> bool | None:
    """Whether a parcel came, or still comes, after the day promised first.

    None where nothing was promised, the day is not over, or the carrier never had it.
    """
    never_sent = trip.shipped_at is None or trip.status is ParcelStatus.CANCELLED
    if trip.promised_on is None or trip.promised_on >= today or never_sent:
        return None
    if trip.delivered_at is None:
        return not trip.returning
    return day_of(trip.delivered_at, zone) > trip.promised_on


def pasts_of(
    trips: Iterable[Trip], today: date, zone: ZoneInfo, regions: Mapping[int, str] = NOWHERE
) -> Mapping[Route, Past]:
    """Return how each route did, and each carrier as a whole.

    Args:
        trips: of parcels.
        today: a promise is kept or not once its day is over.
        zone: where the brand is.
        regions: where each parcel goes, by its record, where that was read.
    """
    found: dict[Route, list[Trip]] = defaultdict(list)
    for trip in trips:
        route = route_of(trip, regions.get(trip.record_id, ""))
        found[route].append(trip)
        if route.whole != route:
            found[route.whole].append(trip)
    return {route: _past(each, today, zone) for route, each in found.items()}


def _past(trips: Sequence[Trip], today: date, zone: ZoneInfo) -> Past:
    arrived = [each for each in trips if each.delivered_at is not None]
    lates = [(each, late) for each in trips if (late := is_late(each, today, zone)) is not None]
    return Past(
        parcels=len(trips),
        days=tuple(sorted(_days(each) for each in arrived if each.shipped_at is not None)),
        gaps_h=tuple(
            sorted(each.gap_s_max / _HOUR_S for each in arrived if each.gap_s_max is not None)
        ),
        promised=len(lates),
        late=sum(late for _, late in lates),
        well=sum(not late and (each.gap_s_max or 0) < SILENT_H * _HOUR_S for each, late in lates),
    )


def _days(trip: Trip) -> float:
    begun, ended = trip.shipped_at, trip.delivered_at
    return 0.0 if begun is None or ended is None else (ended - begun).total_seconds() / _DAY_S


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """How the parcels did that were promised for one week.

    Attributes:
        monday: of the week.
        promised, late: how many whose promised day is over, and how many of them were late.
    """

    monday: date
    promised: int
    late: int

    @property
    def late_share(self) -> float:
        """How many of those that were promised came late, or still come."""
        return self.late / self.promised


def weeks_of(trips: Iterable[Trip], today: date, zone: ZoneInfo) -> tuple[Week, ...]:
    """Return how parcels did week by week, by the day that was promised; the oldest first."""
    counts: dict[date, list[bool]] = defaultdict(list)
    for trip in trips:
        late = is_late(trip, today, zone)
        if late is not None and trip.promised_on is not None:
            counts[trip.promised_on - timedelta(days=trip.promised_on.weekday())].append(late)
    return tuple(
        Week(monday=monday, promised=len(lates), late=sum(lates))
        for monday, lates in sorted(counts.items())
    )


def past_of(route: Route, pasts: Mapping[Route, Past]) -> Past:
    """Return what tells of a route: its own past, or its carrier's where that is short."""
    own = pasts.get(route, Past())
    return own if len(own.days) >= ENOUGH else pasts.get(route.whole, own)


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the value that a share of others does not exceed; None: there are too few.

    Args:
        ordered: by size.
        share: above 0, to 1.
    """
    if len(ordered) < ENOUGH:
        return None
    return ordered[ceil(share * len(ordered)) - 1]


def arrival_of(trip: Trip, past: Past, now: datetime, zone: ZoneInfo, spare_days: int) -> Arrival:
    """Return when a parcel should arrive, by those that had been on their way for as long.

    Args:
        trip: not delivered.
        past: of its route.
        now: of the look.
        zone: where the brand is.
        spare_days: so many days from today where nobody can say.
    """
    today = day_of(now, zone)
    begun = trip.shipped_at
    gone = 0.0 if begun is None else (now - begun).total_seconds() / _DAY_S
    still = past.days[bisect_right(past.days, gone) :]
    soon, sure = quantile(still, SOON_SHARE), quantile(still, SURE_SHARE)
    if begun is None or soon is None or sure is None:
        told = trip.expected_on
        later = told if told is not None and told > today else today + timedelta(days=spare_days)
        return Arrival(None, later, Decimal("0.5"))
    sure_on = max(today + timedelta(days=1), day_of(begun + timedelta(days=sure), zone))
    if trip.expected_on is not None:
        sure_on = max(sure_on, trip.expected_on)
    after = sum(day_of(begun + timedelta(days=each), zone) > sure_on for each in still)
    chance = Decimal(after + 1) / Decimal(len(still) + 2)
    soon_on = day_of(begun + timedelta(days=soon), zone)
    return Arrival(soon_on, sure_on, chance.quantize(_CENT))
