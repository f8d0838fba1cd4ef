"""Whether a parcel that the carrier says nothing of is stuck, by the gaps between scans. Pure.

A gap is the time from one scan to the next, or to now where none has come. Hour by hour of a coarse
scale it is counted how many gaps end of those that have lasted so far; each route's share is drawn
to its carrier's, and that to the network's, as if so many gaps of the wider one had been its own.
The chance that a parcel is stuck is the share of gaps as long as its silence that lasted four days.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from trueup.models.arrivals.route import Route
from trueup.models.arrivals.trip import Floats
from trueup.models.artifact import Array, of_array, to_array

HOURS: Final = (0.0, 6.0, 12.0, 18.0, 24.0, 36.0, 48.0, 60.0, 72.0, 84.0, 96.0)
STUCK_HOURS: Final = HOURS[-1]
"""A parcel of which nothing is said for so long is stuck; who lost one rarely says so."""

LEANS_ON: Final = 20.0
"""So many gaps of the wider one count beside a route's own."""


class Gap(NamedTuple):
    """The time between two scans of a parcel under way.

    Attributes:
        over: the next scan came; else it lasts so long by now.
    """

    route: Route
    hours: float
    over: bool


class Gaps(msgspec.Struct, frozen=True, kw_only=True):
    """What was learned of gaps: which share of those that lasted to a step end before the next.

    Attributes:
        network: of all, a share a step.
        carriers, routes: rows of shares, in the order of their names.
    """

    network: Array
    carrier_names: tuple[str, ...]
    carriers: Array
    route_names: tuple[tuple[str, str, str], ...]
    routes: Array


def learn(gaps: Sequence[Gap]) -> Gaps:
    """Return what gaps have in common, of all, of each carrier and of each route."""
    carriers = sorted({gap.route.carrier for gap in gaps})
    routes = sorted({gap.route for gap in gaps})
    carrier_place = {name: place for place, name in enumerate(carriers)}
    route_place = {route: place for place, route in enumerate(routes)}
    ends, lasts = _counted(gaps, [route_place[gap.route] for gap in gaps], len(routes))
    network = (ends.sum(axis=0) + 1) / (lasts.sum(axis=0) + 2)
    of_carrier = np.array([carrier_place[route.carrier] for route in routes], np.int64)
    carrier_ends, carrier_lasts = (np.zeros((len(carriers), len(HOURS) - 1)) for _ in "ab")
    np.add.at(carrier_ends, of_carrier, ends)
    np.add.at(carrier_lasts, of_carrier, lasts)
    by_carrier = (carrier_ends + LEANS_ON * network) / (carrier_lasts + LEANS_ON)
    by_route = (ends + LEANS_ON * by_carrier[of_carrier]) / (lasts + LEANS_ON)
    return Gaps(
        network=to_array(network),
        carrier_names=tuple(carriers),
        carriers=to_array(by_carrier),
        route_names=tuple((each.carrier, each.service, each.region) for each in routes),
        routes=to_array(by_route),
    )


def _counted(gaps: Sequence[Gap], places: Sequence[int], routes: int) -> tuple[Floats, Floats]:
    """Return for each route and step how many gaps ended in it, and how many lasted to it.

    A gap that is not over says nothing of the step that it is in.
    """
    ends, lasts = (np.zeros((routes, len(HOURS) - 1)) for _ in "ab")
    for gap, place in zip(gaps, places, strict=True):
        step = int(np.searchsorted(HOURS, gap.hours, side="right")) - 1
        lasts[place, : min(step, len(HOURS) - 1)] += 1
        if gap.over and step < len(HOURS) - 1:
            lasts[place, step] += 1
            ends[place, step] += 1
    return ends, lasts


class Silences:
    """Answers by what was learned.

    Args:
        gaps: as they were kept.
    """

    def __init__(self, gaps: Gaps) -> None:
        self._network = _lasting(of_array(gaps.network)[None, :])[0]
        carriers, routes = _lasting(of_array(gaps.carriers)), _lasting(of_array(gaps.routes))
        self._carriers = dict(zip(gaps.carrier_names, carriers, strict=True))
        self._routes = {
            Route(*name): row for name, row in zip(gaps.route_names, routes, strict=True)
        }

    def stuck(self, route: Route, hours: float) -> float:
        """Return the chance that a parcel is stuck of which nothing was said for so many hours."""
        if hours >= STUCK_HOURS:
            return 1.0
        lasting = self._lasting(route)
        now = float(np.interp(max(hours, 0.0), HOURS, lasting))
        return min(1.0, float(lasting[-1]) / now) if now > 0 else 1.0

    def _lasting(self, route: Route) -> Floats:
        of_carrier: Floats = self._carriers.get(route.carrier, self._network)
        found: Floats = self._routes.get(route, of_carrier)
        return found


def _lasting(ending: Floats) -> Floats:
    """Return which share of gaps lasts to each step, from the share that ends in each."""
    start = np.ones((len(ending), 1))
    found: Floats = np.hstack([start, np.cumprod(1 - ending, axis=1)])
    return found
