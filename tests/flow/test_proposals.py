"""Goal: at night only what is proven is booked, and what a person decided stays as they did."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.db.test_bank import keep, line, payout
from tests.db.test_money import stored
from tests.flow.test_matches import left, open_paid
from tests.support.spine import Spine
from trueup.config import load_config
from trueup.errors import ConfigError
from trueup.intake.duties import HUB, find_duty
from trueup.kernel.clock import ManualClock
from trueup.ledger.money_book import prove_money
from trueup.reconcile.bank import look_at_bank
from trueup.reconcile.matches import list_matches, undo_match
from trueup.reconcile.proposals import accept_match, book_proven, is_proven
from trueup.reconcile.watch import DUTY, Watch
from trueup.session import open_session
from trueup.warehouse.book import Desk

pytestmark = pytest.mark.anyio

KEY = datetime(2026, 3, 10, 4, tzinfo=UTC)
"""So early more payouts and lines like those that only amount and day join may still come."""


@pytest.fixture
async def spine(database_url: str) -> AsyncIterator[Spine]:
    async with open_paid(database_url) as opened:
        yield opened


async def held(spine: Spine) -> dict[str, tuple[str, str]]:
    matches = await list_matches(spine.conn)
    return {each.payouts[0].ref: (each.reason.value, each.by) for each in matches}


@pytest.fixture
def night(spine: Spine, monkeypatch: pytest.MonkeyPatch) -> tuple[Watch, ManualClock]:
    async def nothing(*_: Any) -> dict[Any, Any]:
        return {}

    # What the other checks say of these made-up records is tested with them.
    monkeypatch.setattr("trueup.reconcile.watch.run_checks", nothing)
    clock = ManualClock(KEY)
    return Watch(spine.hub, clock=clock), clock


async def test_the_night_books_what_is_proven_and_nothing_unless_it_was_told_to(
    spine: Spine,
    night: tuple[Watch, ManualClock],
) -> None:
    watch, clock = night
    assert await watch.step(spine.conn)
    assert await held(spine) == {}, "off by default"
    spine.hub.books_matches = True
    clock.advance(days=1)
    assert await watch.step(spine.conn)
    assert await held(spine) == {"po-1": ("key", "schedule")}
    clock.advance(days=10)
    assert await watch.step(spine.conn)
    assert await held(spine) == {"po-1": ("key", "schedule")}, "the last day that may bring one"
    clock.advance(days=1)
    assert await watch.step(spine.conn)
    assert await held(spine) == {
        "po-1": ("key", "schedule"),
        "po-2": ("amount_and_date", "schedule"),
    }
    assert {"po-3", "po-7", "po-8", "l-3", "l-7"} == set(await left(spine)), "a person's"
    assert (await prove_money(spine.conn)).holds


async def test_checks_are_run_though_nothing_can_be_booked(
    spine: Spine, night: tuple[Watch, ManualClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any, **__: Any) -> list[Any]:
        raise ValueError("a bug")

    watch, clock = night
    spine.hub.books_matches = True
    monkeypatch.setattr("trueup.reconcile.watch.book_proven", broken)
    assert await watch.step(spine.conn)
    duty = await find_duty(spine.conn, HUB, DUTY)
    assert duty is not None
    assert duty.due_at - clock.now() == timedelta(days=1), "they ran, and not again at once"
    assert await held(spine) == {}


async def test_what_a_person_undid_is_not_booked_again_by_night(
    spine: Spine,
    night: tuple[Watch, ManualClock],
) -> None:
    watch, clock = night
    spine.hub.books_matches = True
    await watch.step(spine.conn)
    [booked] = await list_matches(spine.conn)
    undone = await undo_match(spine.conn, Desk(spine.hub), booked.ref, by="ada")
    assert (undone.record.by, undone.repeated) == ("ada", False)
    assert "po-1" in await left(spine)
    clock.advance(days=1)
    await watch.step(spine.conn)
    assert await held(spine) == {}
    # A person may: what they undid is still proposed to them.
    names = spine.hub.names()
    sides = (["stripe/payout/po-1"], ["stripe/bank_line/l-1"])
    await accept_match(spine.conn, Desk(spine.hub), names, sides, by="ada")
    assert await held(spine) == {"po-1": ("key", "ada")}


async def test_a_payout_that_comes_late_makes_a_day_and_an_amount_ambiguous(
    spine: Spine,
) -> None:
    """What the schedule waits for: had it booked at once, it might have booked the wrong one."""
    names, today = spine.hub.names(), KEY.date()
    look = await look_at_bank(spine.conn, names)
    [by_day] = [each for each in look.found.matches if each.left == ("stripe/payout/po-2",)]
    assert not is_proven(look, by_day, today)
    assert is_proven(look, by_day, today + timedelta(days=12))
    await keep(spine.conn, stored(901, payout("po-late", "50.00", 9), fresh=True))
    await book_proven(spine.conn, Desk(spine.hub), names, today=today + timedelta(days=60))
    assert await held(spine) == {"po-1": ("key", "schedule")}


async def test_who_accepts_late_is_told_and_who_accepts_twice_books_once(
    spine: Spine,
) -> None:
    names, desk = spine.hub.names(), Desk(spine.hub)
    sides = (["stripe/payout/po-2"], ["stripe/bank_line/l-2"])
    booked = await accept_match(spine.conn, desk, names, sides, by="ada")
    again = await accept_match(spine.conn, desk, names, sides, by="bo")
    assert (booked.repeated, again.repeated, again.record.by) == (False, True, "ada")
    await undo_match(spine.conn, desk, booked.record.ref, by="ada")
    twin = stored(902, line("l-twin", "50.00", 7), fresh=True)
    await keep(spine.conn, twin)
    with pytest.raises(ConfigError, match="not proposed any more"):
        await accept_match(spine.conn, desk, names, sides, by="bo")
    assert await held(spine) == {}


async def test_the_configuration_says_whether_matches_are_booked(
    database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "trueup.toml"
    for text, wanted in (("", False), ("[reconcile]\nbook_matches = true\n", True)):
        path.write_text(text)
        session = await open_session(load_config(path, {}), database_url)
        assert session.hub.books_matches is wanted
