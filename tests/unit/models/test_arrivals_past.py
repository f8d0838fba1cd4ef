"""Routes: how long is usual, what is late, when something arrives, and what is worse than chance."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.parcel import ParcelStatus
from trueup.models.arrivals.past import (
    ENOUGH,
    Past,
    arrival_of,
    is_late,
    past_of,
    pasts_of,
    quantile,
    route_of,
    weeks_of,
)
from trueup.models.arrivals.route import Route
from trueup.records.trips import Trip

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = NOW.date()
LONG = tuple(float(each) for each in range(1, 41))


def trip(**fields: Any) -> Trip:
    known: dict[str, Any] = {
        "record_id": 1,
        "connection_id": 2,
        "carrier": "DHL",
        "service": "Paket",
        "origin": "Leipzig",
        "status": ParcelStatus.IN_TRANSIT,
        "attempts": 0,
        "returning": False,
        "shipped_at": NOW - timedelta(days=3),
        "delivered_at": None,
        "scanned_at": NOW,
        "promised_on": None,
        "expected_on": None,
        "gap_s_max": 3600,
    }
    return Trip(**(known | fields))


@pytest.mark.parametrize(
    ("fields", "late"),
    [
        ({}, None),
        ({"promised_on": TODAY}, None),
        ({"promised_on": TODAY - timedelta(days=1)}, True),
        ({"promised_on": TODAY - timedelta(days=1), "returning": True}, False),
        ({"promised_on": TODAY - timedelta(days=1), "shipped_at": None}, None),
        ({"promised_on": TODAY - timedelta(days=1), "status": ParcelStatus.CANCELLED}, None),
        (
            {
                "promised_on": date(2026, 3, 5),
                "delivered_at": datetime(2026, 3, 5, 22, 59, tzinfo=UTC),
            },
            False,
        ),
        (
            {
                "promised_on": date(2026, 3, 5),
                "delivered_at": datetime(2026, 3, 5, 23, 1, tzinfo=UTC),
            },
            True,
        ),
    ],
)
def test_late_is_after_the_first_promise_where_the_brand_is(
    fields: dict[str, Any], *, late: bool | None
) -> None:
    assert is_late(trip(**fields), TODAY, ZONE) is late


def test_a_route_with_too_few_parcels_is_told_by_its_carrier() -> None:
    came = [
        trip(origin=origin, delivered_at=NOW, gap_s_max=3600 * hours)
        for origin, count, hours in (("Leipzig", 30, 10), ("Hof", 3, 50))
        for _ in range(count)
    ]
    pasts = pasts_of(came, TODAY, ZONE)
    assert len(past_of(route_of(came[0]), pasts).days) == 30
    assert len(past_of(route_of(came[-1]), pasts).days) == 33
    assert past_of(route_of(trip(connection_id=9)), pasts) == Past()
    assert Route(connection_id=2, carrier="DHL").says == "DHL"
    assert Route(connection_id=2, carrier="DHL", origin="Hof").ref == "route/2/DHL//Hof"


def test_a_day_is_told_that_four_of_five_that_took_as_long_kept() -> None:
    found = arrival_of(trip(), Past(days=LONG), NOW, ZONE, 3)
    still = [each for each in LONG if each > 3]
    assert found.soon_on == TODAY + timedelta(days=round(quantile(still, 0.5) or 0) - 3)
    assert found.sure_on == TODAY + timedelta(days=round(quantile(still, 0.8) or 0) - 3)
    assert Decimal("0.15") < found.chance_later < Decimal("0.25")


def test_of_what_nobody_knows_the_carriers_word_counts_else_the_spare_days() -> None:
    days = (TODAY + timedelta(days=3), TODAY + timedelta(days=6))
    assert arrival_of(trip(), Past(), NOW, ZONE, 3) == (None, days[0], Decimal("0.5"))
    told = arrival_of(trip(expected_on=days[1]), Past(), NOW, ZONE, 3)
    assert told == (None, days[1], Decimal("0.5"))
    over = trip(expected_on=TODAY - timedelta(days=1))
    assert arrival_of(over, Past(), NOW, ZONE, 3).sure_on == days[0]
    longer = trip(shipped_at=NOW - timedelta(days=39))
    assert arrival_of(longer, Past(days=LONG), NOW, ZONE, 3).sure_on == days[0]


@given(
    past=st.lists(st.floats(0.1, 60), max_size=80),
    gone=st.floats(0, 80),
    told=st.none() | st.integers(-20, 20),
)
def test_nobody_is_told_a_day_that_is_over(
    past: list[float], gone: float, told: int | None
) -> None:
    expected_on = None if told is None else TODAY + timedelta(days=told)
    parcel = trip(shipped_at=NOW - timedelta(days=gone), expected_on=expected_on)
    found = arrival_of(parcel, Past(days=tuple(sorted(past))), NOW, ZONE, 3)
    assert found.sure_on > TODAY
    assert 0 < found.chance_later < 1


def test_of_too_few_no_quantile_is_told() -> None:
    assert quantile(LONG[: ENOUGH - 1], 0.5) is None
    assert quantile(LONG, 1.0) == 40
    assert quantile(LONG, 0.9) == 36


def test_of_parcels_that_do_well_the_score_tells() -> None:
    promised = {"promised_on": TODAY - timedelta(days=1)}
    well = {"delivered_at": NOW - timedelta(days=2)}
    trips = [
        *(trip(**promised, **well) for _ in range(15)),
        *(trip(**promised, **well, gap_s_max=36 * 3600) for _ in range(2)),
        *(trip(**promised, **well, gap_s_max=None) for _ in range(1)),
        *(trip(**promised) for _ in range(2)),
        *(trip(**well) for _ in range(5)),
    ]
    [past] = {each for route, each in pasts_of(trips, TODAY, ZONE).items() if route.origin}
    assert (past.parcels, past.promised, past.late, past.well) == (25, 20, 2, 16)
    assert (past.score, past.late_share) == (80, 0.1)
    few = pasts_of(trips[1:20], TODAY, ZONE)
    assert {each.score for each in few.values()} == {None}


def test_a_route_is_told_apart_by_where_parcels_go_where_that_was_read() -> None:
    trips = [trip(record_id=n) for n in (1, 2, 3)]
    pasts = pasts_of(trips, TODAY, ZONE, {1: "DE-10", 2: "DE-10"})
    counts = {route.says: past.parcels for route, past in pasts.items()}
    assert counts == {"DHL Paket from Leipzig to DE-10": 2, "DHL Paket from Leipzig": 1, "DHL": 3}
    refs = sorted(route.ref for route in pasts)
    assert refs == ["route/2/DHL//", "route/2/DHL/Paket/Leipzig", "route/2/DHL/Paket/Leipzig/DE-10"]
    assert past_of(route_of(trips[0], "DE-10"), pasts).parcels == 3, "too few of its own"


def test_weeks_are_those_of_the_promise_and_what_nobody_promised_is_left_out() -> None:
    monday = TODAY - timedelta(days=TODAY.weekday() + 14)
    on_time = datetime.combine(monday, datetime.min.time(), UTC) + timedelta(hours=9)
    trips = [
        trip(promised_on=monday, delivered_at=on_time, shipped_at=on_time),
        trip(promised_on=monday + timedelta(days=6)),
        trip(promised_on=monday + timedelta(days=7)),
        trip(promised_on=TODAY),
        trip(),
    ]
    found = weeks_of(trips, TODAY, ZONE)
    assert [(each.monday, each.promised, each.late) for each in found] == [
        (monday, 2, 1),
        (monday + timedelta(days=7), 1, 1),
    ]
    assert [each.late_share for each in found] == [0.5, 1.0]
