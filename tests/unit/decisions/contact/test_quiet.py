"""Goal: nobody is written to in their quiet hours, on any clock, on the days it is changed too.

Method: Hypothesis draws instants, zones and hours; every answer is held beside a look at each minute.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.decisions.contact.quiet import Quiet

NIGHT = (time(21), time(9))
ZONES = (
    *("Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Kolkata", "UTC"),
    *("Australia/Lord_Howe", "America/St_Johns", "Pacific/Chatham", "Africa/Casablanca"),
)
MINUTE = timedelta(minutes=1)
# Around changes of clocks half of the time, where mistakes are.
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 10, tzinfo=UTC),
    datetime(2026, 11, 1, 9, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
]
instants = st.one_of(
    st.integers(0, 3 * 365 * 24 * 60).map(
        lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    st.builds(
        lambda at, minutes: at + timedelta(minutes=minutes),
        st.sampled_from(CHANGES),
        st.integers(-1600, 1600),
    ),
).map(lambda at: at.replace(second=0, microsecond=0))
marks = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))


def is_quiet(at: datetime, hours: tuple[time, time], zones: Sequence[str]) -> bool:
    """Tell it as a person would, looking at each clock."""
    since, until = hours
    for zone in zones:
        clock = at.astimezone(ZoneInfo(zone)).time()
        inside = since <= clock < until if since <= until else clock >= since or clock < until
        if inside:
            return True
    return False


@given(at=instants, since=marks, until=marks, zone=st.sampled_from(ZONES))
def test_it_turns_in_the_very_minute_on_every_clock(
    at: datetime, since: time, until: time, zone: str
) -> None:
    hours, quiet = (since, until), Quiet((since, until), [ZoneInfo(zone)])
    if since == until:
        assert (quiet.holds(at), quiet.begins(at), quiet.ends(at)) == (False, None, at)
        return
    assert quiet.holds(at) is is_quiet(at, hours, [zone])
    begins, ends = quiet.begins(at), quiet.ends(at)
    for found, wanted in ((begins, True), (ends, False)):
        assert found is not None
        step = at
        while is_quiet(step, hours, [zone]) is not wanted:
            step += MINUTE
        assert found == step


@given(at=instants, zones=st.lists(st.sampled_from(ZONES[:5]), min_size=1, max_size=3))
def test_who_may_be_in_several_zones_is_written_to_when_it_is_day_in_all(
    at: datetime, zones: list[str]
) -> None:
    quiet = Quiet(NIGHT, [ZoneInfo(zone) for zone in zones])
    ends, begins = quiet.ends(at), quiet.begins(at)
    if ends is None:
        step = at
        while step < at + timedelta(days=1):
            assert is_quiet(step, NIGHT, zones)
            step += timedelta(minutes=15)
        return
    assert not is_quiet(ends, NIGHT, zones)
    assert begins is not None
    assert begins == at or not is_quiet(begins - MINUTE, NIGHT, zones)


def test_where_no_hour_fits_there_is_none() -> None:
    apart = [ZoneInfo("Pacific/Honolulu"), ZoneInfo("Asia/Tokyo"), ZoneInfo("Europe/Berlin")]
    assert Quiet(NIGHT, apart).ends(datetime(2026, 6, 1, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("at", "ends"),
    [
        # The night in which an hour is missing, and the one in which it comes twice.
        ("2026-03-29T00:30:00+01:00", "2026-03-29T09:00:00+02:00"),
        ("2026-10-25T00:30:00+02:00", "2026-10-25T09:00:00+01:00"),
        ("2026-06-01T20:59:59+02:00", "2026-06-01T20:59:59+02:00"),
        ("2026-06-01T21:00:00+02:00", "2026-06-02T09:00:00+02:00"),
    ],
)
def test_nights_in_berlin(at: str, ends: str) -> None:
    quiet = Quiet(NIGHT, [ZoneInfo("Europe/Berlin")])
    assert quiet.ends(datetime.fromisoformat(at)) == datetime.fromisoformat(ends)
