"""The quirks of the simulated store, without the connector."""

import json

import httpx
import pytest

from trueup.sandbox.bigcommerce.store import WINDOW_S
from trueup.sandbox.bigcommerce.vendor import BigCommerce

pytestmark = pytest.mark.anyio


async def call(store: BigCommerce, method: str, path: str, body: object = None) -> httpx.Response:
    async with httpx.AsyncClient(transport=store.transport()) as client:
        return await client.request(
            method,
            f"http://twin/stores/sandboxhash{path}",
            json=body,
            headers={"x-auth-token": "token-sandbox"},
        )


async def test_calls_are_counted_in_fixed_windows() -> None:
    store = BigCommerce()
    for _ in range(150):
        assert (await call(store, "GET", "/v2/store")).status_code == 200
    store.clock.advance(WINDOW_S - 1)
    late = await call(store, "GET", "/v2/store")
    assert late.status_code == 429
    assert late.headers["x-rate-limit-time-reset-ms"] == "1000"
    assert "retry-after" not in late.headers
    store.clock.advance(1)
    again = await call(store, "GET", "/v2/store")
    assert again.headers["x-rate-limit-requests-left"] == "149"
    assert store.over_limit == 1


async def test_an_empty_old_list_is_no_content_and_a_newer_one_has_an_envelope() -> None:
    store = BigCommerce()
    assert (await call(store, "GET", "/v2/orders")).status_code == 204
    newer = (await call(store, "GET", "/v3/catalog/products")).json()
    assert (newer["data"], newer["meta"]["pagination"]["total"]) == ([], 0)
    assert (await call(store, "GET", "/v2/orders/7")).status_code == 404
    assert (await call(store, "GET", "/v3/catalog/products/7")).status_code == 404


async def test_one_unknown_item_refuses_the_whole_adjustment() -> None:
    store = BigCommerce()
    store.add_product("TEE", stock=5)
    items = [
        {"location_id": 1, "sku": "TEE", "quantity": 9},
        {"location_id": 1, "sku": "NONE", "quantity": 9},
    ]
    path = "/v3/inventory/adjustments/absolute"
    assert (await call(store, "PUT", path, {"items": items})).status_code == 422
    assert store.by_sku("TEE").on_hand[1] == 5
    assert (await call(store, "PUT", path, {"items": items[:1]})).status_code == 200
    assert store.by_sku("TEE").on_hand[1] == 9


async def test_a_delivery_keeps_its_id_and_tells_next_to_nothing() -> None:
    store = BigCommerce()
    wish = {"scope": "store/order/created", "destination": "https://hub.example/hooks/a"}
    assert (await call(store, "POST", "/v3/hooks", wish)).status_code == 200
    plain = wish | {"destination": "http://hub.example/hooks/a"}
    assert (await call(store, "POST", "/v3/hooks", plain)).status_code == 422
    store.add_product("TEE")
    order = store.order({"TEE": 1})
    heard: list[httpx.Request] = []

    async def listen(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        return httpx.Response(500 if len(heard) == 1 else 200)

    courier = store.courier(httpx.MockTransport(listen))
    assert await courier.deliver_due() == 1
    store.clock.advance(60)
    assert await courier.deliver_due() == 1
    await courier.close()
    first, second = heard
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert json.loads(first.content)["data"] == {"type": "order", "id": order.id}
    assert (await call(store, "DELETE", "/v3/hooks/1")).status_code == 200
    assert (await call(store, "DELETE", "/v3/hooks/1")).status_code == 404
