"""One call to a vendor: wait for the budget, authorise, send, learn from the reply, judge it."""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final, Self, TypeVar

import msgspec
import structlog

from trueup.contract.breaker import CircuitBreaker
from trueup.contract.connector import Reply, Request
from trueup.contract.egress import Egress
from trueup.contract.loader import ConnectorFolder
from trueup.contract.smtp import SmtpEgress, make_egress
from trueup.contract.throttle import read_retry_after, retry_delay_s, status_fate
from trueup.errors import (
    AuthExpired,
    ConnectorError,
    ContractBroken,
    DatabaseUnavailable,
    OutcomeUnknown,
    RateLimited,
    Resting,
    Unavailable,
)
from trueup.intake.connections import Account
from trueup.kernel.clock import Clock, SystemClock
from trueup.outbox.budget import Limiter, OwnLimiter
from trueup.outbox.policy import policy_of
from trueup.outbox.tokens import Tokens

_log = structlog.get_logger("trueup.outbox")
_Token = TypeVar("_Token", bound=str | None)

LastLook = Callable[[], Awaitable[None]]
"""Asked when a request is about to leave; raises where it shall not."""

_LIMITED = 429
STEPS_MAX: Final = 10
"""Calls that one carrying out takes at most, after its first."""

CALL_TIMEOUT_S = 10.0
"""How long a vendor may take for one call; a number that waits longer is no longer true."""


