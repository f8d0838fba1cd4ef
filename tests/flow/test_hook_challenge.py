"""Addresses are proved over real sockets: to who knows the token, or signs; and to nobody else."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.flow.test_hostile import Door, open_door
from tests.support.spine import Spine, open_spine
from trueup.connectors import slack, whatsapp
from trueup.contract.delivery import Delivery, Secret
from trueup.contract.signing import sign
from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.intake.connections import create_connection, load_accounts
from trueup.kernel.clock import SystemClock

pytestmark = pytest.mark.anyio

TOKEN = "a-verify-token-of-ours"
SECRET = "signing-secret"
ASKED = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": TOKEN}


@asynccontextmanager
async def doors(database_url: str) -> AsyncIterator[tuple[Spine, Door]]:
    async with open_spine(database_url) as spine:
        for name, secrets in (
            ("slack", {"bot_token": "xoxb-1", "signing_secret": SECRET}),
            ("whatsapp", {"access_token": "EAA", "app_secret": SECRET, "verify_token": TOKEN}),
        ):
            await create_connection(
                spine.conn, spine.hub.vault, name=name, connector=name, settings={}, secrets=secrets
            )
        accounts = await load_accounts(spine.conn, spine.hub.vault)
        spine.hub.use_connections(account.connection for account in accounts)
        async with open_door(spine) as door:
            yield spine, door


async def post(door: Door, name: str, body: bytes, secret: str = SECRET) -> httpx.Response:
    bare = Delivery(method="POST", url="", headers={"content-type": "application/json"}, body=body)
    scheme = VENDOR_SIGNATURES[name].scheme
    headers = sign(scheme, bare, Secret(value=secret.encode()), SystemClock().now())
    return await door.client.post(
        f"/hooks/{name}", content=body, headers={"content-type": "application/json", **headers}
    )


async def events(spine: Spine) -> int:
    return int(await spine.one("SELECT count(*) FROM intake.event"))


async def test_a_get_is_answered_to_who_knows_the_token(database_url: str) -> None:
    async with doors(database_url) as (spine, door):
        answer = await door.client.get("/hooks/whatsapp", params=ASKED)
        assert (answer.status_code, answer.text) == (200, "1158201444")
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["x-content-type-options"] == "nosniff"
        for wrong in (
            ASKED | {"hub.verify_token": TOKEN[:-1]},
            ASKED | {"hub.challenge": "<script>alert(1)</script>"},
            ASKED | {"hub.mode": "unsubscribe"},
            {"x": "y" * 10_000},
            {},
        ):
            refused = await door.client.get("/hooks/whatsapp", params=wrong)
            assert refused.status_code == 401
            assert "1158201444" not in refused.text
        raw = await door.raw(b"GET /hooks/whatsapp?hub.mode=%ff%fe&%00 HTTP/1.1\r\nhost: a\r\n\r\n")
        assert raw.startswith(b"HTTP/1.1 401")
        assert await events(spine) == 0


async def test_a_get_stays_refused_elsewhere(database_url: str) -> None:
    async with doors(database_url) as (_, door):
        for name in ("slack", "north"):
            answer = await door.client.get(f"/hooks/{name}", params=ASKED)
            assert answer.status_code == 405
        assert (await door.client.get("/hooks/nobody", params=ASKED)).status_code == 404
        assert (await door.client.put("/hooks/whatsapp", params=ASKED)).status_code == 405


async def test_a_signed_post_is_answered_and_is_no_event(database_url: str) -> None:
    body = json.dumps({"token": "t", "challenge": "abc123", "type": "url_verification"}).encode()
    async with doors(database_url) as (spine, door):
        answer = await post(door, "slack", body)
        assert (answer.status_code, answer.text) == (200, "abc123")
        assert answer.headers["content-type"].startswith("text/plain")
        refused = await post(door, "slack", body, "another secret")
        assert refused.status_code == 401
        assert "abc123" not in refused.text
        long = json.dumps({"challenge": "x" * 5_000, "type": "url_verification"}).encode()
        assert len((await post(door, "slack", long)).text) <= 1_000
        # WhatsApp proves addresses by GET alone: the same body there is a delivery.
        assert (await post(door, "whatsapp", body)).json() == {"accepted": True}
        assert await events(spine) == 1


async def test_deliveries_go_on_as_before(database_url: str) -> None:
    said = (Path(slack.__file__).parent / "samples/message.json").read_bytes()
    bundle = (Path(whatsapp.__file__).parent / "samples/statuses.json").read_bytes()
    async with doors(database_url) as (spine, door):
        assert (await post(door, "slack", said)).json() == {"accepted": True}
        assert (await post(door, "slack", said)).json() == {"accepted": True, "repeated": True}
        assert (await post(door, "whatsapp", bundle)).json() == {"accepted": True}
        assert await events(spine) == 1 + 3
        await spine.apply()
        kinds = await spine.rows("SELECT kind, ref FROM records.record ORDER BY ref")
        assert [ref for _, ref in kinds] == ["C07ORDERS:1772532000.000100", "wamid.OUT1"]
