"""How far a history is, by cursors and duties alone."""

from datetime import UTC, datetime, timedelta

import msgspec

from trueup.intake.cursors import PullCursor
from trueup.intake.duties import Duty
from trueup.pull.progress import Progress, Stage, is_scheduled, progress_of
from trueup.pull.walk import Place

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
PLACE = msgspec.json.encode(Place(began_at=NOW, page="p2", read=50, pages=1)).decode()


def duty(name: str, **told: object) -> Duty:
    return msgspec.convert({"connection_id": 1, "name": name, "due_at": NOW} | told, Duty)


def test_each_stage_is_told_from_its_cursor_and_its_duty() -> None:
    cursors = {
        "orders": PullCursor(position=PLACE, done=50, expected=200),
        "products": PullCursor(done=7, expected=9, finished_at=NOW),
        "customers": PullCursor(done=3),
        "levels": PullCursor(bulk_ref="b/1"),
        "returns": PullCursor(bulk_ref="b/2", done=4, expected=4),
    }
    duties = {"backfill.customers": duty("backfill.customers", failures=2, reason="it is away")}
    found = {each.resource: each for each in progress_of([*cursors, "payouts"], cursors, duties)}
    assert {name: each.stage for name, each in found.items()} == {
        "orders": Stage.READING,
        "products": Stage.DONE,
        "customers": Stage.FAILING,
        "levels": Stage.PREPARING,
        "returns": Stage.READING,
        "payouts": Stage.WAITING,
    }
    assert found["orders"].share == 0.25
    assert found["products"].share == 1.0, "what the vendor counts besides is an issue of its own"
    assert found["customers"].share is None, "nobody knows how many there are"
    assert (found["customers"].why, found["customers"].again_at) == ("it is away", NOW)


def test_a_finished_history_is_not_running_whatever_failed_since() -> None:
    done = {"orders": PullCursor(done=1, finished_at=NOW)}
    failed = {"backfill.orders": duty("backfill.orders", failures=1, reason="later")}
    assert not Progress(resources=progress_of(["orders"], done, failed), scheduled=True).running


def test_more_than_was_expected_is_no_more_than_all() -> None:
    (one,) = progress_of(["orders"], {"orders": PullCursor(done=30, expected=20)}, {})
    assert one.share == 1.0


def test_who_was_silent_for_a_minute_schedules_no_more() -> None:
    lately, long_ago = NOW - timedelta(seconds=5), NOW - timedelta(seconds=61)
    assert is_scheduled([duty("a", done_at=long_ago), duty("b", failed_at=lately)], NOW)
    assert not is_scheduled([duty("a", done_at=long_ago)], NOW)
    assert not is_scheduled([], NOW)
