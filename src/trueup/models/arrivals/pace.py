"""How long parcels take: each route's own pace, times what the whole network shows just now. Pure.

A route's pace is the mean of the logarithm of its days, shrunk to its carrier's, and that to all:
empirical Bayes, by how much routes differ beside how much parcels of one route do. The spread about
it, and how slow these weeks are, is one curve of the newest trips, those still on their way among
them (Kaplan and Meier, 1958): what is not delivered yet has taken at least so long. Without them
the newest days would show fast parcels alone, and a queue that builds up would be seen when it is
over.
"""

from typing import Final, NamedTuple

import msgspec
import numpy as np

from trueup.models.arrivals.route import Route
from trueup.models.arrivals.trip import SHORTEST_DAYS, Floats, Ints, Trips
from trueup.models.artifact import Array, of_array, to_array

ROUTE_HALF_DAYS: Final = 120.0
"""After so many days a trip counts half for how its route differs from others."""

CURVE_HALF_DAYS: Final = 14.0
"""After so many days a trip counts half for how slow the network is now."""

SETTLED_DAYS: Final = 60.0
"""Of trips that began so long ago nearly all have ended."""

SEEN_SHARE_MIN: Final = 0.1
_VARIANCE_MIN: Final = 1e-4
_TINY: Final = 1e-12


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned of trips.

    Attributes:
        middle: of the logarithm of days, of all trips.
        carriers: how a carrier differs from all.
        routes: how routes differ from their carrier, in the order of `named`.
        counts: delivered trips of each route.
        steps, left: of the curve: at so much over the route's own logarithm, this share is still
            on its way.
    """

    middle: float
    carriers: dict[str, float]
    named: tuple[tuple[str, str, str], ...]
    routes: Array
    counts: Array
    steps: Array
    left: Array


class Expected(NamedTuple):
    """How long a parcel takes, in days from when the carrier had it.

    Attributes:
        middle_days: half of such parcels have come.
        late_days: nine of ten have come.
        late_chance: that it comes after what was promised; None where nothing was.
        trips: of this very route, that it was learned from.
    """

    middle_days: float
    late_days: float
    late_chance: float | None
    trips: int


class Curve(NamedTuple):
    """What share is still on its way, by how much longer than usual it has taken."""

    steps: Floats
    left: Floats

    def at_share(self, share: float) -> float:
        """Return by when a share has come; the last step where the curve ends before."""
        place = int(np.searchsorted(-self.left, -(1 - share)))
        return float(self.steps[min(place, len(self.steps) - 1)])

    def still_out(self, steps: Floats) -> Floats:
        """Return the share that is still on its way at each step."""
        shares = np.concatenate([[1.0], self.left])
        found: Floats = shares[np.searchsorted(self.steps, steps, side="right")]
        return found


def learn(trips: Trips, now: float) -> Pace:
    """Return the pace of routes as of an instant, from what was known then.

    Args:
        trips: at least one of them delivered.
        now: in the days of their clock.
    """
    known = trips.as_of(now)
    ended = ~np.isnan(known.ended)
    delivered = known.some(ended)
    days = np.log(np.maximum(delivered.ended - delivered.since, SHORTEST_DAYS))
    weights = _weights(known, delivered, now)
    middle = float(np.average(days, weights=weights))
    names = [route.carrier for route in known.routes]
    carriers, carrier = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)
    by_carrier = _shrunk(days - middle, weights, carrier[delivered.route], len(carriers))
    over = days - middle - by_carrier[carrier[delivered.route]]
    by_route = _shrunk(over, weights, delivered.route, len(known.routes))
    usual = middle + by_carrier[carrier] + by_route
    curve = _curve(known, usual[known.route], now)
    return Pace(
        middle=middle,
        carriers={str(name): float(by_carrier[place]) for place, name in enumerate(carriers)},
        named=tuple((each.carrier, each.service, each.region) for each in known.routes),
        routes=to_array(by_route),
        counts=to_array(np.bincount(delivered.route, minlength=len(known.routes)).astype(np.int64)),
        steps=to_array(curve.steps),
        left=to_array(curve.left),
    )


def _weights(known: Trips, delivered: Trips, now: float) -> Floats:
    """Return how much each delivered trip counts: the newer the more, and for those not yet in.

    Of what began lately only the fast has come. So each that has come stands for as many as there
    are of its age by the trips that settled long ago.
    """
    settled = known.some(~np.isnan(known.ended) & (known.since < now - SETTLED_DAYS))
    source = settled if len(settled.since) else delivered
    usual = np.sort(source.ended - source.since)
    age = now - delivered.since
    seen = np.searchsorted(usual, age, side="right") / len(usual)
    found: Floats = 0.5 ** (age / ROUTE_HALF_DAYS) / np.maximum(seen, SEEN_SHARE_MIN)
    return found


def _shrunk(over: Floats, weights: Floats, group: Ints, groups: int) -> Floats:
    """Return each group's mean, drawn to zero the more, the less it says beside its own spread."""
    total = np.bincount(group, weights, groups)
    squares = np.bincount(group, weights * weights, groups)
    empty = total == 0
    mean = np.bincount(group, weights * over, groups) / np.where(empty, 1.0, total)
    says = total * total / np.where(empty, 1.0, squares)
    within = float(np.average((over - mean[group]) ** 2, weights=weights))
    enough = says >= 2
    between = 0.0
    if enough.any():
        between = float(np.average(mean[enough] ** 2 - within / says[enough], weights=says[enough]))
    found: Floats = mean * says / (says + within / max(between, _VARIANCE_MIN) + _TINY)
    return found


