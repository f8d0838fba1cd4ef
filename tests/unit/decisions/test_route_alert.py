"""The rule that tells of routes: worse than its own past, told once a bad time."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.unit.models.test_arrivals_past import ZONE, trip
from trueup.canon.parcel import ParcelStatus
from trueup.decisions.blanks.alert import Alert
from trueup.decisions.model import Facts, digest_of
from trueup.decisions.rules.route_alert import (
    RULE,
    RouteSettings,
    RouteValues,
    episode_of,
    histories_of,
    propose,
    standing_of,
)
from trueup.models.arrivals.route import Route
from trueup.records.trips import Trip

SETTINGS = RouteSettings()
TODAY = date(2026, 6, 1)
ROUTE = Route(connection_id=2, carrier="DHL", service="Paket", origin="Leipzig")


def came(promised_on: date, days_late: int = 0, gap_h: int = 10) -> Trip:
    """Return a parcel that came so many days after its promise."""
    at = datetime.combine(promised_on, datetime.min.time(), UTC) + timedelta(
        days=days_late, hours=9
    )
    return trip(
        status=ParcelStatus.DELIVERED,
        promised_on=promised_on,
        shipped_at=at - timedelta(days=3),
        delivered_at=at,
        scanned_at=at,
        gap_s_max=3600 * gap_h,
    )


def months(bad_days: int = 0, *, until: date = TODAY) -> list[Trip]:
    """Return ten parcels a day, one of them late; of the last days six."""
    found = []
    for back in range(1, 80):
        on = until - timedelta(days=back)
        late = 6 if back <= bad_days else 1
        found += [came(on, days_late=int(n < late)) for n in range(10)]
    return found


def standing(trips: list[Trip], on: date = TODAY - timedelta(days=1)) -> RouteValues | None:
    return standing_of(ROUTE, histories_of(trips, TODAY, ZONE)[ROUTE], on, SETTINGS)


def test_a_route_that_does_as_it_did_is_not_told_of() -> None:
    assert standing(months()) is None


def test_a_route_that_got_worse_is_told_with_figures() -> None:
    values = standing(months(4))
    assert values is not None
    assert values.late.newer == (4 * 6 + 3 * 1, 70)
    assert TODAY - timedelta(days=4) <= values.bad_since < TODAY
    proposal = propose(Facts(subject=ROUTE.ref, episode="x", values=values), SETTINGS)
    [action] = proposal.actions
    assert isinstance(action.content, Alert)
    assert action.content.text == (
        f"DHL Paket from Leipzig has done worse since {values.bad_since}: 27 of 70 parcels came "
        "after the day promised (39 %), and 10 % before."
    )
    assert proposal.effect is not None
    assert proposal.effect.without > proposal.effect.within


def test_parcels_that_never_came_count_as_late() -> None:
    lost = [trip(promised_on=TODAY - timedelta(days=n)) for n in (1, 2, 3) for _ in range(8)]
    values = standing([*months(), *lost])
    assert values is not None
    assert values.late.newer == (7 + 24, 94)


def test_silence_is_told_of_too() -> None:
    trips = [came(each.promised_on, 0) for each in months() if each.promised_on is not None]
    week = TODAY - timedelta(days=7)
    slow = [
        came(each.promised_on, 0, 50 if each.promised_on >= week and n % 2 else 10)
        for n, each in enumerate(trips)
        if each.promised_on is not None
    ]
    values = standing(slow)
    assert values is not None
    text = propose(Facts(subject="r", episode="x", values=values), SETTINGS).reason
    assert "were silent for more than 10 hours (50 %), and 0 % before" in text


def test_too_few_parcels_say_nothing() -> None:
    few = [came(TODAY - timedelta(days=n), days_late=3) for n in range(1, 6) for _ in range(3)]
    assert standing(few) is None
    assert standing([*few, *months()[120:]]) is None


def test_a_bad_time_has_one_first_day_however_long_it_lasts() -> None:
    trips = months(6, until=TODAY)
    found = {
        values.bad_since
        for back in (1, 2, 3)
        if (values := standing(trips, TODAY - timedelta(days=back))) is not None
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ([], "2026-05-28"),
        (["2026-05-25"], "2026-05-25"),
        (["2026-05-30"], "2026-05-30"),
        (["2026-05-01"], "2026-05-28"),
    ],
)
def test_what_was_told_already_is_the_same_time(told: list[str], named: str) -> None:
    rows = [{"subject": ROUTE.ref, "episode": each} for each in told]
    rows.append({"subject": "route/other", "episode": "2026-05-27"})
    assert episode_of(ROUTE, date(2026, 5, 28), rows) == named


def test_same_facts_same_proposal() -> None:
    one, two = standing(months(4)), standing(list(reversed(months(4))))
    assert one is not None
    assert two is not None
    digests = {
        digest_of(RULE.name, 1, SETTINGS, Facts(subject="r", episode="x", values=each))
        for each in (one, two)
    }
    assert len(digests) == 1
