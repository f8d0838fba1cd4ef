"""The stream tells what changed and no more; it is bounded, and says plainly when it is blind."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.console.site import Site
from trueup.api.guard import SESSION_COOKIE
from trueup.console.live import READERS_MAX, Live, live_rows, live_values
from trueup.console.readings import Readings
from trueup.console.today import TodayDesk
from trueup.db.pool import connect, open_pool

pytestmark = pytest.mark.anyio


def _read(text: str) -> tuple[str, dict]:
    lines = dict(line.split(": ", 1) for line in text.strip().splitlines())
    return lines["event"], json.loads(lines["data"])


async def _messages(stream: AsyncIterator[str]) -> AsyncIterator[tuple[str, dict]]:
    async for text in stream:
        if text.startswith("event:"):
            yield _read(text)


async def test_first_all_then_only_what_changed(database_url: str) -> None:
    live = Live(TodayDesk(Readings()))
    async with open_pool(database_url, application_name="live") as pool:
        stream = live.stream(pool)
        messages = _messages(stream)
        name, first = await anext(messages)
        assert name == "now"
        assert first["values"]["counter.events"] == "0"
        assert set(first["rows"]) == {"feed", "orders", "stock", "low", "attention"}
        async with await connect(database_url, application_name="test") as conn:
            await conn.execute(
                "INSERT INTO intake.issue (code, severity) VALUES ('test.code', 'warning')"
            )
        for _ in range(5):
            name, later = await anext(messages)
            if "issues.test.code" in later["rows"]["attention"]:
                break
        assert later["values"]["issues.test.code.issues"] == "1"
        assert "counter.events" not in later["values"]
        await stream.aclose()


async def test_one_poller_serves_all_and_rests_when_nobody_looks(database_url: str) -> None:
    live = Live(TodayDesk(Readings()))
    async with open_pool(database_url, application_name="live") as pool:
        streams = [live.stream(pool) for _ in range(10)]
        await asyncio.gather(*(anext(_messages(stream)) for stream in streams))
        assert pool.get_stats()["requests_num"] <= 2, "each reader polls on its own"
        poller = live._task
        assert poller is not None
        for stream in streams:
            await stream.aclose()
        await asyncio.wait_for(poller, 5)
        assert not live.full


async def test_a_database_that_is_away_is_said(database_url: str) -> None:
    live = Live(TodayDesk(Readings()))
    pool = open_pool(database_url, application_name="live")
    await pool.open()
    stream = live.stream(pool)
    messages = _messages(stream)
    assert (await anext(messages))[0] == "now"
    await pool.close()
    for _ in range(3):
        name, content = await anext(messages)
        if name == "away":
            break
    assert name == "away"
    assert content["message"].startswith("The database does not answer")
    await stream.aclose()


async def test_readers_are_bounded(bare_site: Site) -> None:
    """The one too many is told to come back, and a place that gets free is given again."""
    cookie = {"Cookie": f"{SESSION_COOKIE}={bare_site.session()}"}
    async with httpx.AsyncClient(base_url=bare_site.url, timeout=5, headers=cookie) as client:
        held = []
        for _ in range(READERS_MAX):
            reply = await client.send(client.build_request("GET", "/live"), stream=True)
            assert reply.status_code == 200
            assert reply.headers["content-type"].startswith("text/event-stream")
            assert reply.headers["cache-control"] == "no-store"
            chunks = reply.aiter_bytes()  # kept: httpx hangs up when it is collected
            await anext(chunks)
            held.append((reply, chunks))
        refused = await client.get("/live")
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "60"
        for reply, chunks in held:
            await chunks.aclose()
            await reply.aclose()
        assert await _status_of_live(client) == 200


async def _status_of_live(client: httpx.AsyncClient) -> int:
    """Return how the stream answers once the server has seen that others hung up."""
    for _ in range(50):
        reply = await client.send(client.build_request("GET", "/live"), stream=True)
        await reply.aclose()
        if reply.status_code == 200:
            break
        await asyncio.sleep(0.1)
    return reply.status_code


async def test_every_live_place_of_the_page_has_a_value(site: Site) -> None:
    """What the stream names and what the page shows are the same keys."""
    import re
    from html import unescape

    async with await connect(site.dsn, application_name="test") as conn:
        today = await TodayDesk(Readings()).read(conn)
    with site.reader() as client:
        page = client.get("/today").text
    keys = {unescape(key) for key in re.findall(r'data-live="([^"]*)"', page)}
    assert keys - set(live_values(today)) == set()
    rows = {unescape(key) for key in re.findall(r'data-row="([^"]*)"', page)}
    assert rows == {key for part in live_rows(today).values() for key in part}


async def test_the_stream_writes_numbers_as_its_reader_reads_them(site: Site) -> None:
    """Two readers of one poller, each in their own manner."""
    told = {}
    for name, numbers in (("Pia", "1.234.567,89"), ("Ada", "")):
        secret = site.session(name)
        async with await connect(site.dsn, application_name="test") as conn:
            await conn.execute(
                "UPDATE access.member SET numbers = %s WHERE name = %s", (numbers, name)
            )
        cookies = {"Cookie": f"{SESSION_COOKIE}={secret}"}
        async with (
            httpx.AsyncClient(base_url=site.url, headers=cookies, timeout=30) as client,
            client.stream("GET", "/live") as reply,
        ):
            blocks = reply.aiter_text()
            text = ""
            while "event: now" not in text or not text.endswith("\n\n"):
                text += await anext(blocks)
            told[name] = _read(text[text.index("event: now") :])[1]["values"]
    totals = [key for key in told["Ada"] if key.endswith(".total")]
    assert totals
    for key in totals:
        english = told["Ada"][key]
        assert "." in english
        assert told["Pia"][key] == english.translate(str.maketrans(",.", ".,"))
