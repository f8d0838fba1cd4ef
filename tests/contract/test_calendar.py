"""The vendors' calendar: what ends is warned of 90 days ahead, and an ended version fails."""

import warnings
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

import trueup
from trueup.cli.doctor import Verdict, judge_calendar
from trueup.contract.calendar import WARNING_DAYS, Entry, Service, calendar_of
from trueup.contract.manifest import Manifest, load_manifest

CONNECTORS = Path(trueup.__file__).parent / "connectors"
SUNSET_ON = date(2027, 7, 1)


def manifest(connector: str, sunset_on: date | None) -> Manifest:
    shopify = load_manifest(CONNECTORS / "shopify" / "manifest.toml")
    api = msgspec.structs.replace(shopify.api, sunset_on=sunset_on)
    return msgspec.structs.replace(shopify, id=connector, api=api)


@pytest.mark.parametrize(
    ("left_days", "service", "verdict"),
    [
        (WARNING_DAYS + 1, Service.SERVED, Verdict.GOOD),
        (WARNING_DAYS, Service.ENDING, Verdict.WARN),
        (1, Service.ENDING, Verdict.WARN),
        (0, Service.ENDING, Verdict.WARN),
        (-1, Service.ENDED, Verdict.BAD),
    ],
)
def test_the_doctor_warns_ninety_days_ahead_and_fails_past_the_end(
    left_days: int, service: Service, verdict: Verdict
) -> None:
    today = SUNSET_ON - timedelta(days=left_days)
    (entry,) = calendar_of([manifest("shopify", SUNSET_ON)], today)
    assert (entry.service, entry.left_days) == (service, left_days)
    (found,) = judge_calendar([manifest("shopify", SUNSET_ON)], today)
    assert (found.check, found.verdict) == ("API of shopify", verdict)
    assert str(SUNSET_ON) in found.found
    assert bool(found.how_to_fix) == (verdict is not Verdict.GOOD)


def test_a_version_without_a_published_end_is_good_and_says_so() -> None:
    (found,) = judge_calendar([manifest("stripe", None)], SUNSET_ON)
    assert (found.verdict, "no end is published" in found.found) == (Verdict.GOOD, True)


def test_what_ends_first_stands_first() -> None:
    ends = {"aa": None, "bb": SUNSET_ON, "cc": SUNSET_ON - timedelta(days=9)}
    told = calendar_of([manifest(name, end) for name, end in ends.items()], SUNSET_ON)
    assert [entry.connector for entry in told] == ["cc", "bb", "aa"]


def entries() -> list[Entry]:
    manifests = [load_manifest(path) for path in sorted(CONNECTORS.glob("*/manifest.toml"))]
    return calendar_of(manifests, datetime.now(UTC).date())


@pytest.mark.filterwarnings("default:the API of")
def test_no_version_that_we_speak_has_ended() -> None:
    """Warn (and do not fail) within 90 days of an end; fail past it."""
    for entry in entries():
        if entry.service is Service.ENDING:
            warnings.warn(f"the API of {entry.connector}: {entry.told}", stacklevel=1)
    assert [entry.told for entry in entries() if entry.service is Service.ENDED] == []
