"""One call to a vendor: wait for the budget, authorise, send, learn from the reply, judge it."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime
from typing import Self

import httpx
import msgspec
import structlog

from trueup.contract.breaker import CircuitBreaker
from trueup.contract.connector import Budget, Reply, Request
from trueup.contract.egress import Egress, EgressPolicy, origin
from trueup.contract.loader import ConnectorFolder
from trueup.contract.smtp import SmtpEgress, make_egress
from trueup.contract.throttle import CostBucket, retry_delay_s, status_fate
from trueup.errors import (
    AuthExpired,
    ConfigError,
    ConnectorError,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from trueup.intake.connections import Account
from trueup.kernel.clock import Clock, SystemClock

_log = structlog.get_logger("trueup.outbox")


CALL_TIMEOUT_S = 10.0
"""How long a vendor may take for one call; a number that waits longer is no longer true."""


class Caller:
    """Calls one vendor account. One per process holds the account's lock, so one bucket counts.

    Args:
        folder: the connector.
        account: settings and secrets of the connection.
        clock: tells the time to bucket and breaker.
        egress: sends; made from the account's settings where None.
    """

    def __init__(
        self,
        folder: ConnectorFolder,
        account: Account,
        *,
        clock: Clock | None = None,
        egress: Egress | SmtpEgress | None = None,
    ) -> None:
        self.folder = folder
        self.account = account
        self._clock = clock or SystemClock()
        self._settings = account.connection.settings
        self._base_url = folder.api.base_url(self._settings)
        self._egress = egress or make_egress(
            folder.manifest.api.transport,
            policy_of(self._base_url, self._settings),
            total_timeout_s=float(self._settings.get("call_timeout_s", CALL_TIMEOUT_S)),
        )
        self._rng = random.Random()  # noqa: S311 - jitter, not a secret
        limit = next(iter(folder.manifest.limits), None)
        capacity = limit.capacity if limit else 40.0
        refill_per_s = limit.refill_per_s if limit else 2.0
        self.concurrency_max = limit.concurrency_max if limit else 1
        self.bucket = CostBucket(capacity=capacity, refill_per_s=refill_per_s)
        self.breaker = CircuitBreaker()
        self.calls = 0

    @property
    def settings(self) -> dict[str, str]:
        """The connection's settings."""
        return self._settings

    async def send(self, request: Request) -> Reply:
        """Send one request and return the vendor's reply once it was judged sound.

        Raises:
            ConnectorError: the vendor did not do it; its `fate` says what next.
            OutcomeUnknown: a write whose result nobody knows.
        """
        now = self._clock.now()
        self.breaker, may_go = self.breaker.ask(now)
        if not may_go:
            raise Unavailable("The vendor has failed too often; waiting before the next try.")
        await self._await_budget(request.cost, now)
        authorised = self.folder.api.authorise(request, self.account.secret_values())
        self.calls += 1
        try:
            reply = await self._egress.send(self._base_url, authorised)
        except (Unavailable, OutcomeUnknown):
            self.breaker = self.breaker.failed(self._clock.now())
            raise
        self._learn(self.folder.api.budget(reply))
        self._judge(request, reply)
        return reply

    async def download(
        self,
        request: Request,
        sink: Callable[[bytes], None],
        *,
        bytes_max: int,
        timeout_s: float,
    ) -> Reply:
        """Read a large reply piece by piece, such as an export; the reply's body stays empty.

        Raises:
            ConnectorError: as `send`; what the sink took does not count.
        """
        authorised = self.folder.api.authorise(request, self.account.secret_values())
        self.calls += 1
        reply = await self._egress.download(
            self._base_url, authorised, sink, bytes_max=bytes_max, timeout_s=timeout_s
        )
        # An export is judged by its status alone: its body went to the sink.
        self.folder.api.judge(
            msgspec.structs.replace(reply, headers={"content-type": "application/jsonl"})
        )
        return reply

    def retry_after_s(self, attempts: int, error: ConnectorError | None = None) -> float | None:
        """Return when to try again; None when the schedule is at its end."""
        after_s = error.after_s if isinstance(error, RateLimited) else None
        return retry_delay_s(attempts, self._rng, after_s)

    async def aclose(self) -> None:
        """Close the connections to the vendor."""
        await self._egress.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _await_budget(self, cost: float, now: datetime) -> None:
        wait_s = self.bucket.reserve(cost, now)
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def _learn(self, budget: Budget | None) -> None:
        if budget is not None:
            self.bucket.observe(
                budget.available, budget.capacity, budget.refill_per_s, self._clock.now()
            )

    def _judge(self, request: Request, reply: Reply) -> None:
        try:
            self.folder.api.judge(reply)
        except Unavailable as error:
            self.breaker = self.breaker.failed(self._clock.now())
            if status_fate(reply.status, writes=request.writes) == "read_back":
                # It failed after it took the request: nobody can say how far it came.
                raise OutcomeUnknown(status=reply.status) from error
            raise
        except AuthExpired:
            self.breaker = self.breaker.failed(self._clock.now())
            raise
        except ConnectorError:
            self.breaker = self.breaker.succeeded()
            raise
        self.breaker = self.breaker.succeeded()


def policy_of(base_url: str, settings: dict[str, str]) -> EgressPolicy:
    """Return where a connection may call: the public internet, or the sandbox it names.

    Raises:
        ConfigError: the address is not one.
    """
    try:
        base = httpx.URL(base_url)
    except httpx.InvalidURL:
        base = httpx.URL("")
    if not base.host:
        raise ConfigError("The connection's address is not one.", field="api_base")
    if settings.get("api_base"):
        return EgressPolicy(hosts=frozenset((base.host,)), allowed=frozenset((origin(base),)))
    return EgressPolicy()
