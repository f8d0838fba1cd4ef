"""How long parcels take: routes lean on what is wider, and parcels on their way count as such."""

import numpy as np
import pytest

from trueup.models.arrivals.pace import Paces, arrivals, learn
from trueup.models.arrivals.route import Route
from trueup.models.arrivals.trip import Took, trips_of
from trueup.models.artifact import pack

NAN = float("nan")
NEAR, FAR, NEW = Route("ups", "", "DE"), Route("ups", "", "NO"), Route("ups", "", "IS")


def steady(route: Route, days: float, count: int, seed: int, last: float = 100.0) -> list[Took]:
    """Give trips over the hundred days before `last`, of about so many days each."""
    chance = np.random.default_rng(seed)
    since = np.sort(chance.uniform(last - 100, last, count))
    took = days * np.exp(chance.normal(0, 0.3, count))
    return [
        Took(route, float(s), float(s + t), float(s + 2 * days))
        for s, t in zip(since, took, strict=True)
    ]


def test_a_route_has_a_pace_of_its_own_and_half_come_by_the_middle() -> None:
    trips = trips_of([*steady(NEAR, 2, 400, 1), *steady(FAR, 8, 400, 2)])
    paces = Paces(learn(trips, 100.0))
    near, far = paces.arrival(NEAR), paces.arrival(FAR)
    assert near.middle_days == pytest.approx(2.0, rel=0.08)
    assert far.middle_days == pytest.approx(8.0, rel=0.08)
    # exp(0.3 * 1.2816): the ninth tenth of how they were made.
    assert far.late_days / far.middle_days == pytest.approx(1.47, rel=0.1)
    assert near.trips > 350


def test_a_route_of_few_parcels_leans_on_its_carrier() -> None:
    """Three slow parcels are drawn to the others', and with thirty of them the route is believed."""
    usual = [t for n in range(8) for t in steady(Route("ups", "", f"R{n}"), 4 + n % 3, 60, n)]
    few = Paces(learn(trips_of([*usual, *steady(NEW, 20, 3, 50, 90)]), 100.0)).arrival(NEW)
    many = Paces(learn(trips_of([*usual, *steady(NEW, 20, 40, 51, 90)]), 100.0)).arrival(NEW)
    assert 5 < few.middle_days < many.middle_days
    assert many.middle_days == pytest.approx(20, rel=0.2)


def test_routes_and_carriers_that_nobody_knows_are_as_what_is_wider() -> None:
    slow = steady(Route("dhl", "", "DE"), 10, 200, 3)
    paces = Paces(learn(trips_of([*steady(NEAR, 2, 200, 4), *slow]), 100.0))
    unknown = paces.arrival(Route("dhl", "", "FR"))
    assert unknown.trips == 0
    assert unknown.middle_days > 5
    nobody = paces.arrival(Route("fern"))
    assert 2 < nobody.middle_days < 10


def test_parcels_on_their_way_show_a_queue_before_it_is_over() -> None:
    """For ten days hardly anything arrives: who counts what came alone would see fast parcels."""
    before = [trip for trip in steady(NEAR, 3, 600, 5) if trip.since < 90]
    queue = [Took(NEAR, 90 + n / 20, NAN, NAN) for n in range(200)]
    calm = Paces(learn(trips_of(before), 90.0)).arrival(NEAR)
    slow = Paces(learn(trips_of([*before, *queue]), 100.0)).arrival(NEAR)
    assert slow.middle_days > 1.5 * calm.middle_days


def test_nothing_of_after_an_instant_is_known_at_it() -> None:
    trips = trips_of(steady(NEAR, 3, 300, 6))
    until = trips.since < 60
    known = trips.some(until)._replace(ended=np.where(trips.ended < 60, trips.ended, NAN)[until])
    assert pack(learn(trips, 60.0)) == pack(learn(known, 60.0))


def test_how_likely_a_parcel_is_late_goes_by_its_promise() -> None:
    paces = Paces(learn(trips_of(steady(NEAR, 4, 500, 7)), 100.0))
    assert paces.arrival(NEAR).late_chance is None
    chances = [paces.arrival(NEAR, days).late_chance for days in (1, 4, 6, 20)]
    assert chances[0] == pytest.approx(1.0, abs=0.02)
    assert chances[1] == pytest.approx(0.5, abs=0.1)
    assert chances == sorted(chances, key=lambda each: -(each or 0))
    assert chances[3] == pytest.approx(0.0, abs=0.02)


def test_trips_are_told_in_one_go_and_one_without_a_promise_is_never_late() -> None:
    trips = trips_of([*steady(NEAR, 3, 50, 8), Took(NEAR, 101.0, NAN, NAN)])
    middle, late, chance = arrivals(Paces(learn(trips, 102.0)), trips)
    assert (middle < late).all()
    assert chance[-1] == 0.0


def test_what_ends_before_it_began_is_no_trip() -> None:
    assert len(trips_of([Took(NEAR, 5.0, 5.0, NAN), Took(NEAR, 5.0, 4.0, NAN)]).since) == 0
    assert len(trips_of([Took(NEAR, 5.0, 5.1, NAN), Took(NEAR, 5.0, NAN, NAN)]).since) == 2


def test_one_parcel_alone_is_a_pace() -> None:
    paces = Paces(learn(trips_of([Took(NEAR, 1.0, 4.0, NAN)]), 10.0))
    assert paces.arrival(NEAR).middle_days == pytest.approx(3.0)
    assert paces.arrival(FAR).middle_days == pytest.approx(3.0)
