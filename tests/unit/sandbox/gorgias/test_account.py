"""The simulated Gorgias keeps to its own quirks."""

import base64
from typing import Any

import httpx
import pytest

from trueup.sandbox.gorgias.account import API_KEY, EMAIL, Gorgias

pytestmark = pytest.mark.anyio
ADA = "ada@buyers.example"


async def call(vendor: Gorgias, method: str, path: str, **more: Any) -> httpx.Response:
    pair = base64.b64encode(f"{EMAIL}:{API_KEY}".encode()).decode()
    headers = {"authorization": f"Basic {pair}"}
    async with httpx.AsyncClient(transport=vendor.transport()) as client:
        return await client.request(method, f"http://north{path}", headers=headers, **more)


async def test_lists_leave_out_what_one_ticket_tells() -> None:
    vendor = Gorgias()
    ticket = vendor.write_in(ADA, "Where?", orders=("#1001",))
    listed = (await call(vendor, "GET", "/api/tickets")).json()["data"][0]
    whole = (await call(vendor, "GET", f"/api/tickets/{ticket.id}")).json()
    assert "messages" not in listed
    assert "integrations" not in listed["customer"]
    assert len(whole["messages"]) == 1


async def test_a_cursor_grows_old() -> None:
    vendor = Gorgias()
    for _ in range(3):
        vendor.write_in(ADA, "Where?")
    meta = (await call(vendor, "GET", "/api/tickets?limit=2")).json()["meta"]
    path = f"/api/tickets?limit=2&cursor={meta['next_cursor']}"
    page = (await call(vendor, "GET", path)).json()
    assert (len(page["data"]), page["meta"]["next_cursor"]) == (1, None)
    vendor.clock.advance(3_601)
    assert (await call(vendor, "GET", path)).status_code == 400


async def test_a_repeat_of_a_message_acts_again_and_a_put_overwrites_tags() -> None:
    vendor = Gorgias()
    ticket = vendor.write_in(ADA, "Where?", tags=["vip"])
    note = {"channel": "internal-note", "from_agent": True, "via": "api", "body_text": "x"}
    for _ in range(2):
        path = f"/api/tickets/{ticket.id}/messages"
        assert (await call(vendor, "POST", path, json=note)).status_code == 201
    assert len(ticket.messages) == 3
    path = f"/api/tickets/{ticket.id}"
    await call(vendor, "PUT", path, json={"tags": [{"name": "late"}]})
    assert ticket.tags == ["late"]
    assert (await call(vendor, "PUT", path, json={"status": "pending"})).status_code == 400
    assert (await call(vendor, "PUT", path, json={"priority": "urgent"})).status_code == 400


async def test_over_the_limit_nothing_is_done_and_the_wait_is_told() -> None:
    vendor = Gorgias()
    replies = [await call(vendor, "GET", "/api/account") for _ in range(41)]
    assert replies[39].headers["x-gorgias-account-api-call-limit"] == "40/40"
    assert replies[40].status_code == 429
    vendor.clock.advance(float(replies[40].headers["retry-after"]))
    assert (await call(vendor, "GET", "/api/account")).status_code == 200
    assert vendor.over_limit == 1


async def test_hooks_are_unsigned_and_written_in_the_form_of_their_integration() -> None:
    vendor = Gorgias()
    form = {"mine": "{{ticket.id}}", "fixed": "yes"}
    http = {"url": "https://hub.example/h", "triggers": {"ticket-created": True}, "form": form}
    await call(vendor, "POST", "/api/integrations", json={"type": "http", "http": http})
    ticket = vendor.write_in(ADA, "Where?")
    heard: list[httpx.Request] = []

    async def listen(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        return httpx.Response(200)

    courier = vendor.courier(httpx.MockTransport(listen))
    await courier.deliver_due()
    await courier.close()
    assert heard[0].content == f'{{"mine":"{ticket.id}","fixed":"yes"}}'.encode()
    assert not [name for name in heard[0].headers if "sign" in name]


async def test_what_is_missing_or_unknown_is_refused() -> None:
    vendor = Gorgias()
    ticket = vendor.write_in(ADA, "Where?")
    body = {"channel": "email", "from_agent": True, "via": "api"}
    path = f"/api/tickets/{ticket.id}/messages"
    assert (await call(vendor, "POST", path, json=body)).status_code == 400
    for method, unknown in (
        ("POST", "/api/tickets/9/messages"),
        ("POST", "/api/tickets/9/tags"),
        ("PUT", "/api/tickets/9"),
        ("GET", "/api/tickets/x"),
        ("GET", f"/api/tickets/{ticket.id}/messages/1"),
        ("DELETE", "/api/integrations/9"),
    ):
        assert (await call(vendor, method, unknown, json={})).status_code == 404
    assert (await call(vendor, "POST", "/api/tickets", json={})).status_code == 400
    assert (await call(vendor, "GET", "/api/tickets?limit=101")).status_code == 400
