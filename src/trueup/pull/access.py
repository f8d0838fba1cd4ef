"""An account opened for pulling: one puller at a time, patient with the vendor."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.contract.connector import Piece, Reply, Request
from trueup.contract.loader import ConnectorFolder
from trueup.contract.recognition import identify_piece
from trueup.db.pool import connect
from trueup.errors import ConfigError, RateLimited, Resting, Unavailable
from trueup.hub import Hub
from trueup.intake.append import append_events
from trueup.intake.connections import Account
from trueup.intake.model import Appended, Connection, Lane, NewEvent, Origin
from trueup.intake.partitions import hold_pull
from trueup.kernel.clock import Clock, SystemClock
from trueup.kernel.limits import COMMIT_EVENTS_MAX
from trueup.outbox.budget import Budgets
from trueup.outbox.caller import Caller
from trueup.outbox.exchange import token_scheme
from trueup.outbox.tokens import open_tokens

LIMITED_TRIES_MAX = 6
"""How often one call is tried again because the vendor asked to slow down."""

DOWN_DELAYS_S = (0.5, 2.0, 5.0)
"""Waits before a read is tried again that the vendor did not answer."""

_AFTER_S_MAX = 60.0
_HOLD_INTERVAL_S = 0.5

Sleep = Callable[[float], Awaitable[None]]


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One account opened for pulling.

    Attributes:
        conn: in autocommit; holds the account's pull lock.
        sleep: waits; a test may wait less.
    """

    conn: psycopg.AsyncConnection[Any]
    hub: Hub
    caller: Caller
    clock: Clock
    sleep: Sleep = asyncio.sleep

    @property
    def connection(self) -> Connection:
        """The connection that is pulled."""
        return self.caller.account.connection

    @property
    def folder(self) -> ConnectorFolder:
        """Its connector."""
        return self.caller.folder

    async def send(self, request: Request) -> Reply:
        """Send a request, waiting as the vendor asks; a read without an answer is sent again.

        Raises:
            ConnectorError: the vendor did not do it, also after some patience.
            OutcomeUnknown: a write whose result nobody knows.
        """
        limited = down = 0
        while True:
            try:
                return await self.caller.send(request, patient=True)
            except RateLimited as error:
                limited += 1
                if limited > LIMITED_TRIES_MAX:
                    raise
                await self.sleep(min(max(error.after_s, 0.05), _AFTER_S_MAX))
            except Resting:
                raise  # nobody was asked, and asking again so soon is what the rest is against
            except Unavailable:
                if request.writes or down >= len(DOWN_DELAYS_S):
                    raise
                await self.sleep(DOWN_DELAYS_S[down])
                down += 1

    async def append(
        self,
        pieces: list[Piece],
        origin: Origin,
        lane: Lane = Lane.LIVE,
        *,
        asked_at: datetime | None = None,
    ) -> list[Appended]:
        """Append pieces to the log, in the caller's transaction.

        Args:
            pieces: as read.
            origin: how they were read.
            lane: of the events.
            asked_at: when the vendor was asked: what it answered is at least as new as every
                webhook that it raised before, also within one second of its own stamps.
        """
        now = self.clock.now()
        events = []
        for piece in pieces:
            identified = identify_piece(self.folder, piece, now)
            events.append(
                NewEvent(
                    connection_id=self.connection.connection_id,
                    external_id=identified.external_id,
                    topic=identified.topic,
                    entity=identified.entity,
                    origin=origin,
                    raised_at=identified.raised_at or asked_at,
                    received_at=now,
                    body=piece.body,
                    lane=lane,
                )
            )
        appended: list[Appended] = []
        for start in range(0, len(events), COMMIT_EVENTS_MAX):
            batch = events[start : start + COMMIT_EVENTS_MAX]
            appended += await append_events(self.conn, self.hub.vault, batch)
        return appended


@asynccontextmanager
async def open_access(
    conninfo: str,
    hub: Hub,
    account: Account,
    *,
    clock: Clock | None = None,
    sleep: Sleep = asyncio.sleep,
    wait_s: float = 0.0,
    budgets: Budgets | None = None,
) -> AsyncIterator[Access]:
    """Give an account for pulling, held so that nobody else pulls it meanwhile.

    Args:
        conninfo: of the database.
        hub: vault and connectors.
        account: settings and secrets.
        clock: says when pages came in.
        sleep: waits between tries.
        wait_s: how long to wait for another process that pulls it now.
        budgets: of this process; an own session where None.

    Raises:
        ConfigError: the account lacks what a call needs, or another process pulls it.
    """
    folder = hub.connectors.get(account.connection.connector)
    if folder is None:
        raise ConfigError(f"There is no connector {account.connection.connector!r}.")
    if lacking := what_lacks(folder, account):
        raise ConfigError(
            f"{account.connection.name} can not be called: {lacking} is missing.",
            connection=account.connection.name,
        )
    clock = clock or SystemClock()
    async with await connect(conninfo, application_name="trueup-pull") as conn:
        await _hold(conn, account.connection, wait_s)
        tokens = open_tokens(conninfo, hub.vault, folder, account, clock=clock)
        own = budgets or Budgets(conninfo)
        limiter = own.of(account.connection.connection_id, folder.manifest)
        try:
            async with Caller(
                folder, account, clock=clock, tokens=tokens, limiter=limiter
            ) as caller:
                yield Access(conn=conn, hub=hub, caller=caller, clock=clock, sleep=sleep)
        finally:
            if own is not budgets:
                await own.aclose()


async def _hold(conn: psycopg.AsyncConnection[Any], connection: Connection, wait_s: float) -> None:
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + wait_s
    while not await hold_pull(conn, connection.connection_id):
        if loop.time() >= ends_at:
            raise ConfigError(
                f"Another process is pulling {connection.name} now; try again when it is done."
            )
        await asyncio.sleep(_HOLD_INTERVAL_S)


def what_lacks(folder: ConnectorFolder, account: Account) -> str:
    """Name what an account lacks to be called at all; empty where it lacks nothing.

    A connection that was made for files has neither an address nor credentials.
    """
    if not folder.has("api"):
        return "a connector that makes calls"
    settings, secrets = account.connection.settings, account.secret_values()
    for field in folder.manifest.config:
        given: Mapping[str, str] = secrets if field.is_secret else settings
        if field.required and not given.get(field.key):
            # A sandbox is reached by its address alone.
            if field.key == "shop_domain" and settings.get("api_base"):
                continue
            return field.key
    try:
        folder.api.base_url(settings)
        handed_out = {"access_token": "…"} if token_scheme(folder, account) else {}
        folder.api.authorise(folder.api.check_request(), settings | secrets | handed_out)
    except KeyError as error:
        return str(error.args[0])
    return ""
