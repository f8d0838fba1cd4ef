"""Hostile input over real sockets: never a 5xx, never a lost delivery that was acknowledged."""

import asyncio
import base64
import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from tests.support.spine import SECRET, Spine, open_spine
from trueup.api import hooks
from trueup.api.hooks import HooksApp
from trueup.bench.bodies import order_body
from trueup.db.embedded import EmbeddedServer
from trueup.intake.gateway import Gateway
from trueup.intake.reads import fates_of_events
from trueup.ledger.proof import prove_ledger

pytestmark = pytest.mark.anyio

BODY_BYTES_MAX = 2_000_000
GOOD = order_body(1, skus=("TEE", "CAP"))


def sign(body: bytes, secret: str = SECRET) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def headers(body: bytes, topic: str = "orders/create", **more: str) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "x-shopify-topic": topic,
        "x-shopify-hmac-sha256": sign(body),
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


class Door:
    """The hub's door on a port of its own."""

    def __init__(self, spine: Spine, port: int, client: httpx.AsyncClient) -> None:
        self.spine, self.port, self.client = spine, port, client

    async def post(self, body: bytes, topic: str = "orders/create", **more: str) -> httpx.Response:
        return await self.client.post(
            "/hooks/north", content=body, headers=headers(body, topic, **more)
        )

    async def raw(self, *parts: bytes, wait_s: float = 5.0) -> bytes:
        """Send bytes as they are, and return what comes back first."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            return await asyncio.wait_for(reader.read(4096), wait_s)
        finally:
            writer.close()


@asynccontextmanager
async def open_door(spine: Spine) -> AsyncIterator[Door]:
    async with Gateway(spine.conninfo, spine.hub.vault) as gateway:
        app = HooksApp(spine.conninfo, spine.hub, gateway, body_bytes_max=BODY_BYTES_MAX)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host="127.0.0.1",
                port=0,
                http="httptools",
                access_log=False,
                log_config=None,
                lifespan="off",
                timeout_graceful_shutdown=1,
            )
        )
        serving = asyncio.create_task(server.serve())
        try:
            while not server.started:  # noqa: ASYNC110 - the server tells by a flag alone
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=url, timeout=20) as client:
                yield Door(spine, port, client)
        finally:
            server.should_exit = True
            await serving


async def assert_nothing_lost(spine: Spine, accepted: int) -> None:
    """Every acknowledged delivery is in the log and became something that says what it is."""
    assert await spine.one("SELECT count(*) FROM intake.event") == accepted
    await spine.apply()
    waiting = await spine.rows("SELECT event_id FROM intake.queue")
    while waiting:
        await spine.rows("UPDATE intake.queue SET due_at = now() - interval '1 s' RETURNING 1")
        await spine.apply()
        waiting = await spine.rows("SELECT event_id FROM intake.queue")
    numbers = [n for (n,) in await spine.rows("SELECT event_id FROM intake.event")]
    parked = {row["event_id"]: row for row in await fates_of_events(spine.conn, numbers)}
    assert all(row["cause"] and row["cause"] != "hub.failure" for row in parked.values()), parked
    assert (await prove_ledger(spine.conn)).holds


def mutations(body: bytes, count: int) -> list[tuple[bytes, dict[str, str]]]:
    """Return deliveries of which the signature does not fit."""
    pick = random.Random(7)
    good = headers(body)
    mac = good["x-shopify-hmac-sha256"]
    found: list[tuple[bytes, dict[str, str]]] = []
    while len(found) < count:
        kind = pick.randrange(7)
        changed, sent = body, dict(good)
        if kind == 0:
            place = pick.randrange(len(body))
            changed = (
                body[:place] + bytes([body[place] ^ (1 << pick.randrange(8))]) + body[place + 1 :]
            )
        elif kind == 1:
            raw = bytearray(base64.b64decode(mac))
            raw[pick.randrange(32)] ^= 1 << pick.randrange(8)
            sent["x-shopify-hmac-sha256"] = base64.b64encode(raw).decode()
        elif kind == 2:
            changed = body[: pick.randrange(len(body))]
        elif kind == 3:
            changed = body + pick.choice((b" ", b"\n", b"\x00", b"{}"))
        elif kind == 4:
            sent["x-shopify-hmac-sha256"] = pick.choice(
                ("", "=", "null", mac[:-1], mac + "=", mac.lower(), mac.swapcase(), f"sha256={mac}")
            )
        elif kind == 5:
            sent["x-shopify-hmac-sha256"] = sign(body, pick.choice(("", SECRET + " ", SECRET[:-1])))
        else:
            del sent["x-shopify-hmac-sha256"]
        found.append((changed, sent))
    return found


async def test_a_thousand_mutated_signatures_are_refused(database_url: str) -> None:
    async with open_spine(database_url) as spine, open_door(spine) as door:
        assert (await door.post(GOOD)).status_code == 200
        gate = asyncio.Semaphore(16)

        async def refused(body: bytes, sent: dict[str, str]) -> int:
            async with gate:
                reply = await door.client.post("/hooks/north", content=body, headers=sent)
                return reply.status_code

        statuses = await asyncio.gather(*(refused(*each) for each in mutations(GOOD, 1_000)))
        assert set(statuses) == {401}
        assert await spine.one("SELECT count(*) FROM intake.event") == 1
        await asyncio.sleep(1.2)
        reasons = {r for (r,) in await spine.rows("SELECT DISTINCT reason FROM intake.refused")}
        assert reasons
        assert all(reason.startswith("intake.signature") for reason in reasons), reasons


NASTY: dict[str, bytes] = {
    "empty": b"",
    "blank": b"   \n",
    "null": b"null",
    "text": b'"text"',
    "list": b"[]",
    "number": b"7",
    "not JSON": b"<xml/>",
    "cut off": GOOD[:700],
    "deep lists": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "deep in a field": b'{"id":1,"line_items":' + b"[" * 9_000 + b"]" * 9_000 + b"}",
    "huge id": b'{"id":' + b"9" * 400 + b"}",
    "endless digits": b'{"id":' + b"9" * 300_000 + b"}",
    "huge exponent": b'{"id":1e999999999}',
    "NaN": b'{"id":NaN,"total_price":NaN}',
    "Infinity": b'{"id":1,"total_price":-Infinity}',
    "duplicate keys": b'{"id":1,"id":2,"name":"#1","name":"#2"}',
    "invalid UTF-8": b'{"id":1,"name":"\xff\xfe\x80"}',
    "overlong UTF-8": b'{"id":1,"name":"\xc0\xaf"}',
    "NUL in a text": b'{"id":1,"name":"a\\u0000b"}',
    "NUL as the id": b'{"id":"a\\u0000b"}',
    "NUL byte": b'{"id":1,"name":"a\x00b"}',
    "lone surrogate": b'{"id":1,"name":"\\ud800"}',
    "lone surrogate as the id": b'{"id":"\\udc00x"}',
    "odd id": b'{"id":"' + b"x" * 90 + b'","order_id":{}}',
    "slashes in the id": b'{"id":"a/b/../c?d#e"}',
    "UTF-16": '{"id":1}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + b'{"id":1}',
    "two documents": b'{"id":1}{"id":2}',
    "negative id": b'{"id":-5}',
    "id is a list": b'{"id":[1]}',
    "year 10000": b'{"id":1,"updated_at":"10000-01-01T00:00:00Z"}',
    "far zone": b'{"id":1,"updated_at":"0001-01-01T00:00:00+23:59"}',
    "one million keys": b"{" + b",".join(b'"k%d":1' % n for n in range(90_000)) + b"}",
}


async def test_nasty_bodies_are_kept_and_say_why(database_url: str) -> None:
    """Signed rubbish is the vendor's word: it is kept, and becomes an issue or is ignored."""
    async with open_spine(database_url) as spine, open_door(spine) as door:
        accepted = 0
        topics = ("orders/create", "products/update", "customers/redact", "inventory_levels/update")
        for number, (name, body) in enumerate(NASTY.items()):
            for topic in (*topics, "refunds/create", "no/such-topic", ""):
                known = f"{number}-{topic}-x"
                reply = await door.post(body, topic, x_shopify_webhook_id=known)
                assert reply.status_code == 200, (name, topic, reply.status_code, reply.text)
                accepted += 1
        await assert_nothing_lost(spine, accepted)


