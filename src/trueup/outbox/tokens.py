"""Tokens that expire: fresh for every call, renewed by one process at a time, never lost.

Some vendors hand out a new refresh token with each access token and then forget the old one. So:

- Who asks for a token holds the connection's lock, a lock of its own database session.
- The old refresh token stays in the table until the new one is committed over it. A process that
  dies in between leaves the old one behind, which is tried again.
- Asking and keeping go on when the call that wanted the token is given up, and keeping is tried
  again while the database is away.
"""

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
import structlog

from trueup.contract.grant import Grant, Token
from trueup.contract.loader import ConnectorFolder
from trueup.contract.oauth import Scheme
from trueup.db.pool import WORKER_ROLE, connect, translate_errors
from trueup.errors import AuthExpired, DatabaseUnavailable, RateLimited, Unavailable
from trueup.govern.vault import Vault
from trueup.intake.connections import Account
from trueup.intake.tokens import StoredToken, hold_token, read_token, refuse_token, store_token
from trueup.kernel.clock import Clock, SystemClock
from trueup.outbox.exchange import exchange, token_scheme

_log = structlog.get_logger("trueup.outbox")

Conn = psycopg.AsyncConnection[Any]

MARGIN_S = 60.0
"""A token is renewed this long before it expires, or a tenth of its life if that is longer."""

REFUSED_S = 300.0
"""So long after a refusal the vendor is not asked again, whoever wants a token."""

FRUITLESS_S = 60.0
"""So long after a fresh token was turned away as well no other one is asked for."""

HOLD_TIMEOUT_S = 25.0
KEEP_TIMEOUT_S = 60.0
_AWAY_S = 15.0
_POLL_S = 0.05
_KEEP_POLL_S = 0.5

_running: set[asyncio.Task[Any]] = set()


