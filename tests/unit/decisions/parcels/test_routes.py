"""Routes: how long is usual, what is late, when something arrives, and what is worse than chance."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.canon.parcel import ParcelStatus
from trueup.decisions.parcels.routes import (
    ENOUGH,
    Past,
    Route,
    arrival_of,
    gap_limit_h,
    is_late,
    is_more,
    past_of,
    pasts_of,
    quantile,
)
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


def limit(past: Past) -> float:
    return gap_limit_h(past, usual_h=36, least_h=12, risky_share=0.2)


def test_a_route_that_nobody_knows_has_the_measure_that_is_set() -> None:
    assert limit(Past()) == 36
    assert limit(Past(gaps_h=(5.0,) * (ENOUGH - 1), promised=100)) == 36


def test_a_risky_route_is_asked_about_sooner_and_a_slow_one_later() -> None:
    quick, slow = (20.0,) * 30, (60.0,) * 30
    assert limit(Past(gaps_h=quick, promised=100, late=30)) == 20
    assert limit(Past(gaps_h=(3.0,) * 30, promised=100, late=30)) == 12
    assert limit(Past(gaps_h=slow, promised=100, late=30)) == 36
    assert limit(Past(gaps_h=quick, promised=100, late=1)) == 36
    assert limit(Past(gaps_h=slow, promised=100, late=1)) == 60


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
    assert len(past_of(came[0], pasts).days) == 30
    assert len(past_of(came[-1], pasts).days) == 33
    assert past_of(trip(connection_id=9), pasts) == Past()
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


def test_a_share_rose_where_it_is_more_than_chance() -> None:
    assert is_more((30, 60), (20, 200), by=0.1, sure=3)
    assert not is_more((3, 60), (20, 200), by=0.1, sure=3)
    assert not is_more((5, 20), (20, 200), by=0.1, sure=3), "chance does that"
    assert not is_more((9, 19), (0, 200), by=0.1, sure=3), "too few"
    assert not is_more((60, 60), (60, 60), by=0.0, sure=3)


def test_of_too_few_no_quantile_is_told() -> None:
    assert quantile(LONG[: ENOUGH - 1], 0.5) is None
    assert quantile(LONG, 1.0) == 40
    assert quantile(LONG, 0.9) == 36