async def test_mutated_good_bodies_never_break_anything(database_url: str) -> None:
    """400 orders of which bytes were changed before they were signed."""
    pick = random.Random(3)
    async with open_spine(database_url) as spine, open_door(spine) as door:
        for n in range(400):
            body = bytearray(GOOD)
            for _ in range(pick.choice((1, 2, 8))):
                place = pick.randrange(len(body))
                fresh = pick.choice((b"", b"\x00", b"\xff", b'"', b"{", b"]", b"-", b"9" * 30))
                body[place : place + pick.choice((0, 1, 1, 40))] = fresh
            reply = await door.post(bytes(body), x_shopify_webhook_id=f"m{n}")
            assert reply.status_code == 200
        await assert_nothing_lost(spine, 400)


async def test_a_poisoned_delivery_does_not_harm_those_beside_it(database_url: str) -> None:
    """They share one commit; what the database can not hold must not take the others along."""
    async with open_spine(database_url) as spine, open_door(spine) as door:
        poison = b'{"id":"a\\u0000b"}'
        sent = [
            door.post(
                poison if n % 5 == 0 else order_body(n, skus=("TEE",)), x_shopify_webhook_id=f"p{n}"
            )
            for n in range(40)
        ]
        replies = await asyncio.gather(*sent)
        assert {reply.status_code for reply in replies} == {200}
        await assert_nothing_lost(spine, 40)


