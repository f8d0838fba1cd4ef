"""Goal: a field that is new, gone or of another kind is an issue, once, with an example.

Method: bodies of a topic through the watch into a real database.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import psycopg
import pytest

from tests.support.spine import open_spine
from trueup.intake.drift import LEARN_BODIES, MISSING_BODIES, Drift, DriftWatch

pytestmark = pytest.mark.anyio

Conn = psycopg.AsyncConnection[Any]


class Vendor:
    """Sends bodies of one topic through a watch, each flush on its own."""

    def __init__(self, conn: Conn, reads: tuple[str, ...] = ()) -> None:
        self.conn = conn
        self.reads = reads
        self.sent = 0
        self.at_s = 0.0

    async def send(self, body: object, times: int = 1) -> list[Drift]:
        watch = DriftWatch(looks_per_s=1_000_000)
        for _ in range(times):
            self.sent += 1
            watch.look(7, "orders", self.sent, msgspec.json.encode(body))
        return await watch.flush(self.conn, self._reader, str, now_s=0.0)

    def _reader(self, _: int, path: str) -> str | None:
        return "shape.py:1" if path in self.reads else None


@asynccontextmanager
async def vendor(url: str, *reads: str) -> AsyncIterator[Vendor]:
    async with open_spine(url, "north") as spine:
        yield Vendor(spine.conn, reads)


async def issues(conn: Conn) -> list[tuple[str, str, str, bool]]:
    cursor = await conn.execute(
        "SELECT code, severity, pointer, closed_at IS NULL FROM intake.issue ORDER BY issue_id"
    )
    return [tuple(row) for row in await cursor.fetchall()]


async def test_the_first_bodies_teach_and_a_later_field_is_new(database_url: str) -> None:
    async with vendor(database_url) as shop:
        assert await shop.send({"id": 1}, LEARN_BODIES) == []
        assert await shop.send({"id": 1, "shade": {"hue": 3, "tint": 4}}) != []
        assert await issues(shop.conn) == [("drift.field_new", "note", "$.shade", True)]
        assert await shop.send({"id": 1, "shade": {"hue": 3, "tint": 4}}) == []


async def test_a_rare_field_that_the_connector_reads_is_no_surprise(database_url: str) -> None:
    async with vendor(database_url, "$.refunds") as shop:
        await shop.send({"id": 1}, LEARN_BODIES)
        assert await shop.send({"id": 1, "refunds": [{"id": 5}]}) == []
        assert await issues(shop.conn) == []


async def test_another_kind_is_a_warning_with_the_line_that_reads_it(database_url: str) -> None:
    async with vendor(database_url, "$.total") as shop:
        await shop.send({"total": "1.00", "note": None}, LEARN_BODIES)
        (drift,) = await shop.send({"total": 1.0, "note": "first words"})
        assert (drift.change, drift.expected, drift.found) == ("retyped", "text", "number")
        assert await issues(shop.conn) == [("drift.field_retyped", "warning", "$.total", True)]
        assert await shop.send({"total": 2.0, "note": None}) == []


async def test_a_field_that_went_is_missed_and_may_come_back(database_url: str) -> None:
    async with vendor(database_url, "$.total") as shop:
        await shop.send({"id": 1, "total": "1.00"}, LEARN_BODIES)
        assert await shop.send({"id": 1}, MISSING_BODIES - 1) == []
        (drift,) = await shop.send({"id": 1})
        assert (drift.change, drift.path, drift.event_id) == ("missing", "$.total", LEARN_BODIES)
        assert await shop.send({"id": 1}) == []
        await shop.send({"id": 1, "total": "1.00"})
        assert await issues(shop.conn) == [("drift.field_missing", "warning", "$.total", False)]


async def test_a_field_that_was_only_sometimes_there_is_not_missed(database_url: str) -> None:
    async with vendor(database_url) as shop:
        for n in range(LEARN_BODIES):
            await shop.send({"id": 1} | ({"note": "x"} if n % 2 else {}))
        assert await shop.send({"id": 1}, MISSING_BODIES * 2) == []


async def test_a_busy_topic_is_sampled(database_url: str) -> None:
    async with vendor(database_url) as shop:
        watch = DriftWatch(looks_per_s=5)
        for n in range(2_000):
            watch.look(7, "orders", n, b'{"id":1}')
        await watch.flush(shop.conn, lambda *_: None, str)
        cursor = await shop.conn.execute("SELECT bodies FROM intake.body_shape")
        ((bodies,),) = await cursor.fetchall()
        assert 5 <= bodies <= 10
