"""The model of arrivals: how long parcels take on routes, and how long carriers are silent."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec
import numpy as np

from trueup.canon.parcel import FINAL_STATUSES, Parcel, ParcelStatus
from trueup.models.arrivals import pace, silence
from trueup.models.arrivals.pace import Pace, Paces, arrivals
from trueup.models.arrivals.route import Route
from trueup.models.arrivals.silence import Gap, Gaps
from trueup.models.arrivals.trip import Floats, Took, Trips, trips_of
from trueup.models.artifact import digest_of, pack, unpack
from trueup.models.model import Card, Figure, Fitted, Lacking, Look, Model, Score, Tell
from trueup.records.following import carrier_name
from trueup.records.scanned import parcels_scanned

HISTORY_DAYS: Final = 365
PARCELS_MAX: Final = 200_000
HELD_OUT_DAYS: Final = 42
SETTLES_DAYS: Final = 14
"""The newest trips are not judged by: of those only the fast have come."""

DELIVERED_MIN: Final = 200
SCORED_MIN: Final = 30
ENDLESS_DAYS: Final = 60.0
"""A parcel of which nobody told the end for so long was not followed."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class History(NamedTuple):
    """What carriers said of parcels.

    Attributes:
        now: of the look, in days of the trips' clock.
    """

    trips: Trips
    gaps: tuple[Gap, ...]
    now: float


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept: the pace of routes, and their gaps between scans."""

    pace: Pace
    gaps: Gaps


def day_number(at: datetime) -> float:
    """Return an instant in days of the clock that all trips share."""
    return (at - _EPOCH) / timedelta(days=1)


def day_of(number: float) -> date:
    """Return the day of an instant of that clock."""
    return (_EPOCH + timedelta(days=number)).date()


async def read(look: Look) -> History:
    """Read what carriers said of parcels in the last year."""
    since = look.now - timedelta(days=HISTORY_DAYS)
    scanned = await parcels_scanned(look.conn, look.hub.vault, since, count=PARCELS_MAX)
    now = day_number(look.now)
    trips: list[Took] = []
    gaps: list[Gap] = []
    for each in scanned:
        route = route_of(each.parcel, each.region)
        trips += trip_of(each.parcel, route, now)
        gaps += gaps_of(each.parcel, route, look.now)
    return History(trips_of(trips), tuple(gaps), now)


def route_of(parcel: Parcel, region: str) -> Route:
    """Return the route of a parcel."""
    service = carrier_name(parcel.service or "")
    return Route(carrier_name(parcel.carrier or ""), service, region)


def trip_of(parcel: Parcel, route: Route, now: float) -> Iterator[Took]:
    """Give the trip of a parcel; none where it never began, or ended otherwise than delivered."""
    if parcel.shipped_at is None or parcel.returning:
        return
    since = day_number(parcel.shipped_at)
    if parcel.delivered_at is not None:
        ended = day_number(parcel.delivered_at)
    elif parcel.status in FINAL_STATUSES or now - since > ENDLESS_DAYS:
        return
    else:
        ended = np.nan
    yield Took(route, since, ended, promised_of(parcel))


def promised_of(parcel: Parcel) -> float:
    """Return the end of the day that the carrier promised; NaN where it promised none."""
    if parcel.expected_on is None:
        return float("nan")
    return day_number(datetime.combine(parcel.expected_on, time(), UTC)) + 1


def gaps_of(parcel: Parcel, route: Route, now: datetime) -> Iterator[Gap]:
    """Give the gaps between a parcel's scans while the carrier had it."""
    under_way = [
        scan
        for scan in parcel.scans
        if parcel.shipped_at is not None and scan.occurred_at >= parcel.shipped_at
    ]
    for scan, following in pairwise(under_way):
        if scan.status is ParcelStatus.DELIVERED:
            return
        hours = (following.occurred_at - scan.occurred_at) / timedelta(hours=1)
        yield Gap(route, hours, over=True)
    if under_way and under_way[-1].status not in FINAL_STATUSES:
        lasts = (now - under_way[-1].occurred_at) / timedelta(hours=1)
        yield Gap(route, max(0.0, lasts), over=False)