def _curve(known: Trips, usual: Floats, now: float) -> Curve:
    """Return the curve of trips over their route's own pace, those on their way as such."""
    ended = ~np.isnan(known.ended)
    took = np.where(ended, known.ended, now) - known.since
    steps = np.log(np.maximum(took, SHORTEST_DAYS)) - usual
    weights = 0.5 ** ((now - known.since) / CURVE_HALF_DAYS)
    order = np.lexsort((~ended, steps))
    steps, weights, ended = steps[order], weights[order], ended[order]
    at_risk = np.cumsum(weights[::-1])[::-1]
    left = np.cumprod(np.where(ended, 1 - weights / at_risk, 1.0)).astype(np.float64)
    return Curve(steps[ended], left[ended])


class Paces:
    """Answers by what was learned.

    Args:
        pace: as it was kept.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._curve = Curve(of_array(pace.steps), of_array(pace.left))
        over, counts = of_array(pace.routes), of_array(pace.counts)
        self._routes = {
            Route(*name): (float(over[place]), int(counts[place]))
            for place, name in enumerate(pace.named)
        }
        self._middle = self._curve.at_share(0.5)
        self._late = self._curve.at_share(0.9)

    @property
    def routes(self) -> list[Route]:
        """Every route that it was learned from."""
        return list(self._routes)

    def arrival(self, route: Route, promised_days: float | None = None) -> Expected:
        """Return when a parcel comes; a route that nobody knows is as its carrier, or as all.

        Args:
            route: of the parcel.
            promised_days: from when the carrier had it to the end of the promised day.
        """
        usual, trips = self._usual(route)
        chance = None
        if promised_days is not None:
            steps = np.array([np.log(max(promised_days, SHORTEST_DAYS)) - usual])
            chance = float(self._curve.still_out(steps)[0])
        return Expected(
            middle_days=float(np.exp(usual + self._middle)),
            late_days=float(np.exp(usual + self._late)),
            late_chance=chance,
            trips=trips,
        )

    def _usual(self, route: Route) -> tuple[float, int]:
        over, trips = self._routes.get(route, (0.0, 0))
        return self._pace.middle + self._pace.carriers.get(route.carrier, 0.0) + over, trips


def arrivals(paces: Paces, trips: Trips) -> tuple[Floats, Floats, Floats]:
    """Return by when half and nine tenths of such trips have come, and how likely each is late.

    A trip without a promise is late with a chance of zero.
    """
    told = [
        paces.arrival(trips.routes[route], None if np.isnan(promised) else promised - since)
        for route, since, promised in zip(trips.route, trips.since, trips.promised, strict=True)
    ]
    return (
        np.array([each.middle_days for each in told]),
        np.array([each.late_days for each in told]),
        np.array([each.late_chance or 0.0 for each in told]),
    )
