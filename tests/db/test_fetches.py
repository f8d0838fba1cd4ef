"""Fetches are taken by one line at a time, and outlive it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.spine import Spine, open_spine
from trueup.db.pool import connect
from trueup.db.queries import load_queries
from trueup.outbox.fetcher import CLAIM_S

pytestmark = pytest.mark.anyio

_queries = load_queries("trueup.outbox")
NORTH = "north"


async def want(spine: Spine, *refs: str) -> None:
    wishes = {
        "connection_ids": [spine.numbers[NORTH]] * len(refs),
        "resources": ["orders"] * len(refs),
        "refs": list(refs),
        "event_ids": list(range(1, len(refs) + 1)),
    }
    await spine.conn.execute(_queries.want_fetches, wishes)


async def claimed(spine: Spine, conn: Any, now: datetime, count: int = 2) -> list[str]:
    values = {
        "connection_id": spine.numbers[NORTH],
        "count": count,
        "claim_s": CLAIM_S,
        "now": now,
    }
    rows = await (await conn.execute(_queries.claim_fetches, values)).fetchall()
    return [ref for _, _, ref, _ in rows]


async def test_two_lines_never_read_the_same(database_url: str) -> None:
    async with (
        open_spine(database_url) as spine,
        await connect(database_url, application_name="test-2") as other,
    ):
        await want(spine, "a", "b", "c")
        [(now,)] = await spine.rows("SELECT now() + interval '1 s'")
        async with spine.conn.transaction(), other.transaction():
            first = await claimed(spine, spine.conn, now)
            second = await claimed(spine, other, now)
        assert (first, second) == (["a", "b"], ["c"])
        assert await claimed(spine, other, now) == []


async def test_what_a_line_that_died_had_taken_is_read_by_another_later(database_url: str) -> None:
    async with open_spine(database_url) as spine:
        await want(spine, "a", "b")
        [(now,)] = await spine.rows("SELECT now() + interval '1 s'")
        assert await claimed(spine, spine.conn, now) == ["a", "b"]
        before, after = (now + timedelta(seconds=CLAIM_S + n) for n in (-1, 1))
        assert await claimed(spine, spine.conn, before) == []
        assert await claimed(spine, spine.conn, after) == ["a", "b"]


async def test_what_a_line_that_died_had_taken_is_read_by_its_successor_at_once(
    database_url: str,
) -> None:
    """Seed 5 of the spine: a returned unit was known two minutes after the process had died."""
    async with open_spine(database_url) as spine:
        await want(spine, "taken", "failed")
        [(now,)] = await spine.rows("SELECT now() + interval '1 s'")
        assert await claimed(spine, spine.conn, now) == ["taken", "failed"]
        [(failed,)] = await spine.rows("SELECT fetch_id FROM outbox.fetch WHERE ref = 'failed'")
        ended = {"fetch_id": failed, "state": "due", "delay_s": 600.0, "failed": True, "now": now}
        await spine.conn.execute(_queries.end_fetch, ended)
        number = {"connection_id": spine.numbers[NORTH], "now": now}
        await spine.conn.execute(_queries.free_fetches, number)
        assert await claimed(spine, spine.conn, now) == ["taken"], "the other waits for its retry"
