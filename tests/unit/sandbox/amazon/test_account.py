"""The simulated Amazon's own semantics: limits by the clock, a queue that repeats, late applying."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from tests.support.amazon_hub import SmallHub, wish
from trueup.connectors.amazon import api, pull
from trueup.contract.connector import Fetch, Request
from trueup.sandbox.amazon import Amazon
from trueup.sandbox.faults import ApiFault

pytestmark = pytest.mark.anyio


async def hub_of(vendor: Amazon) -> SmallHub:
    hub = SmallHub(vendor)
    await hub.sign_in()
    return hub


async def test_each_operation_has_its_own_bucket_on_the_sandboxes_clock() -> None:
    vendor = Amazon()
    hub = await hub_of(vendor)
    search = pull.page_request("orders", None, None)
    one = pull.fetch_request(Fetch(resource="orders", ref="302-1"))
    found = [(await hub.ask(search)).status for _ in range(21)]
    assert found == [200] * 20 + [429]
    limited = await hub.ask(search)
    assert "retry-after" not in limited.headers
    assert (await hub.ask(one)).status == 404
    vendor.clock.advance(178)
    assert (await hub.ask(search)).status == 429
    vendor.clock.advance(1)
    reply = await hub.ask(search)
    assert (reply.status, reply.headers["x-amzn-ratelimit-limit"]) == (200, "0.0056")


@pytest.mark.parametrize(
    "form",
    [
        {"client_id": "other"},
        {"client_secret": "other"},
        {"grant_type": "client_credentials"},
        {"refresh_token": "other"},
    ],
)
async def test_wrong_credentials_get_no_token(form: Mapping[str, str]) -> None:
    vendor = Amazon()
    right = {
        "grant_type": "refresh_token",
        "client_id": vendor.client_id,
        "client_secret": vendor.client_secret,
        "refresh_token": vendor.refresh_token,
    }
    async with httpx.AsyncClient(transport=vendor.transport()) as client:
        refused = await client.post("http://twin/auth/o2/token", data=right | dict(form))
        assert refused.status_code in {400, 401}
        assert (await client.post("http://twin/auth/o2/token", data=right)).status_code == 200


async def test_an_access_token_is_good_for_an_hour() -> None:
    vendor = Amazon()
    hub = await hub_of(vendor)
    vendor.clock.advance(3599)
    assert (await hub.ask(api.check_request())).status == 200
    vendor.clock.advance(1)
    assert (await hub.ask(api.check_request())).status == 403


async def received(hub: SmallHub) -> list[bytes]:
    reply = await hub.ask(pull.page_request("notifications", None, None))
    return [piece.body for piece in pull.page("notifications", reply).pieces]


async def test_a_message_that_is_not_deleted_comes_again() -> None:
    vendor = Amazon()
    vendor.list_sku("LAMP", units=3)
    hub = await hub_of(vendor)
    vendor.buy({"LAMP": 1})
    first = await received(hub)
    assert len(first) == vendor.notified == 2
    assert await received(hub) == []
    vendor.clock.advance(121)
    assert sorted(await received(hub)) == sorted(first)


async def test_a_tampered_call_opens_no_queue() -> None:
    vendor = Amazon()
    hub = await hub_of(vendor)
    ready = api.authorise(pull.page_request("notifications", None, None), hub.secrets)
    changed: list[tuple[str, Any]] = [
        (ready.path, ready.body + b"&x=1"),
        (ready.path.replace("X-Amz-Expires=300", "X-Amz-Expires=900"), ready.body),
        (ready.path.replace("AKIDSANDBOX", "AKIDOTHER"), ready.body),
        (ready.path[:-1] + ("0" if ready.path[-1] != "0" else "1"), ready.body),
        (ready.path.partition("?")[0], ready.body),
    ]
    async with httpx.AsyncClient(transport=vendor.transport()) as client:
        for url, body in changed:
            headers = dict(ready.headers)
            assert (await client.post(url, content=body, headers=headers)).status_code == 403
        good = await client.post(ready.path, content=ready.body, headers=dict(ready.headers))
        assert good.status_code == 200


async def test_what_was_taken_in_is_applied_in_its_turn() -> None:
    vendor = Amazon()
    vendor.list_sku("LAMP", units=3)
    hub = await hub_of(vendor)
    await hub.act([wish("LAMP", 9)])
    vendor.clock.advance(30)
    await hub.act([wish("LAMP", 5)])
    vendor.buy({"LAMP": 1})
    assert vendor.units_of("LAMP") == 2
    vendor.clock.advance(31)
    assert vendor.units_of("LAMP") == 9
    vendor.clock.advance(30)
    assert vendor.units_of("LAMP") == 5


async def test_an_order_search_needs_one_instant_and_pages_by_its_token() -> None:
    vendor = Amazon()
    vendor.list_sku("LAMP", units=30)
    hub = await hub_of(vendor)
    for _ in range(5):
        vendor.buy({"LAMP": 1})
    none = Request(method="GET", path="/orders/2026-01-01/orders?marketplaceIds={marketplace_id}")
    assert (await hub.ask(none)).status == 400
    path = f"{none.path}&createdAfter=2026-01-01T00:00:00Z&maxResultsPerPage=2"
    seen, token = [], ""
    for _ in range(3):
        more = f"&paginationToken={token}" if token else ""
        page = pull.page("orders", await hub.ask(Request(method="GET", path=path + more)))
        seen += [piece.body for piece in page.pieces]
        token = page.next_cursor or ""
    assert (len(seen), len(set(seen)), token) == (5, 5, "")


async def test_a_cut_upload_leaves_no_feed() -> None:
    vendor = Amazon()
    vendor.list_sku("A", units=1)
    vendor.list_sku("B", units=1)
    hub = await hub_of(vendor)
    vendor.strike(ApiFault(kind="reset", next_calls=1, operation="upload"))
    with pytest.raises(httpx.TransportError):
        await hub.act([wish("A", 2), wish("B", 2)])
    assert not vendor.feeds
    await hub.act([wish("A", 2), wish("B", 2)])
    vendor.clock.advance(121)
    assert (vendor.units_of("A"), vendor.units_of("B"), len(vendor.feeds)) == (2, 2, 1)
