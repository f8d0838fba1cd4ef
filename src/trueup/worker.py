"""The worker: takes events from the queue and applies them, beside others of its kind."""

import asyncio
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
from trueup.pipeline import Applier

_log = structlog.get_logger("trueup.worker")

IDLE_S = 0.005
IDLE_S_MAX = 0.04
"""How long a session that found nothing waits, at first and after a while; part of the latency of
a lone event."""

BALANCE_INTERVAL_S = 0.5
RECONNECT_S = 0.25


class Worker:
    """Applies events over several database sessions, each with its share of the partitions.

    While the database works for one session, the process works for the other.

    Args:
        conninfo: of the database.
        hub: vault, connectors and connections.
        sessions: how many side by side.
        ttl_s: after how long a silent session loses its partitions.
        batch_events_max: events in one transaction.
    """

    def __init__(
        self,
        conninfo: str,
        hub: Hub,
        *,
        sessions: int = 2,
        ttl_s: float = 3.0,
        batch_events_max: int = BATCH_EVENTS_MAX,
    ) -> None:
        self._conninfo = conninfo
        self._hub = hub
        self._sessions = sessions
        self._ttl_s = ttl_s
        self._batch_events_max = batch_events_max
        self._watch = DriftWatch()
        self._reach = ReachWatch()
        self.applied = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; a database that is away is waited for."""
        await asyncio.gather(*(self._session(stop) for _ in range(self._sessions)))

    async def _session(self, stop: asyncio.Event) -> None:
        away = False
        while not stop.is_set():
            try:
                with translate_errors():
                    await self._work(stop)
            except DatabaseUnavailable as error:
                if not away:
                    _log.warning("database_away", reason=error.message)
                away = True
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), RECONNECT_S)
            else:
                away = False

    async def _work(self, stop: asyncio.Event) -> None:
        conn = await connect(self._conninfo, application_name="trueup-worker", role=WORKER_ROLE)
        try:
            share = PartitionShare(conn, ttl_s=self._ttl_s)
            await share.join()
            applier = Applier(conn, self._hub, self._watch, reach=self._reach)
            loop = asyncio.get_running_loop()
            balanced_at, idle_s = float("-inf"), IDLE_S
            while not stop.is_set():
                if loop.time() - balanced_at >= BALANCE_INTERVAL_S:
                    await share.balance()
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
        await applier.apply(events)
        self.applied += len(events)
        return len(events)


async def refresh_connections(conn: psycopg.AsyncConnection[Any], hub: Hub) -> None:
    """Read the connections anew."""
    accounts = await load_accounts(conn, hub.vault)
    hub.use_connections(account.connection for account in accounts)
