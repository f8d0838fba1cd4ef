"""Group commit: concurrent deliveries share one transaction, and are answered after it."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

import psycopg

from trueup.db.pool import WORKER_ROLE, connect, translate_errors
from trueup.errors import DatabaseUnavailable
from trueup.govern.vault import Vault
from trueup.intake.append import append_events
from trueup.intake.model import Appended, NewEvent
from trueup.kernel.limits import COMMIT_EVENTS_MAX, INTAKE_WAITING_MAX

_Waiting = tuple[NewEvent, "asyncio.Future[Appended]"]


class Gateway:
    """Appends single deliveries as they come, in commits of as many as are waiting.

    One task per connection takes what waits and commits it; while it commits, more gather. So a
    lone delivery is committed at once, and a flood in large commits.

    Args:
        conninfo: of the database.
        vault: seals the bodies.
        writers: connections that commit side by side.
    """

    def __init__(self, conninfo: str, vault: Vault, *, writers: int = 1) -> None:
        self._conninfo = conninfo
        self._vault = vault
        self._writers = writers
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._write()) for _ in range(self._writers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        self._wake.set()
        await asyncio.gather(*self._tasks)

    async def append(self, events: Sequence[NewEvent]) -> list[Appended]:
        """Append the events of one delivery; returns once all are durable, in their order.

        They may go in several commits: a repeat of the delivery brings those that are missing.

        Raises:
            DatabaseUnavailable: not all are durable; the sender must repeat the delivery.
        """
        if self._closing or len(self._waiting) >= INTAKE_WAITING_MAX:
            raise DatabaseUnavailable("Too many deliveries wait to be stored; repeat this one.")
        loop = asyncio.get_running_loop()
        answers: list[asyncio.Future[Appended]] = [loop.create_future() for _ in events]
        self._waiting.extend(zip(events, answers, strict=True))
        self._wake.set()
        if (
            len(answers) == 1
        ):  # nearly always, and a flood of them feels what waiting for many costs
            return [await answers[0]]
        return await asyncio.gather(*answers)

    async def _write(self) -> None:
        conn: psycopg.AsyncConnection[Any] | None = None
        while True:
            await self._wake.wait()
            batch = self._take()
            if not batch:
                if self._closing:
                    await _drop(conn)
                    return
                self._wake.clear()
                continue
            try:
                with translate_errors():
                    if conn is None or conn.closed:
                        conn = await connect(
                            self._conninfo, application_name="trueup-intake", role=WORKER_ROLE
                        )
                    await self._commit(conn, batch)
            except Exception as error:  # noqa: BLE001 - every waiting sender must be answered
                await _drop(conn)
                conn = None
                _fail(batch, error)
                await asyncio.sleep(0.05)

    async def _commit(self, conn: psycopg.AsyncConnection[Any], batch: list[_Waiting]) -> None:
        """Append a batch and answer its senders.

        In autocommit the one statement of a batch without repeats is its own transaction; the
        look-up of repeats reads what is committed already.
        """
        try:
            answers = await append_events(conn, self._vault, [event for event, _ in batch])
        except psycopg.OperationalError:
            raise
        except psycopg.Error:
            if len(batch) == 1:
                raise
            # One of them can not be stored: it must not take the others with it.
            for one in batch:
                try:
                    await self._commit(conn, [one])
                except psycopg.OperationalError:
                    raise
                except psycopg.Error as error:
                    _fail([one], error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)

    def _take(self) -> list[_Waiting]:
        count = min(len(self._waiting), COMMIT_EVENTS_MAX)
        return [self._waiting.popleft() for _ in range(count)]


async def _drop(conn: psycopg.AsyncConnection[Any] | None) -> None:
    if conn is not None:
        with suppress(Exception):
            await conn.close()


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
