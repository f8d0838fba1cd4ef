"""Trips of parcels as columns of numbers, on routes that lean on what is wider than they. Pure.

A route with few parcels says little, so it leans on all routes of its carrier, and those on all
there are.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from trueup.models.arrivals.route import Route

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Took(NamedTuple):
    """How long one trip took, as it is known at the end of the history.

    Attributes:
        since: when the carrier had it, in days of a clock that all trips share.
        ended: when it was delivered; NaN where it was not yet.
        promised: the end of the day that was promised; NaN where none was.
    """

    route: Route
    since: float
    ended: float
    promised: float


class Trips(NamedTuple):
    """Trips as columns, oldest first.

    Attributes:
        routes: every route, each once, in order.
        route: of each trip, its place in `routes`.
    """

    routes: tuple[Route, ...]
    route: Ints
    since: Floats
    ended: Floats
    promised: Floats

    def some(self, which: NDArray[np.bool_]) -> Self:
        """Return some of the trips, on the same routes."""
        return self._replace(
            route=self.route[which],
            since=self.since[which],
            ended=self.ended[which],
            promised=self.promised[which],
        )

    def as_of(self, now: float) -> Self:
        """Return the trips that had begun before an instant, as they were known then."""
        begun = self.some(self.since < now)
        return begun._replace(ended=np.where(begun.ended < now, begun.ended, np.nan))


def trips_of(trips: Sequence[Took]) -> Trips:
    """Return trips as columns; those that would have ended before they began are left out."""
    sound = [each for each in trips if not each.ended <= each.since]
    sound.sort(key=lambda each: (each.since, each.route))
    routes = tuple(sorted({each.route for each in sound}))
    place = {route: number for number, route in enumerate(routes)}
    return Trips(
        routes=routes,
        route=np.array([place[each.route] for each in sound], np.int64),
        since=np.array([each.since for each in sound], np.float64),
        ended=np.array([each.ended for each in sound], np.float64),
        promised=np.array([each.promised for each in sound], np.float64),
    )


SHORTEST_DAYS: Final = 0.25
"""What took less counts as this: a scan that came late tells no pace."""
