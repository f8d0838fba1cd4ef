"""Lines: one to each vendor account, each on its own, so that none waits for another.

Every worker process tries to hold every account; the one that does works it. When it dies, its
session's lock is free and another process takes over, reads back what was left open, and goes on.
"""

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import Any

import psycopg
import structlog

from trueup.db.pool import WORKER_ROLE, connect, translate_errors
from trueup.errors import ConfigError, ConnectorError, DatabaseUnavailable
from trueup.hub import Hub
from trueup.intake.connections import Account, load_accounts
from trueup.intake.partitions import hold_connection
from trueup.outbox.budget import Budgets
from trueup.outbox.caller import Caller
from trueup.outbox.dispatch import Dispatcher
from trueup.outbox.reach import ReachWatch
from trueup.outbox.tokens import open_tokens
from trueup.outbox.wake import Wake

_log = structlog.get_logger("trueup.outbox")

TAKEOVER_INTERVAL_S = 0.5
REFRESH_INTERVAL_S = 2.0
STOP_TIMEOUT_S = 8.0
"""How long a call in flight may take to end when the process stops; then it is read back later."""

SILENCE_S_MAX = 30
"""A holder that is silent this long has lost its account: longer than one call may take."""


class Lines:
    """Keeps a line to every active account that can be written to.

    Args:
        conninfo: of the database.
        hub: vault and connectors.
        wake: called by those of this process who apply events.
    """

    def __init__(self, conninfo: str, hub: Hub, *, wake: Wake | None = None) -> None:
        self._conninfo = conninfo
        self._hub = hub
        self._budgets = Budgets(conninfo)
        self._reach = ReachWatch()
        self._wake = wake or Wake()
        self._down: set[int] = set()
        self._tasks: dict[int, tuple[Account, asyncio.Task[None]]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop."""
        try:
            while not stop.is_set():
                with suppress(DatabaseUnavailable):
                    await self._refresh(stop)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), REFRESH_INTERVAL_S)
        finally:
            tasks = [task for _, task in self._tasks.values()]
            if tasks:
                await asyncio.wait(tasks, timeout=STOP_TIMEOUT_S)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._budgets.aclose()

    async def _refresh(self, stop: asyncio.Event) -> None:
        """Open lines to new accounts, close those that ended, renew those that changed."""
        with translate_errors():
            async with await self._connect() as conn:
                accounts = await load_accounts(conn, self._hub.vault)
        wanted = {
            account.connection.connection_id: account
            for account in accounts
            if account.connection.state == "active" and self._can_write(account)
        }
        for connection_id, (account, task) in list(self._tasks.items()):
            if wanted.get(connection_id) != account or task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                del self._tasks[connection_id]
        for connection_id, account in wanted.items():
            if connection_id not in self._tasks:
                task = asyncio.create_task(self._line(account, stop))
                self._tasks[connection_id] = (account, task)

    def _can_write(self, account: Account) -> bool:
        folder = self._hub.connectors.get(account.connection.connector)
        return folder is not None and (folder.has("actions") or folder.has("commands"))

    async def _line(self, account: Account, stop: asyncio.Event) -> None:
        connection = account.connection
        while not stop.is_set():
            try:
                with translate_errors():
                    await self._hold(account, stop)
            except (DatabaseUnavailable, ConnectorError) as error:
                # Said once when it goes down and once when it is back, not at every try.
                if connection.connection_id not in self._down:
                    _log.warning("line_down", connection=connection.name, reason=error.message)
                self._down.add(connection.connection_id)
            except ConfigError as error:
                _log.error("line_unusable", connection=connection.name, reason=str(error))
                return
            except Exception:  # noqa: BLE001 - said below
                # A bug on one line must not silence it for ever, nor touch the others.
                _log.exception("line_failed", connection=connection.name)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TAKEOVER_INTERVAL_S)

    async def _hold(self, account: Account, stop: asyncio.Event) -> None:
        connection = account.connection
        async with AsyncExitStack() as sessions:
            conn = await sessions.enter_async_context(await self._connect())
            if not await hold_connection(conn, connection.connection_id):
                return
            if connection.connection_id in self._down:
                self._down.discard(connection.connection_id)
                _log.info("line_up", connection=connection.name)
            await _limit_silence(conn)
            folder = self._hub.connectors[connection.connector]
            tokens = open_tokens(self._conninfo, self._hub.vault, folder, account)
            limiter = self._budgets.of(connection.connection_id, folder.manifest)
            receipts = await sessions.enter_async_context(await self._connect())
            async with Caller(folder, account, tokens=tokens, limiter=limiter) as caller:
                line = Dispatcher(
                    conn,
                    self._hub.vault,
                    caller,
                    reach=self._reach,
                    receipts=receipts,
                    keys=self._hub.keys,
                )
                await line.run(stop, self._wake)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await connect(self._conninfo, application_name="trueup-outbox", role=WORKER_ROLE)


async def _limit_silence(conn: psycopg.AsyncConnection[Any]) -> None:
    await conn.execute(
        "SELECT set_config('idle_session_timeout', %s, false)", (f"{SILENCE_S_MAX}s",)
    )
