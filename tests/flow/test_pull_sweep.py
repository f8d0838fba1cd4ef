"""Sweeps: what is told late, with a date before the poll's cursor, is read all the same."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from tests.support.outage import Site, Stage, open_stage
from trueup.contract.capability import Resource
from trueup.errors import Refused
from trueup.intake.cursors import read_cursor
from trueup.pull import sweep as sweeping
from trueup.pull.access import Access
from trueup.pull.sweep import INTERVALS_PER_REACH, Swept, reaches_of, sweep
from trueup.sandbox.faults import ApiFault

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


@asynccontextmanager
async def polled(database_url: str) -> AsyncIterator[tuple[Stage, Site, Access]]:
    """Open a hub that has read what there is, and polls on."""
    async with open_stage(database_url) as stage:
        site = await stage.join("klaviyo")
        site.live()
        stage.time.catch_up()
        for _ in range(4):
            await stage.step(300)
        assert site.access is not None
        yield stage, site, site.access


def tell(stage: Stage, site: Site, age: timedelta, name: str = "Told Late") -> str:
    """Let somebody tell the vendor of what happened some time ago; returns the vendor's id."""
    account = site.twin.vendor.account  # type: ignore[attr-defined] - the one of Klaviyo
    profile = next(iter(account.profiles))
    return str(account.record(profile, name, {}, stage.time.now() - age))


async def known(stage: Stage) -> set[str]:
    rows = await stage.rows("SELECT ref FROM records.record WHERE kind = 'activity'")
    return {str(ref) for (ref,) in rows}


async def pass_time(stage: Stage, span: timedelta, step: timedelta) -> None:
    ends_at = stage.time.now() + span
    while stage.time.now() < ends_at:
        await stage.step(step.total_seconds())


@pytest.mark.parametrize("age_h", [30, 72, 24 * 9])
async def test_what_is_told_late_with_an_older_date_is_read(database_url: str, age_h: int) -> None:
    """Within a sixth of its age, as the paper promises; no poll would ever see it."""
    async with polled(database_url) as (stage, site, _):
        ref = tell(stage, site, age_h * HOUR)
        await pass_time(stage, HOUR, HOUR / 6)
        assert ref not in await known(stage), "a poll reads it: the test shows nothing"
        await pass_time(stage, age_h * HOUR / 6, HOUR)
        assert ref in await known(stage)


async def test_what_is_told_after_an_outage_of_what_happened_during_it_is_read(
    database_url: str,
) -> None:
    async with polled(database_url) as (stage, site, _):
        await stage.turn("klaviyo", "503")
        await pass_time(stage, 72 * HOUR, 3 * HOUR)
        await stage.turn("klaviyo", "none")
        await pass_time(stage, 2 * HOUR, HOUR / 6)
        refs = {tell(stage, site, hours * HOUR) for hours in range(2, 72, 10)}
        await pass_time(stage, 12 * HOUR, HOUR)
        assert refs <= await known(stage)


async def test_the_first_look_reads_nothing_because_the_history_is_read_by_backfill(
    database_url: str,
) -> None:
    async with polled(database_url) as (stage, site, access):
        sent = access.caller.calls
        assert await sweep(access, "events") == Swept(resource="events", read=0, fresh=0)
        assert access.caller.calls == sent
        cursor = await read_cursor(access.conn, site.connection_id, "events", "sweep.345600")
        assert cursor is not None
        assert cursor.since_at is not None
        assert cursor.since_at <= stage.time.now() - timedelta(days=4)


async def test_a_sweep_that_was_cut_goes_on_where_it_was(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendor goes away on the second page; the next run begins there and ends the walk."""
    monkeypatch.setattr("trueup.connectors.klaviyo.pull.EVENTS_PAGE", 2)
    async with polled(database_url) as (stage, site, access):
        refs = [tell(stage, site, (30 + n) * HOUR, f"Late {n}") for n in range(7)]
        stage.advance_to(stage.time.now() + 5 * HOUR)
        real, asked = sweeping.walk, list[Any]()

        async def two_pages(*args: Any, **kwargs: Any) -> Any:
            asked.append(kwargs["place"])
            return await real(*args, **kwargs | {"pages_max": 2})

        monkeypatch.setattr(sweeping, "walk", two_pages)
        first = await sweep(access, "events")
        assert (first.read, first.fresh, first.unfinished) == (4, 4, True)
        later = [await sweep(access, "events") for _ in range(3)]
        assert asked[1].page is not None
        assert asked[1].read == 4
        assert later[-1].unfinished is False
        assert sum(each.fresh for each in [first, *later]) == 7
        await stage.apply()
        assert set(refs) <= await known(stage)


async def test_one_run_reads_no_more_than_its_pages(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several reaches are due at once; together they take what one run may."""
    monkeypatch.setattr("trueup.connectors.klaviyo.pull.EVENTS_PAGE", 1)
    monkeypatch.setattr(sweeping, "PAGES_A_RUN", 5)
    async with polled(database_url) as (stage, site, access):
        for n in range(8):
            tell(stage, site, (30 + n) * HOUR, f"Late {n}")
        stage.advance_to(stage.time.now() + 20 * HOUR)
        await stage.apply()
        sent = access.caller.calls
        swept = await sweep(access, "events")
        assert (swept.read, swept.unfinished) == (5, True)
        assert access.caller.calls - sent == 5


async def test_a_vendor_that_refuses_is_asked_again_later_and_nothing_is_taken_for_read(
    database_url: str,
) -> None:
    async with polled(database_url) as (stage, site, access):
        ref = tell(stage, site, 50 * HOUR)
        stage.advance_to(stage.time.now() + 5 * HOUR)
        before = await read_cursor(access.conn, site.connection_id, "events", "sweep.345600")
        fault = ApiFault(kind="status", status=403, next_calls=1)
        site.twin.vendor.strike(fault)  # type: ignore[attr-defined] - the one of Klaviyo
        with pytest.raises(Refused):
            await sweep(access, "events")
        after = await read_cursor(access.conn, site.connection_id, "events", "sweep.345600")
        assert after == before
        assert (await sweep(access, "events")).fresh == 1
        await stage.apply()
        assert ref in await known(stage)


async def test_only_what_the_manifest_declares_is_swept(database_url: str) -> None:
    async with polled(database_url) as (stage, site, _):
        await pass_time(stage, 6 * HOUR, HOUR)
        duties = await stage.rows(
            "SELECT name FROM intake.duty WHERE connection_id = %s AND name LIKE 'sweep.%%'",
            site.connection_id,
        )
        assert duties == [("sweep.events",)]


def resource(**fields: Any) -> Resource:
    known: dict[str, Any] = {"resource": "events", "page_size_max": 100, "interval_s": 300}
    return Resource(**known | {"cursor": "at", "overlap_s": 3600} | fields)


def test_each_reach_is_four_times_the_one_before_and_the_last_is_what_is_declared() -> None:
    hours = [reach.reach_s // 3600 for reach in reaches_of(resource(backdated_s=100 * 3600))]
    assert hours == [4, 16, 64, 100]
    assert reaches_of(resource()) == []


def test_a_reach_is_read_as_rarely_as_it_is_deep() -> None:
    for reach in reaches_of(resource(backdated_s=365 * 86_400)):
        assert reach.interval_s == max(300, reach.reach_s / INTERVALS_PER_REACH)