def train(history: History, tell: Tell) -> Fitted | Lacking:
    """Train on what was known six weeks ago, hold it beside each route's median, train on all."""
    trips, now = history.trips, history.now
    delivered = int((~np.isnan(trips.ended)).sum())
    cut = now - HELD_OUT_DAYS
    judged = _judged_trips(trips, cut, now - SETTLES_DAYS)
    before = trips.as_of(cut)
    known = int((~np.isnan(before.ended)).sum())
    if known < DELIVERED_MIN or len(judged.since) < SCORED_MIN:
        return Lacking(
            f"{delivered} parcels were delivered, {known} of them more than {HELD_OUT_DAYS} days "
            f"ago; {DELIVERED_MIN} and {SCORED_MIN} newer ones would do."
        )
    tell("holding it beside the newest weeks", 0.1)
    figures = _figures(before, judged, cut)
    tell("training on all", 0.5)
    learned = Learned(pace=pace.learn(trips, now), gaps=silence.learn(history.gaps))
    routes = [f"{route}" for route in trips.routes]
    return Fitted(
        artifact=pack(learned),
        features=digest_of(trips.route, trips.since, trips.ended, trips.promised, *routes),
        card=Card(
            purpose="when a parcel will come by its route, and whether it is stuck",
            trained_on=f"{delivered} delivered parcels on {len(routes)} routes, "
            f"{len(trips.since) - delivered} on their way and {len(history.gaps)} gaps of scans",
            since=day_of(float(trips.since[0])),
            until=day_of(now) - timedelta(days=1),
            held_out_since=day_of(cut),
            rule="the median of each route's delivered parcels",
            figures=figures,
            limits=(
                "It knows no holidays and no strikes before they are seen in parcels on their way.",
                "A delivered scan is not a received parcel.",
                f"Who is silent for {silence.STUCK_HOURS:.0f} hours counts as stuck; weekends too.",
            ),
        ),
    )


def _judged_trips(trips: Trips, since: float, until: float) -> Trips:
    """Return the delivered trips that began between two instants."""
    begun = (trips.since >= since) & (trips.since < until)
    return trips.some(begun & ~np.isnan(trips.ended))


def _figures(before: Trips, judged: Trips, cut: float) -> tuple[Figure, ...]:
    took = judged.ended - judged.since
    middle, late, _ = arrivals(Paces(pace.learn(before, cut)), judged)
    rule = route_medians(before, judged)
    return (
        Figure(
            name="mean_error_days",
            model=float(np.abs(middle - took).mean()),
            rule=float(np.abs(rule - took).mean()),
        ),
        Figure(name="come_by_late_share", model=float((took <= late).mean()), rule=None),
    )


def route_medians(known: Trips, asked: Trips) -> Floats:
    """Return for each asked trip the median of its route's delivered ones, or of all."""
    ended = known.some(~np.isnan(known.ended))
    took = ended.ended - ended.since
    of_all = float(np.median(took))
    medians = [
        float(np.median(took[ended.route == route])) if (ended.route == route).any() else of_all
        for route in range(len(known.routes))
    ]
    return np.array(medians)[asked.route]


def score(artifact: bytes, history: History, until: date) -> Score | None:
    """Return the mean error of the trips that began after a day and are settled; None: too few."""
    since = day_number(datetime.combine(until + timedelta(days=1), time(), UTC))
    judged = _judged_trips(history.trips, since, history.now - SETTLES_DAYS)
    if len(judged.since) < SCORED_MIN:
        return None
    middle, _, _ = arrivals(Paces(unpack(artifact, Learned).pace), judged)
    error = float(np.abs(middle - (judged.ended - judged.since)).mean())
    return Score(error, len(judged.since), _first_day(judged.since), _last_day(judged.since))


def _first_day(since: Sequence[float] | Floats) -> date:
    return day_of(float(since[0]))


def _last_day(since: Sequence[float] | Floats) -> date:
    return day_of(float(since[-1]))


MODEL: Final = Model(
    name="arrivals",
    version=1,
    title="When parcels come, and which are stuck",
    read=read,
    train=train,
    score=score,
    window_days=HELD_OUT_DAYS,
)
