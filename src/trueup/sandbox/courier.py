"""The edge that carries webhooks: takes what is due, posts it, notes the answer."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from typing import Protocol

import httpx

from trueup.sandbox.webhooks import Delivery, WebhookDesk

__all__ = ["Courier", "Sender"]

_CONNECT_S_MAX = 1.0
_TOTAL_S_MAX = 5.0
_AT_ONCE_MAX = 12
_IDLE_S = 0.02


class Sender(Protocol):
    """One account at a simulated vendor, as far as it sends webhooks."""

    desk: WebhookDesk

    def now(self) -> datetime:
        """Return the account's time."""
        ...


@cache
def _trust() -> ssl.SSLContext:
    """Read whom to trust once a process: that takes longer than most stories of a vendor."""
    return httpx.create_ssl_context()


class Courier:
    """Delivers the webhooks of all accounts, each delivery over a connection of its own.

    A client that holds several connections looks through all of them at every request, which
    costs as much as the request itself.

    Args:
        senders: the accounts, read anew at each round.
        transport: for tests without sockets, such as `httpx.ASGITransport`.
        user_agent: what the vendor calls itself.
        tidy: called before each round, to tell of what has become due, such as an export.
    """

    def __init__(
        self,
        senders: Iterable[Sender],
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        user_agent: str = "sandbox",
        tidy: Callable[[], None] | None = None,
    ) -> None:
        self._senders = senders
        self._tidy = tidy
        self._transport = transport
        self._user_agent = user_agent
        self._idle: list[httpx.AsyncClient] = []
        self._gate = asyncio.Semaphore(_AT_ONCE_MAX)

    async def deliver_due(self) -> int:
        """Send everything that is due now, and return how many were tried."""
        tried = 0
        while True:
            batch = [(sender, each) for sender in self._senders for each in self._take(sender)]
            if not batch:
                return tried
            await asyncio.gather(*(self._send(sender, delivery) for sender, delivery in batch))
            tried += len(batch)

    async def run(self) -> None:
        """Deliver until cancelled; time passes by the sandbox's clock."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE_MAX):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            taken = [(sender, each) for sender in self._senders for each in self._take(sender, 1)]
            for sender, delivery in taken:
                await self._send(sender, delivery)
            if not taken:
                await asyncio.sleep(_IDLE_S)

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().aclose()

    def _client(self) -> httpx.AsyncClient:
        """Make a client of one connection."""
        return httpx.AsyncClient(
            transport=self._transport,
            verify=_trust(),
            timeout=httpx.Timeout(_TOTAL_S_MAX, connect=_CONNECT_S_MAX),
            limits=httpx.Limits(max_connections=1),
            headers={"User-Agent": self._user_agent},
        )

    def _take(self, sender: Sender, limit: int = _AT_ONCE_MAX) -> list[Delivery]:
        if self._tidy is not None:
            self._tidy()
        return sender.desk.due(sender.now(), max(0, limit))

    async def _send(self, sender: Sender, delivery: Delivery) -> None:
        async with self._gate:
            client = self._idle.pop() if self._idle else self._client()
            try:
                status = await self._post(client, sender, delivery)
            finally:
                self._idle.append(client)
        sender.desk.answered(delivery, status, sender.now())

    async def _post(
        self, client: httpx.AsyncClient, sender: Sender, delivery: Delivery
    ) -> int | None:
        """Return the status of the answer; None where there was none."""
        with contextlib.suppress(httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            async with asyncio.timeout(_TOTAL_S_MAX):
                reply = await client.post(
                    delivery.subscription.uri,
                    content=delivery.event.body,
                    headers=sender.desk.headers(delivery),
                )
            return reply.status_code
        return None
