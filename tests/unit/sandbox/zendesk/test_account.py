"""The simulated Zendesk keeps to its own quirks."""

import base64
from datetime import timedelta
from typing import Any

import httpx
import pytest

from trueup.sandbox.zendesk.account import API_TOKEN, EMAIL, Zendesk
from trueup.sandbox.zendesk.model import stamp

pytestmark = pytest.mark.anyio
ADA = "ada@buyers.example"


async def call(vendor: Zendesk, method: str, path: str, **more: Any) -> httpx.Response:
    pair = base64.b64encode(f"{EMAIL}/token:{API_TOKEN}".encode()).decode()
    headers = {"authorization": f"Basic {pair}"} | more.pop("headers", {})
    async with httpx.AsyncClient(transport=vendor.transport()) as client:
        return await client.request(method, f"http://north/api/v2{path}", headers=headers, **more)


async def test_a_visitor_is_answered_as_nobody_and_let_no_further() -> None:
    vendor = Zendesk()
    vendor.stale = True
    me = await call(vendor, "GET", "/users/me")
    assert (me.status_code, me.json()["user"]["id"]) == (200, None)
    assert (await call(vendor, "GET", "/tickets/1")).status_code == 401


async def test_the_export_lags_a_minute_and_tells_of_deletions() -> None:
    vendor = Zendesk()
    ticket = vendor.write_in(ADA, "Where?")
    path = "/incremental/tickets/cursor?start_time=0"
    assert (await call(vendor, "GET", path)).json()["tickets"] == []
    vendor.clock.advance(61)
    page = (await call(vendor, "GET", path)).json()
    assert [row["status"] for row in page["tickets"]] == ["new"]
    vendor.change(ticket.id, gone=True)
    assert (await call(vendor, "GET", f"/tickets/{ticket.id}")).status_code == 404
    vendor.clock.advance(61)
    more = f"/incremental/tickets/cursor?cursor={page['after_cursor']}"
    after = (await call(vendor, "GET", more)).json()
    assert [row["status"] for row in after["tickets"]] == ["deleted"]
    recent = int(vendor.now().timestamp())
    refused = await call(vendor, "GET", f"/incremental/tickets/cursor?start_time={recent}")
    assert refused.status_code == 422


async def test_a_key_makes_one_ticket_for_two_hours() -> None:
    vendor = Zendesk()
    wish = {"ticket": {"comment": {"body": "x"}, "requester": {"email": ADA, "name": "Ada"}}}
    key = {"idempotency-key": "k"}
    for _ in range(2):
        made = await call(vendor, "POST", "/tickets", json=wish, headers=key)
        assert made.status_code == 201
    other = {"ticket": wish["ticket"] | {"subject": "y"}}
    assert (await call(vendor, "POST", "/tickets", json=other, headers=key)).status_code == 400
    assert len(vendor.tickets) == 1
    vendor.clock.advance(timedelta(hours=2).total_seconds())
    await call(vendor, "POST", "/tickets", json=wish, headers=key)
    assert len(vendor.tickets) == 2
    del wish["ticket"]["comment"]
    assert (await call(vendor, "POST", "/tickets", json=wish)).status_code == 422


async def test_a_safe_update_compares_and_a_put_overwrites_tags() -> None:
    vendor = Zendesk()
    ticket = vendor.write_in(ADA, "Where?", tags=["vip"])
    path, seen = f"/tickets/{ticket.id}", stamp(ticket.updated_at)
    vendor.clock.advance(5)
    vendor.change(ticket.id, status="open")
    wish = {"ticket": {"tags": ["late"], "safe_update": True, "updated_stamp": seen}}
    assert (await call(vendor, "PUT", path, json=wish)).status_code == 409
    wish["ticket"]["updated_stamp"] = stamp(ticket.updated_at)
    assert (await call(vendor, "PUT", path, json=wish)).status_code == 200
    assert ticket.tags == ["late"]
    wrong = {"ticket": {"priority": "critical"}}
    assert (await call(vendor, "PUT", path, json=wrong)).status_code == 422
    for unknown in ("/tickets/9", "/tickets/9/comments", "/users/x"):
        assert (await call(vendor, "GET", unknown)).status_code == 404
    for method, unknown in (("PUT", "/tickets/9"), ("PUT", "/tickets/9/tags")):
        body: dict[str, Any] = {"ticket": {}, "tags": []}
        assert (await call(vendor, method, unknown, json=body)).status_code == 404


async def test_over_the_limit_nothing_is_done_and_the_wait_is_told() -> None:
    vendor = Zendesk()
    path = "/incremental/users/cursor?start_time=0"
    replies = [await call(vendor, "GET", path) for _ in range(11)]
    assert [reply.status_code for reply in replies[-2:]] == [200, 429]
    assert replies[0].headers["x-rate-limit"] == "200"
    vendor.clock.advance(float(replies[-1].headers["retry-after"]))
    assert (await call(vendor, "GET", path)).status_code == 200
