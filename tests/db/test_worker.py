"""A worker with a backlog works it off over several sessions, and goes on alone afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.support.spine import Spine, open_spine
from trueup import worker as worker_module
from trueup.outbox.wake import Wake
from trueup.worker import Worker

pytestmark = pytest.mark.anyio

_SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'trueup-worker'"
_WAITING = "SELECT count(*) FROM intake.queue"


@asynccontextmanager
async def working(worker: Worker) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def until(spine: Spine, query: str, holds: Callable[[int], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds(await spine.one(query)):  # noqa: ASYNC110 - the database tells of nothing
            await asyncio.sleep(0.01)


async def test_sessions_join_for_a_backlog_and_give_their_shares_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "BEHIND_S", 1.0)
    async with open_spine(database_url) as spine:
        worker = Worker(database_url, spine.hub, sessions=2, batch_events_max=4)
        await spine.append(*(spine.order(n, "TEE") for n in range(400)))
        async with working(worker):
            await until(spine, _SESSIONS, lambda count: count == 2)
            await until(spine, _WAITING, lambda count: count == 0)
            await until(spine, _SESSIONS, lambda count: count == 1)
            # A few of every partition: the one that stayed has all of them again.
            await spine.append(*(spine.order(n, "TEE") for n in range(400, 403)))
            await until(spine, _WAITING, lambda count: count == 0)
        assert worker.applied == 403
        assert (await spine.stock("TEE"))["reserved"] == 403


async def test_a_trickle_is_worked_by_one_session(database_url: str) -> None:
    async with (
        open_spine(database_url) as spine,
        working(Worker(database_url, spine.hub, sessions=3)),
    ):
        for n in range(5):
            await spine.append(spine.order(n, "TEE"))
            await until(spine, _WAITING, lambda count: count == 0)
        assert await spine.one(_SESSIONS) == 1


async def test_lines_hear_where_something_else_shall_stand_now(database_url: str) -> None:
    async with open_spine(database_url, "north", "south") as spine:
        await spine.take(
            spine.product(1, "TEE"),
            spine.product(1, "TEE", name="south"),
            spine.movement("open", "receipt", "TEE", 9),
        )
        await spine.rows("UPDATE outbox.intent SET believed = 9, state = 'settled' RETURNING 1")
        wake = Wake()
        async with working(Worker(database_url, spine.hub, wake=wake)):
            await spine.append(spine.order(1, "TEE", name="north"))
            assert await wake.wait(spine.numbers["south"], at_most_s=20)
            # Its own number went down by its own sale.
            assert not await wake.wait(spine.numbers["north"], at_most_s=0.1)
