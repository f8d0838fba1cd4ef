"""The sandbox over HTTP: the control desk, OAuth, and webhooks through real sockets."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.unit.sandbox.stage import SUBSCRIBE, TOKEN, open_stage, signed_well
from trueup.sandbox.clock import ScaledClock
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.serve import serving
from trueup.sandbox.shopify.shop import DEFAULT_SECRET


def _client(sandbox: Sandbox) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=sandbox.transport(), base_url="http://sandbox")


def test_everything_can_be_driven_over_http() -> None:
    sandbox = Sandbox()

    async def go() -> dict:
        async with _client(sandbox) as client:
            for handle in ("north", "south"):
                await client.post("/control/shops", json={"handle": handle})
            sku = {"sku": "TEE", "title": "Tee", "price": "20.00", "available": 1}
            await client.post("/control/seed", json={"skus": [sku]})
            cart = {"cart": {"lines": [{"sku": "TEE"}], "ref": "r1"}, "type": "checkout"}
            first = await client.post("/control/shops/north/commands", json=cart)
            assert first.json()["status"] == "done"
            again = await client.post("/control/shops/north/commands", json=cart)
            assert again.json()["status"] == "sold_out"
            await client.post("/control/shops/south/commands", json=cart)
            await client.post("/control/clock", json={"seconds": 3600})
            cancel = {"type": "cancel", "order": "r1"}
            await client.post("/control/shops/north/commands", json=cancel)
            orders = (await client.get("/control/shops/north/orders")).json()["orders"]
            assert orders[0]["cancelled"]
            faults = {"api": [{"kind": "status", "next_calls": 1}], "webhooks": {"drop": 0.5}}
            await client.post("/control/shops/north/faults", json=faults)
            assert len((await client.get("/control/shops/north/stock")).json()["stock"]) == 1
            assert (await client.get("/control/shops/north/calls")).json()["calls"] == []
            return (await client.get("/control/state")).json()

    state = asyncio.run(go())
    assert state["truth"] == {"TEE": 0}
    assert [it["shop"] for it in state["oversells"]] == ["south"]
    assert state["now"].startswith("2026-11-02T09:00:00")
    assert sandbox.shop("north").desk.faults.drop == 0.5


def test_control_mistakes_are_told_not_raised() -> None:
    sandbox = open_stage()

    async def go() -> list[int]:
        async with _client(sandbox) as client:
            replies = [
                await client.post("/control/shops/none/commands", json={"type": "uninstall"}),
                await client.post("/control/shops/north/commands", json={"type": "nonsense"}),
                await client.post("/control/shops/north/commands", content=b"{"),
                await client.post("/control/shops", json={"handle": "north"}),
                await client.get("/control/nothing"),
                await client.get("/north/bulk/1.jsonl"),
                await client.get("/north/bulk/none.jsonl"),
            ]
            return [reply.status_code for reply in replies]

    assert asyncio.run(go()) == [404, 400, 400, 404, 404, 404, 404]


def test_oauth_swaps_a_code_once() -> None:
    sandbox = open_stage()
    app = {"client_id": "sandbox-client", "client_secret": DEFAULT_SECRET}

    async def go() -> None:
        async with _client(sandbox) as client:
            asked = {
                "client_id": "sandbox-client",
                "redirect_uri": "http://hub/back",
                "state": "s1",
            }
            page = await client.get("/north/admin/oauth/authorize", params=asked)
            assert "Install sandbox-client" in page.text
            sent = await client.post(
                "/north/admin/oauth/authorize", params=asked, data={"decision": "approve"}
            )
            assert sent.status_code == 302
            back = parse_qs(urlsplit(sent.headers["location"]).query)
            assert back["state"] == ["s1"]
            given = {**app, "code": back["code"][0]}
            swapped = await client.post("/north/admin/oauth/access_token", json=given)
            assert TOKEN["X-Shopify-Access-Token"] == swapped.json()["access_token"]
            again = await client.post("/north/admin/oauth/access_token", data=given)
            assert again.status_code == 400
            wrong = await client.post(
                "/north/admin/oauth/access_token", json={**given, "client_secret": "x"}
            )
            assert wrong.status_code == 401

    asyncio.run(go())


def test_host_names_a_shop_too() -> None:
    sandbox = open_stage()

    async def go() -> int:
        async with httpx.AsyncClient(transport=sandbox.transport()) as client:
            url = "https://north.myshopify.com/admin/api/2026-07/graphql.json"
            return (
                await client.post(url, json={"query": "{ shop { id } }"}, headers=TOKEN)
            ).status_code

    assert asyncio.run(go()) == 200


def test_webhooks_arrive_through_sockets() -> None:
    """Goal: the whole loop over TCP: subscribe, buy, hear, verify."""
    sandbox = open_stage()
    sandbox.clock = sandbox.shop("north").clock = ScaledClock(speed=100)
    heard: list[httpx.Request] = []
    arrived = asyncio.Event()

    async def hub(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        heard.append(httpx.Request("POST", "http://hub", headers=scope["headers"], content=body))
        arrived.set()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def go() -> None:
        async with (
            serving(hub, host="127.0.0.1", port=0) as hub_url,
            sandbox.serve() as base,
            httpx.AsyncClient(base_url=base) as client,
        ):
            variables = {"topic": "ORDERS_CREATE", "uri": f"{hub_url}/hooks/north"}
            await client.post(
                "/north/admin/api/2026-07/graphql.json", headers=TOKEN,
                json={"query": SUBSCRIBE, "variables": variables},
            )  # fmt: skip
            cart = {"cart": {"lines": [{"sku": "TEE"}]}, "type": "checkout"}
            await client.post("/control/shops/north/commands", json=cart)
            await asyncio.wait_for(arrived.wait(), timeout=5)

    asyncio.run(go())
    assert signed_well(heard[0])
