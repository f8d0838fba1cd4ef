"""Work that is done again and again beside other work, each over a session of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

import msgspec
import psycopg
import structlog

from trueup.db.pool import connect, translate_errors
from trueup.errors import DatabaseUnavailable

_log = structlog.get_logger("trueup.db")

_RECONNECT_S: Final = 2.0
_END_S: Final = 10.0


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """What is done beside.

    Attributes:
        name: of the session, as the database shows it.
        step: done once a time; what it raises is logged, and it is tried again.
        pause_s: between two steps; what is called says it after each.
        role: of the session.
    """

    name: str
    step: Callable[[psycopg.AsyncConnection[Any]], Awaitable[object]]
    pause_s: float | Callable[[], float]
    role: str | None = None


async def run_beside(conninfo: str, work: Coroutine[Any, Any, None], *asides: Aside) -> None:
    """Do some work with others beside it, which end with it.

    Args:
        conninfo: of the database.
        work: what it is about.
        asides: what is done beside it.
    """
    stop = asyncio.Event()
    tasks = [asyncio.create_task(_repeat(conninfo, each, stop)) for each in asides]
    try:
        await work
    finally:
        # Told to stop and not cancelled: a session that is half open would be left behind.
        stop.set()
        if tasks:
            await asyncio.wait(tasks, timeout=_END_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(conninfo: str, aside: Aside, stop: asyncio.Event) -> None:
    """Work until told to stop; a database that is away is waited for."""
    while not stop.is_set():
        try:
            with translate_errors():
                async with await connect(
                    conninfo, application_name=aside.name, role=aside.role
                ) as conn:
                    while not stop.is_set():
                        await aside.step(conn)
                        pause_s = aside.pause_s
                        await pause(stop, pause_s() if callable(pause_s) else pause_s)
        except DatabaseUnavailable as error:
            _log.warning("database_away", session=aside.name, reason=error.message)
        except Exception:  # noqa: BLE001 - whatever it was, the next step may do better
            _log.exception("aside_failed", session=aside.name)
        await pause(stop, _RECONNECT_S)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until it is to stop."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