@pytest.mark.parametrize(
    "topic", ["a" * 5_000, "orders/create\u00ff", "orders/\u00a0", "'; DROP TABLE intake.event; --"]
)
async def test_odd_topics_and_ids_are_kept(database_url: str, topic: str) -> None:
    async with open_spine(database_url) as spine, open_door(spine) as door:
        for webhook_id in ("", "w" * 5_000, "\u00ff\u00fe", "%00", "'"):
            sent = {"x-shopify-topic": topic.encode("latin-1")}
            known = {"x-shopify-webhook-id": webhook_id.encode("latin-1")}
            base: dict[str, Any] = {
                k: v.encode() for k, v in headers(GOOD).items() if k != "x-shopify-topic"
            }
            reply = await door.client.post(
                "/hooks/north", content=GOOD, headers=base | sent | known
            )
            assert reply.status_code == 200
        reply = await door.post(GOOD, x_shopify_triggered_at="9" * 300)
        assert reply.status_code == 200
        count = await spine.one("SELECT count(*) FROM intake.event")
        await assert_nothing_lost(spine, count)


async def test_what_does_not_fit_is_turned_away_by_its_own_status(database_url: str) -> None:
    async with open_spine(database_url) as spine, open_door(spine) as door:
        big = b'{"id":1,"note":"' + b"x" * 10_000_000 + b'"}'
        assert (await door.post(big)).status_code == 413
        for kind in ("text/xml", "application/x-www-form-urlencoded", "", "json", "*/*"):
            sent = headers(GOOD) | {"content-type": kind}
            reply = await door.client.post("/hooks/north", content=GOOD, headers=sent)
            assert reply.status_code == 415, kind
        for charset in ("application/json; charset=utf-8", "Application/JSON"):
            sent = headers(GOOD) | {"content-type": charset, "x-shopify-webhook-id": charset}
            reply = await door.client.post("/hooks/north", content=GOOD, headers=sent)
            assert reply.status_code == 200, charset
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
            reply = await door.client.request(method, "/hooks/north")
            assert reply.status_code == 405, method
        for name in ("nobody", "", "north/..", "%00", "a" * 3_000, "north%2fx", "NORTH"):
            reply = await door.client.post(f"/hooks/{name}", content=GOOD, headers=headers(GOOD))
            assert reply.status_code == 404, name
        for reply in (await door.post(big), await door.client.get("/hooks/north")):
            problem = json.loads(reply.content)
            assert set(problem) == {"error"}
            assert set(problem["error"]) == {"code", "message"}
        assert await spine.one("SELECT count(*) FROM intake.event") == 2