class Caller:
    """Calls one vendor account.

    Args:
        folder: the connector.
        account: settings and secrets of the connection.
        clock: tells the time to limiter and breaker.
        egress: sends; made from the account's settings where None.
        tokens: gives access tokens; None where the account's secrets are all it needs.
        limiter: gives out the budget of calls; None: nobody else calls this account.
    """

    def __init__(
        self,
        folder: ConnectorFolder,
        account: Account,
        *,
        clock: Clock | None = None,
        egress: Egress | SmtpEgress | None = None,
        tokens: Tokens | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        self.folder = folder
        self.account = account
        self._clock = clock or SystemClock()
        self._tokens = tokens
        self._settings = account.connection.settings
        self._base_url = folder.api.base_url(self._settings)
        self._egress = egress or make_egress(
            folder.manifest.api.transport,
            policy_of(self._base_url, self._settings),
            total_timeout_s=float(self._settings.get("call_timeout_s", CALL_TIMEOUT_S)),
        )
        self._rng = random.Random()  # noqa: S311 - jitter, not a secret
        limit = folder.manifest.limit("all")
        self.concurrency_max = limit.concurrency_max if limit else 1
        self._limiter = limiter or OwnLimiter(folder.manifest, self._clock)
        self.breaker = CircuitBreaker()
        self.calls = 0
        self._came_back = False

    @property
    def settings(self) -> dict[str, str]:
        """The connection's settings."""
        return self._settings

    async def send(
        self, request: Request, *, patient: bool = False, last_look: LastLook | None = None
    ) -> Reply:
        """Send one request and return the vendor's reply once it was judged sound.

        A patient call leaves a share of the budget to the others. A request that is turned away
        with 401 or 403 was not carried out: where tokens expire it is sent once more with another.

        Args:
            request: what is asked.
            patient: such as a page of a backfill.
            last_look: asked when all waiting is over and the request is about to leave; what it
                raises keeps it here.

        Raises:
            ConnectorError: the vendor did not do it; its `fate` says what next.
            OutcomeUnknown: a write whose result nobody knows.
        """
        send = partial(self._send, request, patient=patient, last_look=last_look)
        self._ask_to_call()
        if self._tokens is None:
            return await send(self._secrets())
        token = await self._token(self._tokens.access_token())
        try:
            return await send(self._secrets(token))
        except AuthExpired as error:
            error.context.setdefault("fix", self._tokens.how_to_fix)
            another = await self._token(self._tokens.another(token, error))
            if another is None:
                raise
        self._ask_to_call()
        reply = await send(self._secrets(another))
        self._tokens.helped()
        return reply

    async def send_steps(
        self,
        first: Request,
        following: Callable[[Sequence[Reply]], Request | None],
        *,
        last_look: LastLook | None = None,
    ) -> Reply:
        """Send a request and, one after the other, what follows from the replies so far.

        Args:
            first: the first request.
            following: gives the next one; None when there is none.
            last_look: as of `send`, for the first.

        Returns:
            The last reply.

        Raises:
            ConnectorError: the last call that was made did nothing; those before it count.
            OutcomeUnknown: nobody knows what came of the last call.
        """
        replies = [await self.send(first, last_look=last_look)]
        while len(replies) <= STEPS_MAX:
            request = following(replies)
            if request is None:
                return replies[-1]
            replies.append(await self.send(request))
        raise ContractBroken("The steps of a call have no end.")

    def _ask_to_call(self) -> None:
        """Ask the breaker, for a call and for the token that it may need.

        Raises:
            Resting: the vendor is spared for a while.
        """
        now = self._clock.now()
        self.breaker, may_go = self.breaker.ask(now)
        if not may_go:
            raise Resting(after_s=self.breaker.wait_s(now))

    async def _token(self, asked: Awaitable[_Token]) -> _Token:
        """Return a token; a vendor that can hand out none is as much away as one that is silent."""
        try:
            return await asked
        except Unavailable:
            self.breaker = self.breaker.failed(self._clock.now())
            raise

    def _secrets(self, access_token: str | None = None) -> dict[str, str]:
        """Return what a call may be authorised with; settings too, such as an account's number."""
        known = self._settings | self.account.secret_values()
        return known if access_token is None else known | {"access_token": access_token}

    async def _send(
        self,
        request: Request,
        secrets: Mapping[str, str],
        *,
        patient: bool,
        last_look: LastLook | None,
    ) -> Reply:
        taken_at = await self._limiter.take(request.scope, request.cost, patient=patient)
        authorised = self.folder.api.authorise(request, secrets)
        if last_look is not None:
            await last_look()
        self.calls += 1
        try:
            reply = await self._egress.send(self._base_url, authorised)
        except (Unavailable, OutcomeUnknown):
            self.breaker = self.breaker.failed(self._clock.now())
            raise
        await self._learn(request, reply, taken_at)
        self._judge(request, reply)
        return reply

    def came_back(self) -> bool:
        """Tell whether the vendor answered again since this was last asked, after a rest."""
        came_back, self._came_back = self._came_back, False
        return came_back

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
        token = None if self._tokens is None else await self._tokens.access_token()
        authorised = self.folder.api.authorise(request, self._secrets(token))
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

    async def _learn(self, request: Request, reply: Reply, taken_at: datetime | None) -> None:
        blocked_s = None
        if reply.status == _LIMITED:
            blocked_s = read_retry_after(reply.headers.get("retry-after"), self._clock.now())
        budget = self.folder.api.budget(reply)
        # What the vendor did counts, also where nothing can be written down just now.
        with suppress(DatabaseUnavailable):
            await self._limiter.learn(
                request.scope, request.cost, budget, blocked_s=blocked_s, taken_at=taken_at
            )

    def _judge(self, request: Request, reply: Reply) -> None:
        try:
            self.folder.api.judge(reply)
        except Unavailable as error:
            self.breaker = self.breaker.failed(self._clock.now())
            said_well = 200 <= reply.status < 300  # and the body says that it failed
            if request.writes and (said_well or _may_be_done(reply)):
                # It failed after it took the request: nobody can say how far it came.
                raise OutcomeUnknown(status=reply.status) from error
            raise
        except AuthExpired as error:
            self.breaker = self.breaker.failed(self._clock.now())
            error.context.setdefault("status", reply.status)
            raise
        except ConnectorError:
            self._answered()
            raise
        self._answered()

    def _answered(self) -> None:
        self._came_back = self._came_back or self.breaker.state == "half_open"
        self.breaker = self.breaker.succeeded()


def _may_be_done(reply: Reply) -> bool:
    return status_fate(reply.status, writes=True) == "read_back"
