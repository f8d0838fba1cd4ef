"""The watch: every night all checks of the books, beside the scheduler's own work."""

from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
import structlog

from trueup.db.aside import Aside
from trueup.errors import DatabaseUnavailable
from trueup.hub import Hub
from trueup.intake.duties import HUB, find_duty, write_duty
from trueup.kernel.clock import Clock, SystemClock, next_hour
from trueup.own import learn_connections
from trueup.reconcile.checks import TOGETHER, Ask, Check, run_checks
from trueup.reconcile.exceptions import Noted, note_reports
from trueup.reconcile.proposals import book_proven
from trueup.reconcile.report import Report
from trueup.warehouse.book import Desk

_log = structlog.get_logger("trueup.reconcile")

DUTY: Final = "books.checks"
HOUR: Final = 4
"""After the ledger was proved."""

RETRY_S: Final = 1800.0
_TICK_S: Final = 5.0


async def watch_books(conn: psycopg.AsyncConnection[Any], hub: Hub, now: datetime) -> Noted:
    """Run every check once and keep what it found as exceptions.

    A check that fails keeps no other from being run and kept; of it nothing is closed.

    Args:
        conn: in autocommit.
        hub: with the connections as they are now.
        now: of the run.

    Raises:
        Exception: what the first check failed with that did, once the others are kept.
    """
    reports: dict[Check, Report] = {}
    failed: list[Exception] = []
    for together in TOGETHER:
        try:
            reports |= await run_checks(conn, hub, Ask(now=now), *together)
        except (DatabaseUnavailable, psycopg.OperationalError):
            raise
        except Exception as error:  # noqa: BLE001 - told below, after the others were kept
            _log.warning("check_failed", checks=[check.value for check in together])
            failed.append(error)
    noted = await note_reports(conn, {check.value: each for check, each in reports.items()}, now)
    if failed:
        raise failed[0]
    return noted


class Watch:
    """Runs the checks when they are due; they may take minutes.

    Args:
        hub: with the connections as whoever leads knows them.
        clock: says what is due.
    """

    def __init__(self, hub: Hub, *, clock: Clock | None = None) -> None:
        self._hub = hub
        self._clock = clock or SystemClock()

    def aside(self) -> Aside:
        """Return it as work beside other work."""
        return Aside(name="trueup-watch", step=self.step, pause_s=_TICK_S)

    async def step(self, conn: psycopg.AsyncConnection[Any]) -> bool:
        """Run the checks if they are due; whether they were. What fails is tried again later."""
        duty, now = await find_duty(conn, HUB, DUTY), self._clock.now()
        if duty is not None and duty.due_at > now:
            return False
        if self._hub.books_matches:
            await self._book(conn, now)
        try:
            noted = await watch_books(conn, self._hub, now)
        except (DatabaseUnavailable, psycopg.OperationalError):
            raise
        except Exception as error:  # noqa: BLE001 - the next night is another
            _log.exception("checks_failed")
            due_at, reason = now + timedelta(seconds=RETRY_S), type(error).__name__
            await write_duty(conn, HUB, DUTY, at=now, due_at=due_at, reason=reason)
        else:
            _log.info("books_checked", standing=noted.standing, closed=noted.closed)
            await write_duty(conn, HUB, DUTY, at=now, due_at=next_hour(now, HOUR))
        return True

    async def _book(self, conn: psycopg.AsyncConnection[Any], now: datetime) -> None:
        """Book what is proven, before the checks look at what is left; they go on without it."""
        try:
            desk = Desk(self._hub, clock=self._clock)
            names = await learn_connections(conn, self._hub)
            booked = await book_proven(conn, desk, names, today=now.date())
        except (DatabaseUnavailable, psycopg.OperationalError):
            raise
        except Exception:  # noqa: BLE001 - the next night is another
            _log.exception("matches_not_booked")
        else:
            _log.info("matches_booked", matches=len(booked))
