"""A load of signed webhooks over keep-alive connections, from prepared bytes."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httptools
import msgspec

from trueup.bench.bodies import FIXED_AT, order_body, sku_name
from trueup.contract.delivery import Delivery, Secret
from trueup.contract.signing import sign
from trueup.contract.vendor_signature import VENDOR_SIGNATURES
from trueup.kernel.clock import SystemClock


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came back.

    Attributes:
        statuses: answers by HTTP status.
        latencies_ms: from the first byte sent to the answer, one per request.
    """

    seconds: float
    statuses: dict[int, int]
    latencies_ms: list[float]

    @property
    def acks_per_s(self) -> float:
        """Return how many 200s came a second."""
        return self.statuses.get(200, 0) / self.seconds


def signed_orders(
    count: int,
    *,
    secret: str,
    path: str,
    first: int = 1,
    skus: int = 1000,
    at: datetime = FIXED_AT,
) -> list[bytes]:
    """Return whole HTTP requests, each a different order placed at `at`, as Shopify signs them."""
    scheme = VENDOR_SIGNATURES["shopify"].scheme
    now = SystemClock().now()
    requests = []
    for number in range(first, first + count):
        chosen = (sku_name(number % skus), sku_name((number * 7 + 1) % skus))
        body = order_body(number, skus=chosen, at=at)
        delivery = Delivery(method="POST", url=path, headers={}, body=body)
        signature = sign(scheme, delivery, Secret(value=secret.encode()), now)
        headers = {
            "host": "127.0.0.1",
            "content-type": "application/json",
            "content-length": str(len(body)),
            "x-shopify-topic": "orders/create",
            "x-shopify-webhook-id": f"b54557e4-bdd9-4b37-8a5f-{number:012d}",
            "x-shopify-shop-domain": "bench.myshopify.com",
            "x-shopify-api-version": "2026-07",
            "x-shopify-triggered-at": at.astimezone(UTC).isoformat(timespec="microseconds"),
            **signature,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        requests.append(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    return requests


async def send_flood(port: int, requests: Sequence[bytes], *, connections: int = 64) -> LoadResult:
    """Send all requests as fast as they are answered."""
    source = iter(requests)
    return await _send(port, source, connections, None)


async def send_paced(
    port: int, requests: Sequence[bytes], *, per_s: float, connections: int = 32
) -> LoadResult:
    """Send requests at an even rate, whatever the answers do."""
    return await _send(port, iter(requests), connections, per_s)


async def _send(
    port: int, source: Iterator[bytes], connections: int, per_s: float | None
) -> LoadResult:
    loop = asyncio.get_running_loop()
    statuses: dict[int, int] = {}
    latencies: list[float] = []
    started = time.perf_counter()
    if per_s is None:
        clients = [
            (
                await loop.create_connection(
                    lambda: _Client(source, statuses, latencies), "127.0.0.1", port
                )
            )[1]
            for _ in range(connections)
        ]
        await asyncio.gather(*(client.finished for client in clients))
    else:
        await _pace(port, source, connections, per_s, statuses, latencies)
    return LoadResult(
        seconds=time.perf_counter() - started, statuses=statuses, latencies_ms=latencies
    )


async def _pace(
    port: int,
    source: Iterator[bytes],
    connections: int,
    per_s: float,
    statuses: dict[int, int],
    latencies: list[float],
) -> None:
    loop = asyncio.get_running_loop()
    idle: asyncio.Queue[_Client] = asyncio.Queue()
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: _Client(iter(()), statuses, latencies, idle), "127.0.0.1", port
        )
        await idle.put(client)
    started = loop.time()
    for n, request in enumerate(source):
        await asyncio.sleep(max(0.0, started + n / per_s - loop.time()))
        (await idle.get()).send(request)
    for _ in range(connections):
        (await idle.get()).close()


class _Client(asyncio.Protocol):
    """One keep-alive connection: sends the next request when the last was answered."""

    def __init__(
        self,
        source: Iterator[bytes],
        statuses: dict[int, int],
        latencies: list[float],
        idle: "asyncio.Queue[_Client] | None" = None,
    ) -> None:
        self._source = source
        self._statuses = statuses
        self._latencies = latencies
        self._idle = idle
        self._transport: Any = None
        self._parser = httptools.HttpResponseParser(self)
        self._sent_at = 0.0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        if self._idle is None:
            self._next()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, _: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_result(None)

    def on_message_complete(self) -> None:
        """Count the answer (called by the parser)."""
        self._latencies.append((time.perf_counter() - self._sent_at) * 1000)
        status = self._parser.get_status_code()
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._parser = httptools.HttpResponseParser(self)
        if self._idle is None:
            asyncio.get_running_loop().call_soon(self._next)
        else:
            self._idle.put_nowait(self)

    def send(self, request: bytes) -> None:
        """Send one request."""
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def _next(self) -> None:
        request = next(self._source, None)
        if request is None:
            self.close()
        else:
            self.send(request)
