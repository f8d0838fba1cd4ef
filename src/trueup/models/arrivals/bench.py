"""Arrivals beside what a marketplace promised and what each lane's median is, on Olist's orders."""

import csv
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trueup.models.arrivals import pace
from trueup.models.arrivals.learn import day_number, route_medians
from trueup.models.arrivals.pace import Paces, arrivals
from trueup.models.arrivals.route import Route
from trueup.models.arrivals.trip import Floats, Took, Trips, trips_of
from trueup.models.measured import Anchored, Holds, Measured

OLIST: Final = Path("olist")
PARTS: Final = ((0.6, 0.75), (0.8, 1.0))
"""In the order of their days. The half-lives were chosen on the first. The last fifth begins on a
Black Friday that no year before it shows: there the targets are told and not held, and what must
hold is that it is better than the lane's median and the promise."""


def bench(data: Path | None) -> Iterator[Measured]:
    """Give both parts, from when the carrier has a parcel, learned anew every day as at night."""
    if data is None or not (data / OLIST).is_dir():
        yield Measured(part="arrivals on Olist", left_out=f"There is no {OLIST}.")
        return
    trips = read_olist(data / OLIST)
    for first, last in PARTS:
        yield measure(trips, first, last)


class Told(NamedTuple):
    """What was told of trips on the day they began, and what came.

    Attributes:
        lane: the median of the lane's delivered trips on that day.
    """

    took: Floats
    promised: Floats
    lane: Floats
    middle: Floats
    late: Floats
    chance: Floats


def measure(trips: Trips, first: float, last: float) -> Measured:
    """Measure a part of the trips, from one share of them to another."""
    told = _told(trips, int(len(trips.since) * first), int(len(trips.since) * last))
    came_late = told.took > told.promised
    top = np.argsort(-told.chance, kind="stable")[: len(told.took) // 10]
    over_base = float(came_late[top].mean() / came_late.mean())
    error = float(np.abs(told.middle - told.took).mean())
    # The promise is a day: the marketplace's own error is measured from that day's beginning.
    promise_error = float(np.abs(told.promised - 1 - told.took).mean())
    lane_error = float(np.abs(told.lane - told.took).mean())
    at_most = Holds.SHOWN if last == 1.0 else Holds.AT_MOST
    at_least = Holds.SHOWN if last == 1.0 else Holds.AT_LEAST
    kept = float((told.took <= told.late).mean())
    promised = float(told.promised.mean())
    return Measured(
        part=f"arrivals on Olist, {first:.0%} to {last:.0%} of its orders",
        figures=(
            Anchored("mean_error_days", error, lane_error),
            Anchored("beside_the_promise_days", error, promise_error),
            Anchored("beside_the_target_days", error, 4.0, at_most),
            Anchored("come_by_late_share_least", kept, 0.88, at_least),
            Anchored("come_by_late_share_most", kept, 0.92, at_most),
            Anchored("mean_late_days", float(told.late.mean()), promised),
            Anchored("late_auc", area_under(told.chance, came_late), 0.80, at_least),
            Anchored("late_of_riskiest_tenth_times", over_base, 3.0, Holds.AT_LEAST),
            Anchored("late_share", float(came_late.mean()), 0.0, Holds.SHOWN),
        ),
    )


def _told(trips: Trips, first: int, last: int) -> Told:
    parts: list[Told] = []
    number = np.arange(len(trips.since))
    for day in np.unique(np.floor(trips.since[first:last])):
        which = (np.floor(trips.since) == day) & (number >= first) & (number < last)
        asked = trips.some(which)
        middle, late, chance = arrivals(Paces(pace.learn(trips, float(day))), asked)
        lane = route_medians(trips.as_of(float(day)), asked)
        took, promised = asked.ended - asked.since, asked.promised - asked.since
        parts.append(Told(took, promised, lane, middle, late, chance))
    return Told(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def area_under(chances: Floats, came: NDArray[np.bool_]) -> float:
    """Return the chance that one which came had a higher chance than one which did not."""
    ordered, places, counts = np.unique(chances, return_inverse=True, return_counts=True)
    del ordered
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    some = int(came.sum())
    none = len(came) - some
    return float((ranks[came].sum() - some * (some + 1) / 2) / (some * none))


def read_olist(folder: Path) -> Trips:
    """Read trips from the carrier to the customer; a lane is from a state to a state."""
    goes_to = {row["customer_id"]: row["customer_state"] for row in _rows(folder, "customers")}
    sits_in = {row["seller_id"]: row["seller_state"] for row in _rows(folder, "sellers")}
    comes_from: dict[str, str] = {}
    for row in _rows(folder, "order_items"):
        comes_from.setdefault(row["order_id"], sits_in.get(row["seller_id"], ""))
    return trips_of(
        [
            Took(
                Route(comes_from[row["order_id"]], "", goes_to[row["customer_id"]]),
                _day(row["order_delivered_carrier_date"]),
                _day(row["order_delivered_customer_date"]),
                _day(row["order_estimated_delivery_date"]) + 1,
            )
            for row in _rows(folder, "orders")
            if row["order_id"] in comes_from
            and row["order_delivered_carrier_date"]
            and row["order_delivered_customer_date"]
        ]
    )


def _day(told: str) -> float:
    return day_number(datetime.fromisoformat(told).replace(tzinfo=UTC))


def _rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    path = folder / f"olist_{name}_dataset.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
