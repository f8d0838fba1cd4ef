"""The worker: takes events from the queue and applies them, beside others of its kind."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import structlog

from trueup.db.pool import WORKER_ROLE, connect, translate_errors
from trueup.errors import DatabaseUnavailable
from trueup.hub import Hub
from trueup.intake.claim import claim_events
from trueup.intake.connections import load_accounts
from trueup.intake.drift import DriftWatch
from trueup.intake.partitions import PartitionShare
from trueup.kernel.limits import BATCH_EVENTS_MAX
from trueup.outbox.reach import ReachWatch
from trueup.outbox.wake import Wake
from trueup.pipeline import Applier

_log = structlog.get_logger("trueup.worker")

IDLE_S = 0.005
IDLE_S_MAX = 0.04
"""How long a session that found nothing waits, at first and after a while; part of the latency of
a lone event."""

BALANCE_INTERVAL_S = 0.5
RECONNECT_S = 0.25

BEHIND_S = 5.0
"""How long after its last full batch a process counts as behind. One session alone makes larger
batches of a trickle, which cost less and do not wait for each other; several are for a flood."""


class Worker:
    """Applies events over one database session; over several, with a share each, while behind.

    While the database works for one session, the process works for the other.

    Args:
        conninfo: of the database.
        hub: vault, connectors and connections.
        sessions: how many side by side at most.
        ttl_s: after how long a silent session loses its partitions.
        batch_events_max: events in one transaction.
        wake: called when events were applied, for the lines of this process.
    """

    def __init__(
        self,
        conninfo: str,
        hub: Hub,
        *,
        sessions: int = 2,
        ttl_s: float = 3.0,
        batch_events_max: int = BATCH_EVENTS_MAX,
        wake: Wake | None = None,
    ) -> None:
        self._conninfo = conninfo
        self._hub = hub
        self._sessions = sessions
        self._ttl_s = ttl_s
        self._batch_events_max = batch_events_max
        self._wake = wake or Wake()
        self._watch = DriftWatch()
        self._reach = ReachWatch()
        self._full_at = float("-inf")
        self._behind = asyncio.Event()
        self._shares = 0
        """Counts up when a session came, went or gave something up: the others look at once."""
        self.applied = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; a database that is away is waited for."""
        helpers = (self._help(stop) for _ in range(self._sessions - 1))
        await asyncio.gather(self._session(stop, lambda: True), *helpers)

    async def _help(self, stop: asyncio.Event) -> None:
        """Work beside the others as long as the process is behind."""
        while not stop.is_set():
            try:
                await asyncio.wait_for(self._behind.wait(), BALANCE_INTERVAL_S)
            except TimeoutError:
                continue
            await self._session(stop, self._is_behind)
            self._behind.clear()
            self._shares += 1

    def _is_behind(self) -> bool:
        return asyncio.get_running_loop().time() - self._full_at < BEHIND_S

    async def _session(self, stop: asyncio.Event, needed: Callable[[], bool]) -> None:
        away = False
        while needed() and not stop.is_set():
            try:
                with translate_errors():
                    await self._work(stop, needed)
            except DatabaseUnavailable as error:
                if not away:
                    _log.warning("database_away", reason=error.message)
                away = True
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RECONNECT_S)
            else:
                away = False

    async def _work(self, stop: asyncio.Event, needed: Callable[[], bool]) -> None:
        conn = await connect(self._conninfo, application_name="trueup-worker", role=WORKER_ROLE)
        try:
            share = PartitionShare(conn, ttl_s=self._ttl_s)
            await share.join()
            self._shares += 1
            applier = Applier(conn, self._hub, self._watch, reach=self._reach)
            loop = asyncio.get_running_loop()
            balanced_at, shares, idle_s = float("-inf"), self._shares, IDLE_S
            while needed() and not stop.is_set():
                if loop.time() - balanced_at >= BALANCE_INTERVAL_S or shares != self._shares:
                    shares, held = self._shares, len(share.held)
                    await share.balance()
                    self._shares += len(share.held) < held
                    balanced_at = loop.time()
                await self._watch.flush(conn, self._hub.reader_line, self._name_of)
                await self._reach.flush(conn)
                if await self._apply_next(conn, share, applier):
                    idle_s = IDLE_S
                else:
                    await asyncio.sleep(idle_s)
                    idle_s = min(idle_s * 1.5, IDLE_S_MAX)
        finally:
            await conn.close()

    def _name_of(self, connection_id: int) -> str:
        return self._hub.names().get(connection_id, str(connection_id))

    async def _apply_next(
        self, conn: psycopg.AsyncConnection[Any], share: PartitionShare, applier: Applier
    ) -> int:
        events = await claim_events(conn, share.held, self._batch_events_max)
        if not events:
            return 0
        if any(event.connection_id not in self._hub.connections for event in events):
            await refresh_connections(conn, self._hub)
        if len(events) == self._batch_events_max:
            self._full_at = asyncio.get_running_loop().time()
            self._behind.set()
        self._wake.call(await applier.apply(events))
        self.applied += len(events)
        return len(events)


async def refresh_connections(conn: psycopg.AsyncConnection[Any], hub: Hub) -> None:
    """Read the connections anew."""
    accounts = await load_accounts(conn, hub.vault)
    hub.use_connections(account.connection for account in accounts)
