"""What is wrong with a parcel, by what its carrier told; and sheets, and small pictures."""

from datetime import UTC, date, datetime, timedelta

import pytest

from trueup.canon.parcel import ParcelStatus
from trueup.console.columns import draw_columns, draw_shares
from trueup.console.draw import Bar
from trueup.console.sheet import sheet
from trueup.console.shipments_page import Trouble, judge
from trueup.records.trips import Trip

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def trip(**told: object) -> Trip:
    facts: dict[str, object] = dict.fromkeys(Trip.__struct_fields__)
    facts |= {"record_id": 1, "connection_id": 1, "status": ParcelStatus.IN_TRANSIT}
    facts |= {"attempts": 0, "returning": False, "scanned_at": NOW - timedelta(hours=1)}
    return Trip(**(facts | told))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "trouble", "late_days"),
    [
        ({}, Trouble.NONE, 0),
        ({"promised_on": date(2026, 3, 10)}, Trouble.NONE, 0),
        ({"promised_on": date(2026, 3, 8), "expected_on": date(2026, 3, 12)}, Trouble.LATE, 2),
        ({"expected_on": date(2026, 3, 9)}, Trouble.LATE, 1),
        ({"scanned_at": NOW - timedelta(hours=36)}, Trouble.SILENT, 0),
        ({"scanned_at": NOW - timedelta(hours=35)}, Trouble.NONE, 0),
        ({"scanned_at": None}, Trouble.NONE, 0),
        (
            {"status": ParcelStatus.HELD, "scanned_at": NOW - timedelta(days=9)},
            Trouble.STUCK,
            0,
        ),
        ({"status": ParcelStatus.ATTEMPT_FAILED, "attempts": 1}, Trouble.STUCK, 0),
        ({"returning": True}, Trouble.RETURNING, 0),
        ({"status": ParcelStatus.LOST, "returning": True}, Trouble.LOST, 0),
        ({"status": ParcelStatus.CREATED, "scanned_at": None}, Trouble.NONE, 0),
    ],
)
def test_the_worst_that_is_told_counts(
    told: dict[str, object], trouble: Trouble, late_days: int
) -> None:
    way = judge(trip(**told), NOW)
    assert (way.trouble, way.late_days) == (trouble, late_days)


def test_a_sheet_runs_nothing_and_keeps_numbers() -> None:
    rows = [("=1+1", -3, None, "@x"), ('say "hi"', 2, "a,b", "-x")]
    text = sheet("things", ("a", "b", "c", "d"), rows).content
    assert text.splitlines() == [
        "a,b,c,d",
        "'=1+1,-3,,'@x",
        '"say ""hi""",2,"a,b",\'-x',
    ]


def test_small_pictures_show_what_is_there() -> None:
    assert draw_columns([]) == draw_columns([Bar(label="x", value=0)]) == draw_shares([]) == ""
    bars = [Bar(label="<a>", value=1), Bar(label="b", value=0), Bar(label="c", value=1000)]
    drawn = draw_columns(bars)
    assert drawn.count("<rect") == 3
    assert "<title>&lt;a&gt;: 1</title>" in drawn
    assert 'height="1.5"' in drawn, "one of a thousand is seen"
    assert draw_shares(bars).count("<title>") == 3
