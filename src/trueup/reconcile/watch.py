"""The watch: every night all checks of the books, beside the scheduler's own work."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
import structlog

from trueup.db.pool import connect, translate_errors
from trueup.errors import DatabaseUnavailable
from trueup.hub import Hub
from trueup.intake.duties import HUB, find_duty, write_duty
from trueup.kernel.clock import Clock, SystemClock
from trueup.own import learn_connections
from trueup.reconcile.checks import Ask, run_checks
from trueup.reconcile.exceptions import Noted, note_reports
from trueup.reconcile.proposals import book_proven
from trueup.warehouse.book import Desk

_log = structlog.get_logger("trueup.reconcile")

DUTY: Final = "books.checks"
HOUR: Final = 4
"""After the ledger was proved."""

RETRY_S: Final = 1800.0
_TICK_S: Final = 5.0
_END_S: Final = 10.0


async def watch_books(conn: psycopg.AsyncConnection[Any], hub: Hub, now: datetime) -> Noted:
    """Run every check once and keep what it found as exceptions.

    Args:
        conn: in autocommit.
        hub: with the connections as they are now.
        now: of the run.
    """
    reports = await run_checks(conn, hub, Ask(now=now))
    return await note_reports(conn, {check.value: each for check, each in reports.items()}, now)


class Watch:
    """Runs the checks when they are due, over a session of its own: they may take minutes.

    Args:
        conninfo: of the database.
        hub: with the connections as whoever leads knows them.
        clock: says what is due.
    """

    def __init__(self, conninfo: str, hub: Hub, *, clock: Clock | None = None) -> None:
        self._conninfo = conninfo
        self._hub = hub
        self._clock = clock or SystemClock()

    async def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Watch while something else is done, and end with it."""
        stop = asyncio.Event()
        watching = asyncio.create_task(self.run(stop))
        try:
            await work
        finally:
            stop.set()
            await asyncio.wait([watching], timeout=_END_S)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; a database that is away is waited for."""
        while not stop.is_set():
            try:
                with translate_errors():
                    async with await connect(
                        self._conninfo, application_name="trueup-watch"
                    ) as conn:
                        while not stop.is_set():
                            await self.step(conn)
                            await _pause(stop)
            except DatabaseUnavailable as error:
                _log.warning("database_away", reason=error.message)
            await _pause(stop)

    async def step(self, conn: psycopg.AsyncConnection[Any]) -> bool:
        """Run the checks if they are due; whether they were. What fails is tried again later."""
        duty, now = await find_duty(conn, HUB, DUTY), self._clock.now()
        if duty is not None and duty.due_at > now:
            return False
        try:
            if self._hub.books_matches:
                await self._book(conn, now)
            noted = await watch_books(conn, self._hub, now)
        except (DatabaseUnavailable, psycopg.OperationalError):
            raise
        except Exception as error:  # noqa: BLE001 - the next night is another
            _log.exception("checks_failed")
            due_at, reason = now + timedelta(seconds=RETRY_S), type(error).__name__
            await write_duty(conn, HUB, DUTY, at=now, due_at=due_at, reason=reason)
        else:
            _log.info("books_checked", standing=noted.standing, closed=noted.closed)
            await write_duty(conn, HUB, DUTY, at=now, due_at=_next_night(now))
        return True

    async def _book(self, conn: psycopg.AsyncConnection[Any], now: datetime) -> None:
        """Book what is proven, before the checks look at what is left."""
        desk, names = Desk(self._hub, clock=self._clock), await learn_connections(conn, self._hub)
        booked = await book_proven(conn, desk, names, today=now.date())
        _log.info("matches_booked", matches=len(booked))


def _next_night(now: datetime) -> datetime:
    tonight = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    return tonight if tonight > now else tonight + timedelta(days=1)


async def _pause(stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), _TICK_S)
