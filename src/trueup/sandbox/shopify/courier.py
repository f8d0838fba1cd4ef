"""The edge that carries webhooks: takes what is due, posts it, notes the answer."""

import asyncio
import contextlib
from collections.abc import Iterable

import httpx

from trueup.sandbox.shopify import bulk
from trueup.sandbox.shopify.shop import Shop
from trueup.sandbox.shopify.webhooks import Delivery

__all__ = ["Courier"]

_CONNECT_S_MAX = 1.0
_TOTAL_S_MAX = 5.0
_AT_ONCE_MAX = 12
_IDLE_S = 0.02


class Courier:
    """Delivers the webhooks of all shops through one client.

    Args:
        shops: the shops, read anew at each round.
        transport: for tests without sockets, such as `httpx.ASGITransport`.
    """

    def __init__(
        self, shops: Iterable[Shop], transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._shops = shops
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(_TOTAL_S_MAX, connect=_CONNECT_S_MAX),
            limits=httpx.Limits(max_connections=_AT_ONCE_MAX),
            headers={"User-Agent": "Shopify-Captain-Hook"},
        )
        self._gate = asyncio.Semaphore(_AT_ONCE_MAX)

    async def deliver_due(self) -> int:
        """Send everything that is due now, and return how many were tried."""
        tried = 0
        while True:
            batch = [(shop, each) for shop in self._shops for each in self._take(shop)]
            if not batch:
                return tried
            await asyncio.gather(*(self._send(shop, delivery) for shop, delivery in batch))
            tried += len(batch)

    async def run(self) -> None:
        """Deliver until cancelled; time passes by the sandbox's clock."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE_MAX):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            taken = [(shop, each) for shop in self._shops for each in self._take(shop, 1)]
            for shop, delivery in taken:
                await self._send(shop, delivery)
            if not taken:
                await asyncio.sleep(_IDLE_S)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _take(self, shop: Shop, limit: int = _AT_ONCE_MAX) -> list[Delivery]:
        bulk.finish_due(shop)
        return shop.desk.due(shop.now(), max(0, limit))

    async def _send(self, shop: Shop, delivery: Delivery) -> None:
        status: int | None = None
        async with self._gate:
            with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL, TimeoutError):
                async with asyncio.timeout(_TOTAL_S_MAX):
                    reply = await self._client.post(
                        delivery.subscription.uri,
                        content=delivery.event.body,
                        headers=shop.desk.headers(delivery),
                    )
                status = reply.status_code
        shop.desk.answered(delivery, status, shop.now())
