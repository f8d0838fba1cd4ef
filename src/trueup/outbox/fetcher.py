"""Fetch: read from one vendor account the records that events only hinted at."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import psycopg
import structlog

from trueup.contract.connector import Fetch, Piece
from trueup.db.queries import load_queries
from trueup.errors import ConnectorError, ContractBroken, RateLimited, Resting
from trueup.govern.vault import Vault
from trueup.intake.append import append_events
from trueup.intake.model import NewEvent, Origin
from trueup.kernel.clock import Clock, SystemClock
from trueup.kernel.limits import COMMIT_EVENTS_MAX
from trueup.outbox.caller import Caller
from trueup.outbox.heard import heard_event

_log = structlog.get_logger("trueup.outbox")
_queries = load_queries("trueup.outbox")

FETCH_CALLS_MAX = 2_000
"""More calls than the largest settlement takes: a reading without an end is stopped here."""

CLAIM_S = 120.0
"""So long a fetch is left to the line that took it, where nobody knows whether that died."""

_INTERVAL_S = 0.2
_AT_ONCE = 5
_PAUSE_S = 0.05


class Fetcher:
    """Reads for one connection over one database session, which others of the line use too.

    Args:
        conn: in autocommit.
        vault: seals what was read on its way into the log.
        caller: of the connection.
        database: held while the session is used.
        clock: tells when replies came in.
    """

    def __init__(
        self,
        conn: psycopg.AsyncConnection[Any],
        vault: Vault,
        caller: Caller,
        *,
        database: asyncio.Lock,
        clock: Clock,
    ) -> None:
        self._conn = conn
        self._vault = vault
        self._caller = caller
        self._database = database
        self._clock = clock
        self._connection_id = caller.account.connection.connection_id

    async def run(self, stop: asyncio.Event) -> None:
        """Read what is due until told to stop; first what a line before had taken and not read."""
        async with self._database:
            taken = {"connection_id": self._connection_id, "now": self._now()}
            await self._conn.execute(_queries.free_fetches, taken)
        while not stop.is_set():
            if await self.step() == 0:
                await asyncio.sleep(_INTERVAL_S)

    def _now(self) -> datetime | None:
        """Return the instant that counts; None: the database's own, which all processes share."""
        return None if isinstance(self._clock, SystemClock) else self._clock.now()

    async def step(self) -> int:
        """Read what is due now; returns how many fetches that were."""
        async with self._database:
            cursor = await self._conn.execute(
                _queries.claim_fetches,
                {
                    "connection_id": self._connection_id,
                    "count": _AT_ONCE,
                    "claim_s": CLAIM_S,
                    "now": self._now(),
                },
                prepare=True,
            )
            rows = await cursor.fetchall()
        for fetch_id, resource, ref, attempts in rows:
            await self._fetch(fetch_id, Fetch(resource=resource, ref=ref), attempts)
        return len(rows)

    async def _fetch(self, fetch_id: int, fetch: Fetch, attempts: int) -> None:
        state, delay_s, failed = "done", 0.0, False
        events: list[NewEvent] = []
        try:
            async for page in self._read_whole(fetch):
                events += page
        except (RateLimited, Resting) as error:
            state, delay_s, events = "due", max(error.after_s, _PAUSE_S), []
        except ConnectorError as error:
            later_s = self._caller.retry_after_s(attempts, error)
            failed = True
            state = "dead" if later_s is None or error.fate == "never" else "due"
            delay_s = later_s or 0.0
            events = []
            _log.info("fetch_failed", ref=fetch.ref, reason=error.code, state=state)
        async with self._database, self._conn.transaction():
            for start in range(0, len(events), COMMIT_EVENTS_MAX):
                await append_events(
                    self._conn, self._vault, events[start : start + COMMIT_EVENTS_MAX]
                )
            await self._conn.execute(
                _queries.end_fetch,
                {
                    "fetch_id": fetch_id,
                    "state": state,
                    "delay_s": delay_s,
                    "failed": failed,
                    "now": self._now(),
                },
            )

    async def _read_whole(self, fetch: Fetch) -> AsyncIterator[list[NewEvent]]:
        """Read what a fetch is about, in as many calls as it takes."""
        folder, step = self._caller.folder, fetch
        for _ in range(FETCH_CALLS_MAX):
            asked_at = self._clock.now()
            reply = await self._caller.send(folder.pull.fetch_request(step))
            page = folder.pull.fetched(step, reply)
            yield [self._fetched_event(piece, asked_at) for piece in page.pieces]
            if page.then is None:
                return
            step = page.then
        raise ContractBroken("The vendor's pages have no end.", resource=fetch.resource)

    def _fetched_event(self, piece: Piece, asked_at: datetime) -> NewEvent:
        folder, now = self._caller.folder, self._clock.now()
        return heard_event(
            folder, self._connection_id, piece, Origin.POLL, asked_at=asked_at, now=now
        )
