"""Budgets of calls: what may still be spent at a vendor, by all processes together.

A limiter in each process would multiply the real rate with every replica. So what is left stands in
the database, one row per connection and scope, and a call takes its cost there before it leaves.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, LiteralString, Protocol

import psycopg

from trueup.contract.capability import Limit
from trueup.contract.connector import Budget
from trueup.contract.manifest import Manifest
from trueup.contract.throttle import CostBucket
from trueup.db.pool import WORKER_ROLE, connect, translate_errors
from trueup.db.queries import load_queries
from trueup.errors import RateLimited
from trueup.kernel.clock import Clock, SystemClock

_queries = load_queries("trueup.outbox")

WAIT_S_MAX = 20.0
"""A call that would have to wait longer is turned away, so that its line can do something else."""

PATIENT_WAIT_S_MAX = 120.0
SHARE_FOR_URGENT = 0.25
"""What polls and backfills leave of a budget to the calls that can not wait."""

_UNDECLARED = Limit(kind="requests", capacity=40.0, refill_per_s=2.0)
_TURN_S_MAX = 1.0


class Limiter(Protocol):
    """Gives out one connection's budget of calls."""

    async def take(self, scope: str, cost: float, *, patient: bool) -> datetime | None:
        """Return once the call may leave, with the instant at which it took its cost.

        Args:
            scope: which of the manifest's limits the call counts against.
            cost: what it is expected to cost.
            patient: it can wait: it leaves a share to those that can not.

        Raises:
            RateLimited: the wait is longer than is bearable.
        """
        ...

    async def learn(
        self,
        scope: str,
        cost: float,
        budget: Budget | None,
        *,
        blocked_s: float | None = None,
        taken_at: datetime | None = None,
    ) -> None:
        """Believe what the reply to a call says; `blocked_s`: the vendor wants no calls so long."""
        ...


class OwnLimiter:
    """A budget that nobody shares: for an account that is only tried out."""

    def __init__(self, manifest: Manifest, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._limits = limits_of(manifest)
        self._buckets = {name: CostBucket.of(limit) for name, limit in self._limits.items()}

    async def take(self, scope: str, cost: float, *, patient: bool) -> datetime | None:  # noqa: ARG002 - one caller
        """Return once the call may leave."""
        name = scope_of(self._limits, scope)
        wait_s = self._buckets[name].reserve(cost, self._clock.now())
        if wait_s > WAIT_S_MAX:
            self._buckets[name].give_back(cost, self._clock.now())
            raise RateLimited(after_s=wait_s)
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        return None

    async def learn(
        self,
        scope: str,
        cost: float,  # noqa: ARG002 - nothing else of ours is in flight
        budget: Budget | None,
        *,
        blocked_s: float | None = None,  # noqa: ARG002 - the one caller knows it from the error
        taken_at: datetime | None = None,  # noqa: ARG002 - one call at a time
    ) -> None:
        """Believe what the reply says."""
        if budget is not None:
            self._buckets[scope_of(self._limits, scope)].observe(
                budget.available,
                budget.capacity,
                budget.refill_per_s,
                self._clock.now(),
                at_most=budget.at_most,
            )


class Budgets:
    """The shared budgets, over one session of this process.

    Args:
        conninfo: of the database.
        now: gives the instant that counts; None: the database's own clock, which all share.
        sleep: waits for a budget; a test may wait less.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        now: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._conninfo = conninfo
        self._now = now
        self.sleep = sleep
        self._lock = asyncio.Lock()
        self._conn: psycopg.AsyncConnection[Any] | None = None

    def of(self, connection_id: int, manifest: Manifest) -> "SharedLimiter":
        """Return the limiter of one connection."""
        return SharedLimiter(self, connection_id, limits_of(manifest))

    async def aclose(self) -> None:
        """End the session."""
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(Exception):
                await conn.close()

    async def run(self, query: LiteralString, **parameters: object) -> Sequence[Any] | None:
        """Run one statement and return its row, if it has one.

        Raises:
            DatabaseUnavailable: what is left is not known, so nothing may be spent.
        """
        now: datetime | None = None if self._now is None else self._now.now()
        async with self._lock:
            try:
                with translate_errors():
                    if self._conn is None or self._conn.closed:
                        self._conn = await connect(
                            self._conninfo, application_name="trueup-budget", role=WORKER_ROLE
                        )
                    cursor = await self._conn.execute(
                        query, {"now": now, **parameters}, prepare=True
                    )
                    return await cursor.fetchone() if cursor.description else None
            except BaseException:
                await self.aclose()
                raise


class SharedLimiter:
    """One connection's budgets, shared by all processes."""

    def __init__(self, budgets: Budgets, connection_id: int, limits: dict[str, Limit]) -> None:
        self._budgets = budgets
        self._connection_id = connection_id
        self._limits = limits
        self._opened = False

    async def take(self, scope: str, cost: float, *, patient: bool) -> datetime | None:
        """Return once the call may leave, with the instant at which it took its cost."""
        name = scope_of(self._limits, scope)
        waited_s = 0.0
        while True:
            wait_s, taken, at = await self._ask(name, cost, patient=patient)
            if taken:
                break
            waited_s += wait_s
            if wait_s > WAIT_S_MAX or waited_s > PATIENT_WAIT_S_MAX:
                raise RateLimited(after_s=wait_s)
            await self._budgets.sleep(min(max(wait_s, 0.01), _TURN_S_MAX))
        if wait_s > 0:
            await self._budgets.sleep(wait_s)
        return at

    async def learn(
        self,
        scope: str,
        cost: float,
        budget: Budget | None,
        *,
        blocked_s: float | None = None,
        taken_at: datetime | None = None,
    ) -> None:
        """Believe what the reply says."""
        await self._budgets.run(
            _queries.learn_budget,
            connection_id=self._connection_id,
            scope=scope_of(self._limits, scope),
            cost=cost,
            available=None if budget is None else budget.available,
            capacity=None if budget is None else budget.capacity,
            refill_per_s=None if budget is None else budget.refill_per_s,
            at_most=budget is not None and budget.at_most,
            blocked_s=blocked_s,
            taken_at=taken_at,
        )

    async def _ask(self, name: str, cost: float, *, patient: bool) -> tuple[float, bool, datetime]:
        if not self._opened:
            await self._open()
        for _ in range(2):
            row = await self._budgets.run(
                _queries.take_budget,
                connection_id=self._connection_id,
                scope=name,
                cost=cost,
                patient=patient,
                share=SHARE_FOR_URGENT,
                wait_s_max=WAIT_S_MAX,
            )
            if row is not None:
                return float(row[0]), bool(row[1]), row[2]
            await self._open()  # the table does not outlive a crash of the server
        raise RateLimited(after_s=1.0)

    async def _open(self) -> None:
        await self._budgets.run(
            _queries.open_budgets,
            connection_id=self._connection_id,
            scopes=list(self._limits),
            capacities=[limit.capacity for limit in self._limits.values()],
            refills=[limit.refill_per_s for limit in self._limits.values()],
        )
        self._opened = True


def limits_of(manifest: Manifest) -> dict[str, Limit]:
    """Return a manifest's limits by scope; always with one for "all"."""
    return {"all": _UNDECLARED} | {limit.scope: limit for limit in manifest.limits}


def scope_of(limits: dict[str, Limit], scope: str) -> str:
    """Return the scope whose budget a call spends."""
    return scope if scope in limits else "all"