class Tokens:
    """Gives one account's access token; see the top of the file.

    Args:
        conninfo: of the database.
        vault: opens and seals.
        folder: the connector; it has an `auth.py`.
        account: settings and what people gave.
        scheme: of `token_scheme`.
        clock: tells when a token is due.
    """

    def __init__(
        self,
        conninfo: str,
        vault: Vault,
        folder: ConnectorFolder,
        account: Account,
        scheme: Scheme,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._conninfo = conninfo
        self._vault = vault
        self._folder = folder
        self._account = account
        self._scheme = scheme
        self._clock = clock or SystemClock()
        self._secrets = account.secret_values()
        self._basis = token_basis(vault, self._secrets, scheme)
        self._turn = asyncio.Lock()
        self._held: StoredToken | None = None
        self._due_at: datetime | None = None
        self._fruitless_until: datetime | None = None

    @property
    def how_to_fix(self) -> str:
        """Say what a person does once the vendor no longer lets us in."""
        connection = self._account.connection
        if self._secrets.get("refresh_token"):
            return f"Give it a new one: trueup rotate-secret {connection.name} refresh_token."
        if self._scheme == "oauth2_client":
            return f"Give it new credentials: trueup rotate-secret {connection.name} <field>."
        return f"Sign in again: trueup connect {connection.connector} --again {connection.name}."

    async def access_token(self, *, spent: str = "") -> str:
        """Return an access token that is good for the next while.

        Args:
            spent: one that the vendor has just turned away; another one is wanted.

        Raises:
            AuthExpired: the vendor hands out no more; a person must act.
            Unavailable, RateLimited: the vendor can not be asked now, and the last one has expired.
            DatabaseUnavailable: it can not be read.
        """
        async with self._turn:
            held = self._held
            if held is None or held.access_token == spent or self._is_due():
                # Given up or not, what was asked for is kept: it may be the only one that is good.
                held = await asyncio.shield(_keep_running(self._fresh(spent)))
                self._held = held
            return held.access_token

    async def another(self, spent: str, error: AuthExpired) -> str | None:
        """Return another token for a call that was turned away; None where that can not help.

        Raises:
            AuthExpired: the vendor hands out no more.
        """
        if self._held is not None and self._held.access_token != spent and not self._is_due():
            # It was renewed while the call was on its way.
            return self._held.access_token
        now = self._clock.now()
        fruitless = self._fruitless_until is not None and now < self._fruitless_until
        if error.context.get("status") not in {401, 403} or fruitless:
            return None
        found = await self.access_token(spent=spent)
        # Unless the next call gets through, asking again and again would only do harm.
        self._fruitless_until = now + timedelta(seconds=FRUITLESS_S)
        return found

    def helped(self) -> None:
        """Note that the other token was taken."""
        self._fruitless_until = None

    def _is_due(self) -> bool:
        return self._due_at is not None and self._clock.now() >= self._due_at

    async def _fresh(self, spent: str) -> StoredToken:
        """Read what there is; where it will not do, ask for the next one, alone."""
        with translate_errors():
            async with await self._connect() as conn:
                stored, usable = await self._read(conn, spent)
                loop = asyncio.get_running_loop()
                ends_at = loop.time() + HOLD_TIMEOUT_S
                while not usable and not await hold_token(conn, self._number):
                    if loop.time() >= ends_at:
                        raise Unavailable("Another process has long been asking for a token.")
                    await asyncio.sleep(_POLL_S)
                    stored, usable = await self._read(conn, spent)
                if not usable:
                    # Who held the lock before may have kept one a moment ago.
                    stored, usable = await self._read(conn, spent)
                if stored is not None and usable:
                    self._due_at = due_at(stored)
                    return stored
                return await self._renew(conn, stored, spent)

    async def _read(self, conn: Conn, spent: str) -> tuple[StoredToken | None, bool]:
        """Return what there is, and whether it is good for the next while."""
        stored = await read_token(conn, self._vault, self._number)
        if stored is None:
            return None, False
        if stored.basis != self._basis:
            # It was had with what people have since replaced.
            return msgspec.structs.replace(
                stored, access_token="", refresh_token=None, refused_at=None, refused=None
            ), False
        due = due_at(stored)
        fresh = due is None or self._clock.now() < due
        return stored, fresh and stored.access_token != spent

    async def _renew(self, conn: Conn, stored: StoredToken | None, spent: str) -> StoredToken:
        try:
            grant, secrets = self._grant(stored)
            asked_at = self._clock.now()
            token = await exchange(self._folder, self._account.connection.settings, secrets, grant)
        except AuthExpired as error:
            return await self._after_refusal(conn, stored, spent, error)
        except (Unavailable, RateLimited) as error:
            if not self._still_good(stored, spent) or stored is None:
                raise
            _log.warning("token_late", connection=self._name, reason=error.message)
            self._due_at = self._clock.now() + timedelta(seconds=_AWAY_S)
            return stored
        fresh = kept_token(token, self._basis, asked_at, before=stored)
        return await self._keep(conn, fresh, after=stored.generation if stored else 0)

    def _grant(self, stored: StoredToken | None) -> tuple[Grant, dict[str, str]]:
        """Return what the next token is asked for with."""
        if stored is not None and stored.refused_at is not None:
            since_s = (self._clock.now() - stored.refused_at).total_seconds()
            if 0 <= since_s < REFUSED_S:
                raise AuthExpired(reason=stored.refused or "")
        refresh = self._secrets.get("refresh_token")
        if stored is not None and (refresh or self._scheme == "oauth2"):
            refresh = stored.refresh_token or refresh
        if refresh:
            return Grant(kind="refresh"), self._secrets | {"refresh_token": refresh}
        if self._scheme == "oauth2_client":
            return Grant(kind="client"), self._secrets
        raise AuthExpired(reason="nobody has signed in")

    async def _after_refusal(
        self, conn: Conn, stored: StoredToken | None, spent: str, error: AuthExpired
    ) -> StoredToken:
        if stored is not None and stored.refused_at is None and "status" in error.context:
            reason = str(error.context.get("reason", "not told"))
            now = self._clock.now()
            await refuse_token(conn, self._number, stored, refused_at=now, refused=reason)
        if stored is not None and self._still_good(stored, spent):
            _log.warning("token_last", connection=self._name, reason=str(error))
            self._due_at = stored.expires_at
            return stored
        raise AuthExpired(**error.context | {"fix": self.how_to_fix}) from error

    def _still_good(self, stored: StoredToken | None, spent: str) -> bool:
        if stored is None or not stored.access_token or stored.access_token == spent:
            return False
        return stored.expires_at is None or self._clock.now() < stored.expires_at

    async def _keep(self, conn: Conn, token: StoredToken, *, after: int) -> StoredToken:
        """Commit a token that was handed out, also where the session was lost meanwhile."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + KEEP_TIMEOUT_S
        try:
            return await self._commit(conn, token, after)
        except DatabaseUnavailable:
            _log.warning("token_not_kept_yet", connection=self._name)
        while True:
            await asyncio.sleep(_KEEP_POLL_S)
            try:
                async with await self._connect() as other:
                    return await self._commit(other, token, after)
            except DatabaseUnavailable:
                if loop.time() >= ends_at:
                    raise

    async def _commit(self, conn: Conn, token: StoredToken, after: int) -> StoredToken:
        with translate_errors():
            number = await store_token(conn, self._vault, self._number, token, after=after)
            if number is None:
                # It is kept already, or another process was first while our session was lost.
                token = await read_token(conn, self._vault, self._number) or token
        self._due_at = due_at(token)
        return token

    async def _connect(self) -> Conn:
        return await connect(self._conninfo, application_name="trueup-tokens", role=WORKER_ROLE)

    @property
    def _number(self) -> int:
        return self._account.connection.connection_id

    @property
    def _name(self) -> str:
        return self._account.connection.name


def open_tokens(
    conninfo: str,
    vault: Vault,
    folder: ConnectorFolder,
    account: Account,
    *,
    clock: Clock | None = None,
) -> Tokens | None:
    """Return what gives an account its tokens; None where it needs none."""
    scheme = token_scheme(folder, account)
    return None if scheme is None else Tokens(conninfo, vault, folder, account, scheme, clock=clock)


def token_basis(vault: Vault, secrets: dict[str, str], scheme: Scheme) -> bytes:
    """Return 16 bytes that change with what people gave to have tokens by.

    A client's own secrets, or the refresh token that was given; a person's consent outlives a
    change of the app's secret.
    """
    counted = secrets if scheme == "oauth2_client" else {"": secrets.get("refresh_token", "")}
    parts = [part for name in sorted(counted) for part in (name, counted[name])]
    return vault.index("token-basis", "\x1f".join((scheme, *parts)))


def kept_token(
    token: Token, basis: bytes, asked_at: datetime, *, before: StoredToken | None = None
) -> StoredToken:
    """Return a token as it is kept; without a new refresh token the one before goes on."""
    lifetime_s = token.expires_in_s
    return StoredToken(
        access_token=token.access_token,
        refresh_token=token.refresh_token or (before.refresh_token if before else None),
        basis=basis,
        asked_at=asked_at,
        expires_at=None if lifetime_s is None else asked_at + timedelta(seconds=lifetime_s),
    )


def due_at(token: StoredToken) -> datetime | None:
    """Return when a token is to be renewed; None where it does not expire."""
    if token.expires_at is None:
        return None
    life_s = (token.expires_at - token.asked_at).total_seconds()
    margin_s = min(max(MARGIN_S, life_s / 10), life_s / 2)
    return token.expires_at - timedelta(seconds=margin_s)


def _keep_running(work: Coroutine[Any, Any, StoredToken]) -> "asyncio.Task[StoredToken]":
    """Start work that goes on when nobody waits for it any more."""
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_end)
    return task


def _end(task: "asyncio.Task[StoredToken]") -> None:
    _running.discard(task)
    if not task.cancelled() and task.exception() is not None:
        _log.debug("token_not_had", error=type(task.exception()).__name__)
