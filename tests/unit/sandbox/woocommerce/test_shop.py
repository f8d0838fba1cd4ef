"""The quirks of the simulated shop, without the connector."""

import base64
import json

import httpx
import pytest

from trueup.sandbox.woocommerce.shop import FAILURES_MAX, WooShop

pytestmark = pytest.mark.anyio
PAIR = base64.b64encode(b"ck_sandbox:cs_sandbox").decode()


async def call(shop: WooShop, method: str, path: str, body: object = None) -> httpx.Response:
    headers = {"authorization": f"Basic {PAIR}"}
    async with httpx.AsyncClient(transport=shop.transport()) as client:
        return await client.request(
            method, f"http://twin/wp-json/wc/v3{path}", json=body, headers=headers
        )


async def delivered(shop: WooShop, status: int) -> list[httpx.Request]:
    heard: list[httpx.Request] = []

    async def listen(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        return httpx.Response(status)

    courier = shop.courier(httpx.MockTransport(listen))
    while await courier.deliver_due():
        pass
    await courier.close()
    return heard


async def test_a_delivery_that_fails_is_lost_and_after_too_many_the_webhook_is_off() -> None:
    shop = WooShop()
    shop.add_item("TEE", stock=99)
    wish = {"topic": "order.created", "delivery_url": "https://hub/hooks/a", "secret": "s"}
    assert (await call(shop, "POST", "/webhooks", wish)).status_code == 201
    (ping,) = await delivered(shop, 500)
    assert ping.content == b"webhook_id=1"
    assert ping.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "x-wc-webhook-signature" not in ping.headers
    assert shop.hooks[1].failures == 0
    for number in range(FAILURES_MAX + 2):
        assert shop.hooks[1].status == "active"
        shop.order({"TEE": 1})
        assert len(await delivered(shop, 302 if number == 0 else 500)) == 1
    shop.order({"TEE": 1})
    assert len(await delivered(shop, 500)) == 1
    assert shop.hooks[1].status == "disabled"
    shop.order({"TEE": 1})
    assert await delivered(shop, 500) == []
    (listed,) = (await call(shop, "GET", "/webhooks")).json()
    assert listed["status"] == "disabled"


async def test_each_attempt_has_another_delivery_id() -> None:
    shop = WooShop()
    await call(
        shop, "POST", "/webhooks", {"topic": "product.created", "delivery_url": "https://hub/h"}
    )
    await delivered(shop, 200)
    shop.add_item("A")
    shop.add_item("B")
    first, second = await delivered(shop, 200)
    ids = [each.headers["x-wc-webhook-delivery-id"] for each in (first, second)]
    assert ids[0] != ids[1]


async def test_amounts_are_rounded_unless_more_digits_are_asked_for() -> None:
    shop = WooShop()
    shop.add_item("TEE", price="10.00")
    order = shop.order({"TEE": 1})
    shown = (await call(shop, "GET", f"/orders/{order.id}")).json()["line_items"][0]["total"]
    kept = (await call(shop, "GET", f"/orders/{order.id}?dp=8")).json()["line_items"][0]["total"]
    assert (shown, kept) == ("8.33", "8.33333300")


async def test_variations_are_found_by_sku_alone_and_set_below_their_product_alone() -> None:
    shop = WooShop()
    parent = shop.add_item("SHIRT", stock=None)
    small = shop.add_item("SHIRT-S", parent=parent.id)
    listed = (await call(shop, "GET", "/products")).json()
    assert [each["id"] for each in listed] == [parent.id]
    found = (await call(shop, "GET", "/products?sku=SHIRT-S,NONE")).json()
    assert [each["id"] for each in found] == [small.id]
    change = {"update": [{"id": small.id, "manage_stock": True, "stock_quantity": 3}]}
    wrong = (await call(shop, "POST", "/products/batch", change)).json()
    assert "error" in wrong["update"][0]
    right = await call(shop, "POST", f"/products/{parent.id}/variations/batch", change)
    assert json.loads(right.content)["update"][0]["stock_quantity"] == 3
    assert (await call(shop, "GET", "/products?per_page=101")).status_code == 400
    assert (await call(shop, "DELETE", "/webhooks/9")).status_code == 501
    shop.batch_max = 0
    assert (await call(shop, "POST", "/products/batch", change)).status_code == 413


async def test_units_come_back_when_an_order_dies() -> None:
    shop = WooShop()
    shop.add_item("TEE", stock=5)
    order = shop.order({"TEE": 2}, status="pending")
    assert shop.stock("TEE") == 5
    shop.change(order, "processing")
    assert shop.stock("TEE") == 3
    shop.refund(order, {"TEE": 1})
    assert shop.stock("TEE") == 4
    shop.change(order, "cancelled")
    assert shop.stock("TEE") == 5
