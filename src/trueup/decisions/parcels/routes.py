"""Routes: how long a carrier's parcels take, how long they are silent, how many come late. Pure.

A route is a carrier, its service, and where its parcels are scanned first. What a route alone can
not tell, since too few parcels went over it, its carrier tells; and what that can not, nobody does.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from math import ceil, sqrt
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from trueup.canon.parcel import ParcelStatus
from trueup.records.trips import Trip

ENOUGH: Final = 20
"""Of fewer parcels no share and no quantile is told."""

LONG_SHARE: Final = 0.9
"""So many of a route's parcels were never silent for longer than its usual gap."""

SOON_SHARE: Final = 0.5
SURE_SHARE: Final = 0.8
_DAY_S: Final = 86_400
_HOUR_S: Final = 3600
_CENT: Final = Decimal("0.01")


class Route(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A carrier's connection and name, its service, and where parcels are scanned first."""

    connection_id: int
    carrier: str = ""
    service: str = ""
    origin: str = ""

    @property
    def ref(self) -> str:
        """Its name among routes."""
        return "/".join(("route", str(self.connection_id), self.carrier, self.service, self.origin))

    @property
    def says(self) -> str:
        """Its name for people."""
        by = " ".join(each for each in (self.carrier, self.service) if each) or "the carrier"
        return f"{by} from {self.origin}" if self.origin else by


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """How the parcels of a route did; all in order of size.

    Attributes:
        days: from the carrier's first scan to the delivery, of those that arrived.
        gaps_h: the longest silence of each that arrived.
        promised, late: how many had a promised day that is over, and how many of these were late.
    """

    days: tuple[float, ...] = ()
    gaps_h: tuple[float, ...] = ()
    promised: int = 0
    late: int = 0

    @property
    def late_share(self) -> float | None:
        """How many of those that were promised came late; None: too few."""
        return self.late / self.promised if self.promised >= ENOUGH else None

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


def route_of(trip: Trip) -> Route:
    """Return the route of a parcel."""
    return Route(
        connection_id=trip.connection_id,
        carrier=trip.carrier or "",
        service=trip.service or "",
        origin=trip.origin or "",
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


def pasts_of(trips: Iterable[Trip], today: date, zone: ZoneInfo) -> Mapping[Route, Past]:
    """Return how each route did, and each carrier as a whole (a `Route` without the rest)."""
    found: dict[Route, list[Trip]] = defaultdict(list)
    for trip in trips:
        route = route_of(trip)
        found[route].append(trip)
        whole = Route(connection_id=route.connection_id, carrier=route.carrier)
        if whole != route:
            found[whole].append(trip)
    return {route: _past(each, today, zone) for route, each in found.items()}


def _past(trips: Sequence[Trip], today: date, zone: ZoneInfo) -> Past:
    arrived = [each for each in trips if each.delivered_at is not None]
    lates = [late for each in trips if (late := is_late(each, today, zone)) is not None]
    return Past(
        days=tuple(sorted(_days(each) for each in arrived if each.shipped_at is not None)),
        gaps_h=tuple(
            sorted(each.gap_s_max / _HOUR_S for each in arrived if each.gap_s_max is not None)
        ),
        promised=len(lates),
        late=sum(lates),
    )


def _days(trip: Trip) -> float:
    begun, ended = trip.shipped_at, trip.delivered_at
    return 0.0 if begun is None or ended is None else (ended - begun).total_seconds() / _DAY_S


def past_of(trip: Trip, pasts: Mapping[Route, Past]) -> Past:
    """Return what tells of a parcel's route: its own past, or its carrier's where that is short."""
    route = route_of(trip)
    own = pasts.get(route, Past())
    if len(own.days) >= ENOUGH:
        return own
    return pasts.get(Route(connection_id=route.connection_id, carrier=route.carrier), own)


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the value that a share of others does not exceed; None: there are too few.

    Args:
        ordered: by size.
        share: above 0, to 1.
    """
    if len(ordered) < ENOUGH:
        return None
    return ordered[ceil(share * len(ordered)) - 1]


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
