"""Exceptions: one row a difference, closed by the run that no longer finds it, and whose it is."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from trueup.contract.loader import find_connectors
from trueup.db.pool import connect
from trueup.errors import ConfigError
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.kernel.clock import ManualClock
from trueup.reconcile.checks import Check, run_checks
from trueup.reconcile.exceptions import (
    Change,
    Noted,
    Seen,
    State,
    Wanted,
    change_exception,
    count_exceptions,
    find_exception,
    list_exceptions,
    list_runs,
    note_reports,
    sum_exceptions,
)
from trueup.reconcile.report import Discrepancy, Report
from trueup.reconcile.watch import Watch

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def off(
    amount: str = "-5.00", cause: str = "missing_payment", ref: str = "north/order/1"
) -> Discrepancy:
    return Discrepancy(
        cause=cause,
        amount=Decimal(amount),
        currency="EUR",
        left_ref=ref,
        right_ref=None,
        evidence=("no payment names the order",),
    )


def report(*found: Discrepancy, check: str = "orders") -> dict[str, Report]:
    told = Report(check=check, left=9, right=9, matched=9 - len(found), discrepancies=found)
    return {check: told}


async def standing(conn: Any, **more: Any) -> list[tuple[str, str, str]]:
    rows = await list_exceptions(conn, Wanted(**more))
    return [(row["cause"], str(row["amount"]), row["state"]) for row in rows]


async def test_one_row_stands_for_a_difference_however_often_it_is_found(
    database_url: str,
) -> None:
    async with await connect(database_url, application_name="test") as conn:
        found = report(off(), off("-1.00", "unexplained", "north/order/2"))
        assert await note_reports(conn, found, NOW) == Noted(standing=2, closed=0)
        assert await note_reports(conn, found, NOW + DAY) == Noted(standing=2, closed=0)
        assert await standing(conn) == [
            ("unexplained", "-1.00", "open"),
            ("missing_payment", "-5.00", "open"),
        ]
        [row] = await list_exceptions(conn, Wanted(check="orders"), count=1)
        assert (row["opened_at"], row["seen_at"]) == (NOW, NOW + DAY)
        runs = await list_runs(conn, check="orders")
        assert [(run["differing"], run["unexplained"]) for run in runs] == [(2, 1), (2, 1)]


async def test_what_is_no_longer_found_is_closed_and_opens_anew_when_it_is_back(
    database_url: str,
) -> None:
    async with await connect(database_url, application_name="test") as conn:
        await note_reports(conn, report(off()), NOW)
        await note_reports(conn, report(off(), check="payments"), NOW)
        assert await note_reports(conn, report(), NOW + DAY) == Noted(standing=0, closed=1)
        assert len(await standing(conn)) == 1, "what another check found stands"
        [closed] = await list_exceptions(conn, Wanted(closed=True))
        assert closed["closed_at"] == NOW + DAY
        with pytest.raises(ConfigError, match="no open exception"):
            await change_exception(conn, closed["exception_id"], NOW, Change(by="ada", owner="ada"))
        await note_reports(conn, report(off()), NOW + 2 * DAY)
        [row] = await list_exceptions(conn, Wanted(check="orders"))
        assert (row["opened_at"], row["exception_id"]) == (NOW + 2 * DAY, closed["exception_id"])


async def test_somebody_owns_it_and_what_they_say_is_kept(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        await note_reports(conn, report(off()), NOW)
        [row] = await list_exceptions(conn)
        number = row["exception_id"]
        await change_exception(
            conn, number, NOW, Change(by="ada", owner="bo", comment="ask the bank")
        )
        await change_exception(conn, number, NOW + DAY, Change(by="bo", state=State.ACCEPTED))
        row, notes = await find_exception(conn, number)
        assert (row["owner"], row["state"]) == ("bo", "accepted")
        assert [(note["noted_by"], note["did"], note["comment"]) for note in notes] == [
            ("ada", "owner: bo", "ask the bank"),
            ("bo", "accepted", ""),
        ]
        await note_reports(conn, report(off()), NOW + DAY)
        assert await standing(conn, owner="bo", state=State.ACCEPTED) != []
        await note_reports(conn, report(off("-7.00")), NOW + 2 * DAY)
        assert await standing(conn) == [("missing_payment", "-7.00", "open")], "another amount"
        with pytest.raises(ConfigError, match="no open exception 99"):
            await find_exception(conn, 99)
        with pytest.raises(psycopg.errors.RestrictViolation):
            await conn.execute("DELETE FROM reconcile.exception_note")


async def test_whoever_decides_second_is_told_and_a_form_that_comes_twice_counts_once(
    database_url: str,
) -> None:
    async with (
        await connect(database_url, application_name="test") as conn,
        await connect(database_url, application_name="other") as other,
    ):
        await note_reports(conn, report(off()), NOW)
        [row] = await list_exceptions(conn)
        number = row["exception_id"]
        seen = Seen(note_id=0, state=State.OPEN, amount=Decimal("-5.00"))
        answers = await asyncio.gather(
            *(
                change_exception(each, number, NOW, Change(by=by, owner=by, key=by, seen=seen))
                for each, by in ((conn, "ada"), (other, "bo"))
            ),
            return_exceptions=True,
        )
        [refused] = [each for each in answers if isinstance(each, ConfigError)]
        row, notes = await find_exception(conn, number)
        first = row["owner"]
        assert [(note["noted_by"], note["did"]) for note in notes] == [(first, f"owner: {first}")]
        assert f"Nothing was changed: {first} was here first" in refused.message
        again = Change(by=first, owner=first, key=first, seen=seen)
        assert not await change_exception(conn, number, NOW, again), "the same form"
        # Words need no decision, so both are kept.
        assert await change_exception(conn, number, NOW, Change(by="cy", comment="hm", seen=seen))
        _, notes = await find_exception(conn, number)
        assert [note["comment"] for note in notes] == ["", "hm"]


async def test_what_became_another_amount_is_not_accepted_by_its_old_one(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        await note_reports(conn, report(off()), NOW)
        [row] = await list_exceptions(conn)
        seen = Seen(note_id=0, state=State.OPEN, amount=row["amount"])
        await note_reports(conn, report(off("-7.00")), NOW + DAY)
        accept = Change(by="ada", state=State.ACCEPTED, seen=seen)
        with pytest.raises(ConfigError, match=r"it is -7\.00 by now, and was -5\.00"):
            await change_exception(conn, row["exception_id"], NOW, accept)
        assert await standing(conn) == [("missing_payment", "-7.00", "open")]
        waiting = Change(by="ada", state=State.WAITING)
        await change_exception(conn, row["exception_id"], NOW, waiting)
        await note_reports(conn, report(), NOW + 2 * DAY)
        await note_reports(conn, report(off("-7.00")), NOW + 3 * DAY)
        _, [note] = await find_exception(conn, row["exception_id"])
        old = Seen(note_id=note["note_id"], state=State.WAITING, amount=Decimal("-7.00"))
        with pytest.raises(ConfigError, match="a check found it again, and it is open"):
            await change_exception(
                conn, row["exception_id"], NOW, Change(by="ada", owner="ada", seen=old)
            )


async def test_what_stands_is_summed_by_currency_and_age_and_counted(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        units = Discrepancy(cause="oversold", amount=-3, left_ref="sku/A", right_ref=None)
        await note_reports(conn, report(off("-1.25"), units), NOW - 40 * DAY)
        late = off("9.00", "unexplained", "north/order/2")
        await note_reports(conn, report(off("-1.25"), units, late), NOW - 2 * DAY)
        sums = await sum_exceptions(conn, Wanted(), NOW)
        names = ("currency", "age", "standing", "amount", "unexplained_amount")
        assert [tuple(str(row[name]) for name in names) for row in sums] == [
            ("EUR", "1", "1", "9.00", "9.00"),
            ("EUR", "4", "1", "1.25", "0"),
            ("None", "4", "1", "3", "0"),
        ]
        [row, *_] = await list_exceptions(conn)
        await change_exception(conn, row["exception_id"], NOW, Change(by="ada", owner="ada"))
        counts = await count_exceptions(conn)
        assert counts["owner"] == {"": 2, "ada": 1}
        assert counts["currency"] == {"": 1, "EUR": 2}
        assert await standing(conn, currency="") == [("oversold", "-3", "open")]
        assert await standing(conn, owner="ada", currency="EUR") == [
            ("unexplained", "9.00", "open")
        ]
        assert len(await list_exceptions(conn, count=1, skip=1)) == 1
        await change_exception(conn, row["exception_id"], NOW, Change(by="ada", owner=""))
        assert len(await standing(conn, owner="")) == 3
        assert await sum_exceptions(conn, Wanted(closed=True), NOW) == []


async def test_what_ends_by_itself_waits_for_nobody(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        noted = await note_reports(conn, report(off(cause="timing")), NOW)
        assert (noted.standing, await standing(conn)) == (0, [])


async def test_two_rows_of_one_name_are_one_exception_of_both(database_url: str) -> None:
    async with await connect(database_url, application_name="test") as conn:
        await note_reports(conn, report(off(), off("-2.50")), NOW)
        assert await standing(conn) == [("missing_payment", "-7.50", "open")]


async def test_the_watch_looks_every_night_and_a_failure_is_tried_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(NOW - timedelta(hours=1))
    hub = Hub(Vault(bytes(range(32))), find_connectors())
    watch = Watch(hub, clock=clock)
    async with await connect(database_url, application_name="test") as conn:
        assert await watch.step(conn), "it never ran"
        assert not await watch.step(conn)
        clock.advance(seconds=3600)
        assert await watch.step(conn), "it is four"
        runs = await list_runs(conn, check="orders")
        assert [run["ran_at"] for run in runs] == [NOW, NOW - timedelta(hours=1)]

        async def broken(*asked: object) -> dict[Check, Report]:
            if Check.SKUS in asked:
                raise ValueError("a bug")
            return await run_checks(*asked)  # type: ignore[arg-type]

        clock.advance(days=1)
        monkeypatch.setattr("trueup.reconcile.watch.run_checks", broken)
        assert await watch.step(conn)
        assert not await watch.step(conn), "not at once"
        kept = [run["check_name"] for run in await list_runs(conn) if run["ran_at"] == clock.now()]
        assert set(kept) == {each.value for each in Check} - {"skus"}, "the others are kept"
        monkeypatch.undo()
        clock.advance(seconds=1801)
        assert await watch.step(conn)
