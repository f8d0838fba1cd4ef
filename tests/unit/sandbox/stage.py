"""A small stage for the sandbox's tests: one shop, one SKU, no sockets."""

import asyncio
import base64
import hashlib
import hmac
from typing import Any

import httpx

from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify.catalogue import SkuSeed
from trueup.sandbox.shopify.checkout import Cart, CartLine
from trueup.sandbox.shopify.commands import Checkout, Outcome
from trueup.sandbox.shopify.customers import CustomerSeed
from trueup.sandbox.shopify.shop import DEFAULT_SECRET, DEFAULT_TOKEN, Shop, ShopSettings

URL = "http://sandbox/north/admin/api/2026-07/graphql.json"
TOKEN = {"X-Shopify-Access-Token": DEFAULT_TOKEN}
SET = """
mutation($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { id changes { name delta item { id } } }
    userErrors { code field message }
  }
}
"""
SUBSCRIBE = """
mutation($topic: WebhookSubscriptionTopic!, $uri: String!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri}) {
    webhookSubscription { id topic uri }
    userErrors { field message }
  }
}
"""


def open_stage(available: int = 5, **settings: Any) -> Sandbox:
    """Return a sandbox with the shop `north` that sells TEE and MUG."""
    sandbox = Sandbox()
    sandbox.open_shop(ShopSettings(handle="north", **settings))
    sandbox.seed(
        [
            SkuSeed(sku="TEE", title="Tee", price="20.00", available=available),
            SkuSeed(sku="MUG", title="Mug", price="9.95", available=available),
        ]
    )
    return sandbox


def buy(sandbox: Sandbox, sku: str = "TEE", quantity: int = 1, shop: str = "north",
        **cart: Any) -> Outcome:  # fmt: skip
    """Let somebody buy."""
    cart.setdefault("lines", [CartLine(sku=sku, quantity=quantity)])
    cart.setdefault("customer", CustomerSeed(email="ada@buyers.example"))
    return sandbox.do(shop, Checkout(cart=Cart(**cart)))


def ask(sandbox: Sandbox, query: str, /, **variables: Any) -> dict[str, Any]:
    """Ask the API and return the whole reply."""
    reply = send(sandbox, query, given=variables)
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


def send(
    sandbox: Sandbox,
    query: str,
    *,
    url: str = URL,
    headers: dict[str, str] | None = None,
    given: dict[str, Any] | None = None,
) -> httpx.Response:
    """Ask the API and return the raw reply."""

    async def go() -> httpx.Response:
        async with httpx.AsyncClient(transport=sandbox.transport()) as client:
            body = {"query": query, "variables": given or {}}
            return await client.post(url, json=body, headers=TOKEN if headers is None else headers)

    return asyncio.run(go())


def stock_input(sandbox: Sandbox, quantity: int, expected: int | None, sku: str = "TEE",
                **more: Any) -> dict[str, Any]:  # fmt: skip
    """Return the input of a stock write for one SKU at the first location."""
    shop = sandbox.shop("north")
    row = {
        "inventoryItemId": item_gid(shop, sku),
        "locationId": f"gid://shopify/Location/{next(iter(shop.locations))}",
        "quantity": quantity,
        "changeFromQuantity": expected,
    }
    return {"name": "available", "reason": "correction", "quantities": [row], **more}


def item_gid(shop: Shop, sku: str) -> str:
    """Return the global id of a SKU's inventory item."""
    return f"gid://shopify/InventoryItem/{shop.by_sku[sku].item.id}"


def available(sandbox: Sandbox, sku: str = "TEE", shop: str = "north") -> int:
    """Return what a shop shows of a SKU."""
    held = sandbox.shop(shop)
    return sum(
        level.available
        for (item, _), level in held.levels.items()
        if item == held.by_sku[sku].item.id
    )


class Listener:
    """Hears webhooks; answers with the statuses given, then with 200."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.heard: list[httpx.Request] = []

    def transport(self) -> httpx.MockTransport:
        """Return a transport that is this listener."""
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.heard.append(request)
        return httpx.Response(self.statuses.pop(0) if self.statuses else 200)

    def topics(self) -> list[str]:
        """Return the topics heard, in order."""
        return [each.headers["X-Shopify-Topic"] for each in self.heard]


def deliver(sandbox: Sandbox, listener: Listener) -> int:
    """Send everything that is due to the listener."""

    async def go() -> int:
        courier = sandbox.courier(listener.transport())
        try:
            return await courier.deliver_due()
        finally:
            await courier.close()

    return asyncio.run(go())


def signed_well(request: httpx.Request) -> bool:
    """Say whether the signature fits the raw body, by the standard library alone."""
    mac = hmac.new(DEFAULT_SECRET.encode(), request.content, hashlib.sha256).digest()
    wanted = base64.b64encode(mac).decode()
    return hmac.compare_digest(wanted, request.headers["X-Shopify-Hmac-SHA256"])
