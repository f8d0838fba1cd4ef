"""The model of arrivals is held beside each route's median, on parcels it had not seen."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from trueup.canon.parcel import Parcel, ParcelStatus, Scan
from trueup.models.arrivals.bench import area_under
from trueup.models.arrivals.learn import (
    History,
    Learned,
    day_number,
    gaps_of,
    route_of,
    score,
    train,
    trip_of,
)
from trueup.models.arrivals.reads import Routes
from trueup.models.arrivals.route import Route
from trueup.models.arrivals.silence import Gap
from trueup.models.arrivals.trip import Took, trips_of
from trueup.models.artifact import unpack
from trueup.models.model import Fitted, Lacking

NOW = datetime(2026, 11, 20, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ROUTE = Route("dhl", "express", "DE")


def scan(status: ParcelStatus, at: datetime) -> Scan:
    return Scan(status=status, code=status.value, occurred_at=at)


def parcel(*scans: Scan, **more: object) -> Parcel:
    plain = {"ref": "1", "updated_at": NOW, "status": scans[-1].status, "carrier": "DHL"}
    return Parcel(**(plain | {"scans": scans} | more))  # type: ignore[arg-type]


SENT, MOVED, CAME = (
    scan(ParcelStatus.PICKED_UP, NOW - 4 * DAY),
    scan(ParcelStatus.IN_TRANSIT, NOW - 3 * DAY),
    scan(ParcelStatus.DELIVERED, NOW - 2 * DAY),
)


def test_a_parcel_is_a_trip_and_its_gaps() -> None:
    came = parcel(
        *(SENT, MOVED, CAME),
        service="Express-12",
        shipped_at=SENT.occurred_at,
        delivered_at=CAME.occurred_at,
        expected_on=date(2026, 11, 18),
    )
    assert route_of(came, "DE-be") == Route("dhl", "express12", "DE-be")
    [trip] = trip_of(came, ROUTE, day_number(NOW))
    assert (trip.ended - trip.since, trip.promised - trip.since) == (2.0, 3.0)
    assert list(gaps_of(came, ROUTE, NOW)) == [Gap(ROUTE, 24.0, over=True)] * 2


def test_a_parcel_on_its_way_has_not_ended_and_its_last_gap_lasts() -> None:
    moves = parcel(SENT, MOVED, shipped_at=SENT.occurred_at)
    [trip] = trip_of(moves, ROUTE, day_number(NOW))
    assert np.isnan(trip.ended)
    assert np.isnan(trip.promised)
    assert list(gaps_of(moves, ROUTE, NOW))[-1] == Gap(ROUTE, 72.0, over=False)


@pytest.mark.parametrize(
    "odd",
    [
        parcel(SENT),  # the carrier never had it
        parcel(SENT, shipped_at=SENT.occurred_at, returning=True),
        parcel(scan(ParcelStatus.LOST, NOW), shipped_at=SENT.occurred_at),
        parcel(SENT, shipped_at=NOW - 90 * DAY),  # nobody followed it
    ],
)
def test_what_did_not_arrive_is_no_trip(odd: Parcel) -> None:
    assert list(trip_of(odd, ROUTE, day_number(NOW))) == []


def history(parcels: int, *, routes: int = 12, days: int = 200) -> History:
    """Give parcels on routes of their own pace, and two weeks in which all are slower."""
    chance = np.random.default_rng(11)
    now = day_number(NOW)
    trips: list[Took] = []
    for number in range(parcels):
        route = number % routes
        since = now - days + days * number / parcels
        slow = 1.6 if since > now - 45 else 1.0
        took = slow * (2 + route) * float(np.exp(chance.normal(0, 0.25)))
        ended = since + took if since + took < now else float("nan")
        trips.append(Took(Route("dhl", "", f"R{route}"), since, ended, since + 9))
    gaps = [Gap(each.route, float(chance.exponential(9)), over=True) for each in trips]
    return History(trips_of(trips), tuple(gaps), now)


def untold(_doing: str, _share: float) -> None:
    """Nobody watches."""


def test_it_beats_each_routes_median_where_weeks_are_slower_and_says_the_rest() -> None:
    fitted = train(history(3000), untold)
    assert isinstance(fitted, Fitted)
    again = train(history(3000), untold)
    assert isinstance(again, Fitted)
    assert (fitted.artifact, fitted.features) == (again.artifact, again.features)
    card = fitted.card
    assert card.beats
    assert card.held_out_since == NOW.date() - timedelta(days=42)
    routes = Routes(unpack(fitted.artifact, Learned))
    quick = routes.arrival_of(Route("dhl", "", "R0"), NOW, NOW + 9 * DAY)
    slow = routes.arrival_of(Route("dhl", "", "R11"), NOW, NOW + 9 * DAY)
    assert quick.middle_days == pytest.approx(3.2, rel=0.2)
    assert quick.late_chance is not None
    assert slow.late_chance is not None
    assert quick.late_chance < 0.05
    assert slow.late_chance > 0.9
    assert len(routes.all_risks()) == 12
    assert routes.stuck_of(ROUTE, NOW - 200 * HOUR, NOW) == 1.0


def test_too_few_parcels_say_how_many_would_do() -> None:
    lacks = train(history(100), untold)
    assert isinstance(lacks, Lacking)
    assert lacks.why.endswith("200 and 30 newer ones would do.")


def test_it_is_scored_on_parcels_that_had_time_to_come() -> None:
    fitted = train(history(3000), untold)
    assert isinstance(fitted, Fitted)
    scored = score(fitted.artifact, history(3000), NOW.date() - timedelta(days=60))
    assert scored is not None
    assert scored.until == NOW.date() - timedelta(days=15)
    assert 0 < scored.value < 5
    assert score(fitted.artifact, history(3000), NOW.date() - timedelta(days=15)) is None


def test_the_area_counts_pairs_and_halves_of_ties() -> None:
    came = np.array([True, True, False, False])
    assert area_under(np.array([0.9, 0.8, 0.2, 0.1]), came) == 1.0
    assert area_under(np.array([0.1, 0.2, 0.8, 0.9]), came) == 0.0
    assert area_under(np.array([0.5, 0.5, 0.5, 0.5]), came) == 0.5
    assert area_under(np.array([0.9, 0.4, 0.4, 0.1]), came) == pytest.approx(0.875)
