"""A brand: one hub, connected to several simulated vendors over real sockets, on one clock.

Without processes: what workers, lines and the scheduler do is done when the test says so.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg

from trueup.api.hooks import HooksApp
from trueup.canon.command import CommandContent
from trueup.contract.loader import find_connectors
from trueup.db.database import prepare_database
from trueup.db.pool import connect
from trueup.govern.vault import Vault
from trueup.hub import Hub
from trueup.intake.claim import claim_events
from trueup.intake.connections import (
    change_connection,
    create_connection,
    find_account,
    load_accounts,
)
from trueup.intake.gateway import Gateway
from trueup.kernel.limits import PARTITIONS
from trueup.outbox.budget import Budgets
from trueup.outbox.caller import Caller
from trueup.outbox.command import list_commands
from trueup.outbox.commander import Commander
from trueup.outbox.dispatch import Dispatcher
from trueup.outbox.enqueue import want_commands
from trueup.outbox.model import WantedCommand
from trueup.outbox.tokens import open_tokens
from trueup.pipeline import Applier
from trueup.pull.access import Access, open_access
from trueup.pull.follow import Followed, follow
from trueup.pull.poll import poll

KEY = bytes(range(32))
HUB_URL = "http://hub.test"


class HandClock:
    """Time that moves when it is told to; the hub's and all vendors'."""

    def __init__(self) -> None:
        self._at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)

    def now(self) -> datetime:
        """Return the instant."""
        return self._at

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._at += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        """Move on instead of waiting."""
        self.advance(seconds)


class Brand:
    """One hub and its vendors."""

    def __init__(self, url: str, conn: psycopg.AsyncConnection[Any], stack: AsyncExitStack) -> None:
        self.url = url
        self.conn = conn
        self.stack = stack
        self.clock = HandClock()
        self.hub = Hub(Vault(KEY), find_connectors())
        self.applier = Applier(conn, self.hub)
        self.budgets = Budgets(url, now=self.clock, sleep=self.clock.sleep)
        self.vendors: dict[str, Any] = {}
        self.transport: httpx.AsyncBaseTransport | None = None
        self._lines: dict[str, psycopg.AsyncConnection[Any]] = {}

    # -- vendors -------------------------------------------------------------------------------

    async def connect(
        self,
        connector: str,
        vendor: Any,
        *,
        name: str = "",
        settings: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        base: str = "",
    ) -> int:
        """Serve a vendor and connect it; `base` is what follows the served address."""
        name = name or connector
        served = await self.stack.enter_async_context(vendor.serve(deliver=False))
        self.vendors[name] = vendor
        number = await create_connection(
            self.conn,
            self.hub.vault,
            name=name,
            connector=connector,
            settings={"api_base": served + base, **(settings or {})},
            secrets=dict(secrets or {}),
        )
        accounts = await load_accounts(self.conn, self.hub.vault)
        self.hub.use_connections(account.connection for account in accounts)
        return number

    async def deliver(self) -> int:
        """Carry every vendor's due webhooks to the hub's real door; returns how many were tried."""
        tried = 0
        async with Gateway(self.url, self.hub.vault) as gateway:
            app = HooksApp(self.url, self.hub, gateway, body_bytes_max=5_000_000, clock=self.clock)
            transport = httpx.ASGITransport(app=app)
            for vendor in self.vendors.values():
                if not hasattr(vendor, "courier"):
                    continue  # mail has no webhooks
                courier = vendor.courier(transport)
                tried += await courier.deliver_due()
                await courier.close()
        return tried

    async def connect_timeout(self, name: str, seconds: str) -> None:
        """Let a connection's calls time out sooner."""
        account = await find_account(self.conn, self.hub.vault, name)
        settings = account.connection.settings | {"call_timeout_s": seconds}
        await change_connection(self.conn, account.connection, settings=settings)

    # -- the hub's duties ------------------------------------------------------------------------

    async def apply(self) -> int:
        """Apply everything that waits."""
        applied = 0
        while events := await claim_events(self.conn, range(PARTITIONS), 200):
            await self.applier.apply(events)
            applied += len(events)
        return applied

    @asynccontextmanager
    async def access(self, name: str) -> AsyncIterator[Access]:
        """Open a connection for pulling."""
        account = await find_account(self.conn, self.hub.vault, name)
        async with open_access(
            self.url,
            self.hub,
            account,
            clock=self.clock,
            sleep=self.clock.sleep,
            wait_s=5,
            budgets=self.budgets,
        ) as access:
            yield access

    async def follow(self, name: str, resource: str = "parcel") -> Followed:
        """Ask a carrier for the parcels that are due."""
        async with self.access(name) as access:
            return await follow(access, resource)

    async def poll(self, name: str, *resources: str) -> None:
        """Poll a connection's resources, all of them where none is named."""
        async with self.access(name) as access:
            for resource in resources or [r.resource for r in access.folder.manifest.pull]:
                await poll(access, resource)

    @asynccontextmanager
    async def dispatcher(self, name: str) -> AsyncIterator[Dispatcher]:
        """Open a connection's line."""
        account = await find_account(self.conn, self.hub.vault, name)
        folder = self.hub.connectors[account.connection.connector]
        tokens = open_tokens(self.url, self.hub.vault, folder, account, clock=self.clock)
        limiter = self.budgets.of(account.connection.connection_id, folder.manifest)
        async with Caller(
            folder, account, clock=self.clock, tokens=tokens, limiter=limiter
        ) as caller:
            conn = await self._line(name)
            try:
                yield Dispatcher(conn, self.hub.vault, caller, clock=self.clock, keys=self.hub.keys)
            except BaseException:  # a process that died has no session any more
                await self._lines.pop(name).close()
                raise

    async def _line(self, name: str) -> psycopg.AsyncConnection[Any]:
        """Return the session of a connection's line, which stays open from one look to the next."""
        conn = self._lines.get(name)
        if conn is None or conn.closed:
            conn = await connect(self.url, application_name="test-line")
            self._lines[name] = await self.stack.enter_async_context(conn)
        return self._lines[name]

    @asynccontextmanager
    async def commander(self, name: str) -> AsyncIterator[Commander]:
        """Open the part of a line that carries commands out."""
        async with self.dispatcher(name) as dispatcher:
            yield dispatcher.commander

    async def work(self, name: str, *, rounds: int = 50) -> int:
        """Send and fetch until nothing is due; returns how much was done."""
        done = 0
        async with self.dispatcher(name) as dispatcher:
            for _ in range(rounds):
                step = await dispatcher.recover() + await dispatcher.commander.recover()
                step += await dispatcher.commander.ask() + await dispatcher.step()
                if not step:
                    break
                done += step
        return done

    # -- commands --------------------------------------------------------------------------------

    async def order(self, name: str, ref: str, content: CommandContent, *, key: str = "k") -> None:
        """Order a command."""
        account = await find_account(self.conn, self.hub.vault, name)
        wanted = WantedCommand(
            connection_id=account.connection.connection_id,
            kind=content.command,
            key=key,
            ref=ref,
            content=content,
            wanted_at=self.clock.now(),
        )
        async with self.conn.transaction():
            await want_commands(self.conn, self.hub.vault, [wanted])

    async def settle(self, name: str, ref: str, *, hours: int = 3) -> str:
        """Work while time passes, until a command has come to an end; returns its state."""
        for _ in range(hours * 12):
            await self.work(name)
            if await self.state(ref) in {"done", "refused", "dead"}:
                break
            self.clock.advance(300)
        return await self.state(ref)

    async def state(self, ref: str) -> str:
        """Return how far a command has come."""
        (row,) = await list_commands(self.conn, ref=ref)
        return str(row["state"])

    async def issues(self) -> set[str]:
        """Return the codes of open issues."""
        cursor = await self.conn.execute("SELECT code FROM intake.issue WHERE closed_at IS NULL")
        return {code for (code,) in await cursor.fetchall()}

    async def rows(self, query: str, *values: object) -> list[Any]:
        """Run a query of the test's own."""
        return await (await self.conn.execute(query.encode(), values or None)).fetchall()


@asynccontextmanager
async def open_brand(url: str) -> AsyncIterator[Brand]:
    """Open a hub on a fresh database, with no vendor yet."""
    await prepare_database(url)
    async with AsyncExitStack() as stack:
        conn = await stack.enter_async_context(await connect(url, application_name="test"))
        brand = Brand(url, conn, stack)
        stack.push_async_callback(brand.budgets.aclose)
        yield brand