async def test_a_body_without_an_end_is_cut_off(database_url: str) -> None:
    """A chunked upload goes on for ever: at the limit it is answered 413, and not read further."""
    async with open_spine(database_url) as spine, open_door(spine) as door:
        assert (await door.post(GOOD)).status_code == 200

        async def endless() -> AsyncIterator[bytes]:
            for _ in range(10_000):
                yield b"x" * 65_536

        try:
            reply = await door.client.post(
                "/hooks/north", content=endless(), headers=headers(b"") | {"x-a": "b"}
            )
        except httpx.WriteError:  # the door was shut while we still wrote: that is bounded too
            pass
        else:
            assert reply.status_code == 413
        assert (await door.post(GOOD)).status_code == 200
        assert await spine.one("SELECT count(*) FROM intake.event") == 1


async def test_a_sender_that_is_too_slow_is_let_go(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that trickle in hold a connection open no longer than the limit."""
    monkeypatch.setattr(hooks, "BODY_TIMEOUT_S", 0.5)
    async with open_spine(database_url) as spine, open_door(spine) as door:
        head = (
            b"POST /hooks/north HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"content-length: 1000\r\n\r\n"
        )
        assert (await door.post(GOOD)).status_code == 200
        answer = await door.raw(head, b'{"id"', wait_s=3.0)
        assert answer.startswith(b"HTTP/1.1 408 ")
        # Senders that go away in the middle leave nothing behind.
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", door.port)
            writer.write(head + b"{")
            await writer.drain()
            writer.close()
        assert (await door.post(GOOD)).status_code == 200
        assert await spine.one("SELECT count(*) FROM intake.event") == 1


async def test_a_flood_of_headers_is_turned_away(database_url: str) -> None:
    async with open_spine(database_url) as spine, open_door(spine) as door:
        many = headers(GOOD) | {f"x-{n}": "v" * 20 for n in range(200)}
        reply = await door.client.post("/hooks/north", content=GOOD, headers=many)
        assert reply.status_code in {200, 400, 431}
        lines = b"".join(b"x-%d: %s\r\n" % (n, b"v" * 60_000) for n in range(40))
        answer = await door.raw(
            b"POST /hooks/north HTTP/1.1\r\nhost: x\r\n", lines, b"content-length: 0\r\n\r\n"
        )
        assert answer[9:10] in {b"4", b""}
        twice = [*headers(GOOD).items(), ("x-shopify-hmac-sha256", sign(GOOD))]
        reply = await door.client.post("/hooks/north", content=GOOD, headers=twice)
        assert reply.status_code == 401
        stored = await spine.rows("SELECT length(headers) FROM intake.event")
        assert all(size <= 8_192 for (size,) in stored)
        for nonsense in (b"\x00\x01\x02\r\n\r\n", b"POST /hooks/north\r\n\r\n", b"\r\n" * 50):
            answer = await door.raw(nonsense + b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert not answer.startswith(b"HTTP/1.1 5")


@pytest.mark.timeout(120)
async def test_the_door_says_503_while_the_database_is_away(tmp_path_factory: Any) -> None:
    """Nothing is acknowledged that is not stored; when the database is back, so is the door."""
    data = tmp_path_factory.mktemp("away")
    server = EmbeddedServer(data)
    conninfo = await asyncio.to_thread(server.start)
    try:
        from trueup.db.database import prepare_database

        await prepare_database(conninfo)
        async with open_spine(conninfo) as spine, open_door(spine) as door:
            assert (await door.post(GOOD)).status_code == 200
            await spine.conn.close()
            await asyncio.to_thread(server.stop)
            for n in range(8):
                reply = await door.post(order_body(2, skus=("TEE",)), x_shopify_webhook_id=f"w{n}")
                assert reply.status_code == 503
                assert int(reply.headers["retry-after"]) > 0
            await asyncio.to_thread(server.start)
            for _ in range(100):
                reply = await door.post(order_body(3, skus=("TEE",)), x_shopify_webhook_id="back")
                if reply.status_code == 200:
                    break
                await asyncio.sleep(0.1)
            assert reply.status_code == 200
            async with open_again(conninfo, spine) as again:
                await assert_nothing_lost(again, 2)
    finally:
        await asyncio.to_thread(server.stop)


@asynccontextmanager
async def open_again(conninfo: str, spine: Spine) -> AsyncIterator[Spine]:
    from trueup.db.pool import connect

    async with await connect(conninfo, application_name="test") as conn:
        again = Spine(conninfo, conn)
        again.hub.use_connections(spine.hub.connections.values())
        yield again
