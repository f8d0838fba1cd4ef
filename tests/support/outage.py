"""A hub and simulated vendors of all connectors, whose lines can be down for days.

What a process does all the time is done here step by step, by the hub's own parts: the duties of
the scheduler, two lines to one account (each with a session for budgets of its own), the applying.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import httpx
import psycopg

from tests.support.brand import HUB_URL, Brand
from tests.support.gate import Gate, Trouble
from tests.support.plays import Play, play_of
from trueup.contract.connector import Piece, Reply, Request
from trueup.contract.manifest import Action
from trueup.contract.recognition import identify_piece
from trueup.db.database import prepare_database
from trueup.db.pool import connect
from trueup.errors import AuthExpired
from trueup.intake.append import append_events
from trueup.intake.connections import (
    create_connection,
    find_account,
    load_accounts,
    rotate_secret,
)
from trueup.intake.duties import list_duties
from trueup.intake.model import NewEvent, Origin
from trueup.outbox.budget import Budgets
from trueup.outbox.caller import Caller
from trueup.outbox.dispatch import Dispatcher
from trueup.outbox.tokens import open_tokens
from trueup.pull.access import Access, open_access
from trueup.pull.backfill import backfill
from trueup.quality.twin import Twin, twin_of
from trueup.scheduler import AUTH_DELAY_S, Scheduler, _histories, _sweeps, _Task

_OWN = "own"
_STEPS_MAX = 2_000
_LOOK_S = 0.0005


class OneTime:
    """The hub's and all vendors' time.

    It moves when nobody does anything any more, to when the first one wakes that waits.
    """

    def __init__(self) -> None:
        self._at = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=1)
        self._wakes: list[datetime] = []
        self._busy = 0
        self.twins: list[Twin] = []

    def now(self) -> datetime:
        return self._at

    def advance(self, seconds: float) -> None:
        self._move(self._at + timedelta(seconds=seconds))

    async def sleep(self, seconds: float) -> None:
        wake = self._at + timedelta(seconds=seconds)
        self._wakes.append(wake)
        try:
            await asyncio.sleep(_LOOK_S)
            while wake > self._at and (self._busy or wake > min(self._wakes)):  # noqa: ASYNC110 - each has its own condition
                await asyncio.sleep(_LOOK_S)
        finally:
            self._wakes.remove(wake)
        self._move(max(self._at, wake))

    @contextmanager
    def stands(self) -> Iterator[None]:
        """Let time stand still inside, as what happens there takes next to none."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    def catch_up(self) -> None:
        """Go on to where a vendor has gone by itself."""
        self._move(max(self._at, *(twin.now() for twin in self.twins)))

    def _move(self, at: datetime) -> None:
        self._at = at
        for twin in self.twins:
            twin.advance((at - twin.now()).total_seconds())


class TimedBudgets(Budgets):
    """Budgets whose answers, and the calls that follow, come in no time."""

    def __init__(self, conninfo: str, time: OneTime) -> None:
        super().__init__(conninfo, now=time, sleep=time.sleep)
        self._time = time

    async def run(self, query: LiteralString, **parameters: object) -> Sequence[Any] | None:
        with self._time.stands():
            return await super().run(query, **parameters)


class TimedEgress:
    """A way out on which calls take no time."""

    def __init__(self, inner: Any, time: OneTime) -> None:
        self._inner, self._time = inner, time

    async def send(self, base_url: str, request: Request) -> Reply:
        with self._time.stands():
            reply: Reply = await self._inner.send(base_url, request)
            return reply

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Site:
    """One connection: the vendor, the way to it, and those who call it.

    Attributes:
        lines: two to the one account, as where one process takes over from another.
        ordered: refs of commands by kind.
        happened: how many rounds of things happened at the vendor.
    """

    def __init__(self, name: str, twin: Twin, gate: Gate, play: Play) -> None:
        self.name, self.twin, self.gate, self.play = name, twin, gate, play
        self.connection_id = 0
        self.actions: list[Action] = []
        self.lines: list[Dispatcher] = []
        self.callers: list[Caller] = []
        self.access: Access | None = None
        self.ordered: dict[str, list[str]] = {}
        self.happened = 0
        self._began = False
        self._shut_until: datetime | None = None

    @property
    def vendor(self) -> Any:
        """What sends webhooks; None for a mail server."""
        return getattr(self.twin, "vendor", None) or getattr(self.twin, "sandbox", None)

    def over_limit(self) -> int:
        """Return how many calls came too fast, by the vendor's own count."""
        return self.play.over_limit(self.twin)

    def calls(self) -> int:
        """Return how many calls the hub began."""
        return sum(caller.calls for caller in self.callers)

    def live(self) -> None:
        """Let something happen at the vendor."""
        self.play.happen(self.twin, self.happened)
        self.happened += 1

    def breathe(self) -> None:
        """Let the vendor do what it does by itself as time passes."""
        self.twin.settle()
        if hasattr(self.vendor, "tick"):
            self.vendor.tick()

    async def look_after(self, scheduler: Scheduler, now: datetime) -> None:
        """Do the scheduler's duties that are due, as its round does."""
        access = self.access
        if access is None or (self._shut_until is not None and now < self._shut_until):
            return
        duties = {duty.name: duty for duty in await list_duties(access.conn, self.connection_id)}
        tasks: list[_Task] = [*scheduler._daily(access), *_histories(access), *_sweeps(access)]
        for task in tasks:
            duty = duties.get(task.name)
            if not scheduler._is_due(duty, task, at_start=not self._began):
                continue
            if isinstance(await scheduler._do(access, task, duty), AuthExpired):
                self._shut_until = access.clock.now() + timedelta(seconds=AUTH_DELAY_S)
                break
        self._began = True

    async def work(self, *, beside: bool) -> None:
        """Let the line do what is due.

        Only who holds the account looks after what is open. Beside it the other one, as a process
        that has not let go yet, ends what it can claim.
        """
        for line in self.lines[:1]:
            await line.recover()
            await line.check_submitted()
            await line.commander.recover()
            await line.commander.ask()
        lines = self.lines if beside else self.lines[:1]
        await asyncio.gather(*(_work(line) for line in lines))


class Stage(Brand):
    """A brand whose vendors can be away."""

    def __init__(self, url: str, conn: psycopg.AsyncConnection[Any], stack: AsyncExitStack) -> None:
        super().__init__(url, conn, stack)
        self.time = OneTime()
        self.clock = self.time  # type: ignore[assignment] - it has all that one by hand has
        self.budgets = TimedBudgets(url, self.time)
        self.scheduler = Scheduler(url, self.hub, clock=self.time, sleep=self.time.sleep)
        self.sites: dict[str, Site] = {}
        self._own = 0
        self._moved = 0

    async def join(self, connector: str) -> Site:
        """Connect a connector's simulated vendor, as the rules of quality know it."""
        opened = twin_of(connector)
        assert opened is not None
        twin = opened()
        twin.advance((self.time.now() - twin.now()).total_seconds())
        self.time.twins.append(twin)
        play, folder = play_of(connector), self.hub.connectors[connector]
        gate = Gate(mail=folder.manifest.api.transport == "smtp")
        site = Site(connector, twin, gate, play)
        served = await self.stack.enter_async_context(twin.serve())
        base = await self.stack.enter_async_context(gate.before(served))
        settings = {**twin.settings, "public_url": HUB_URL, "call_timeout_s": "3"}
        settings |= {"api_base": base} | play.settings(twin)
        for name, value in settings.items():
            settings[name] = value.replace("http://twin.example", base)
        site.connection_id = await create_connection(
            self.conn,
            self.hub.vault,
            name=connector,
            connector=connector,
            settings=settings,
            secrets=dict(twin.secrets),
        )
        await self._know()
        site.actions = [a for a in folder.manifest.actions if a.form == "command"]
        if site.vendor is not None:
            self.vendors[connector] = site.vendor
        webhook = folder.manifest.webhook
        if webhook is not None and not webhook.managed and hasattr(site.vendor, "subscribe"):
            site.vendor.subscribe("*", f"{HUB_URL}/hooks/{connector}")
        self.sites[connector] = site
        await self._call(site)
        return site

    async def _know(self) -> None:
        accounts = await load_accounts(self.conn, self.hub.vault)
        self.hub.use_connections(account.connection for account in accounts)

    async def _call(self, site: Site) -> None:
        """Open the lines and the poller of a connection, each process with its own budgets."""
        account = await find_account(self.conn, self.hub.vault, site.name)
        folder = self.hub.connectors[site.name]
        writes = folder.has("actions") or folder.has("commands") or folder.has("pull")
        for _ in range(2 if writes else 0):
            budgets = self._budgets()
            tokens = open_tokens(self.url, self.hub.vault, folder, account, clock=self.time)
            limiter = budgets.of(site.connection_id, folder.manifest)
            conn = await self.stack.enter_async_context(
                await connect(self.url, application_name="test-line")
            )
            caller = await self.stack.enter_async_context(
                Caller(folder, account, clock=self.time, tokens=tokens, limiter=limiter)
            )
            site.callers.append(caller)
            site.lines.append(Dispatcher(conn, self.hub.vault, caller, clock=self.time))
        if folder.has("pull"):
            site.access = await self.stack.enter_async_context(
                open_access(
                    self.url,
                    self.hub,
                    account,
                    clock=self.time,
                    sleep=self.time.sleep,
                    wait_s=5,
                    budgets=self._budgets(),
                )
            )
            site.callers.append(site.access.caller)
        for caller in site.callers:
            caller._egress = TimedEgress(caller._egress, self.time)  # type: ignore[assignment] - it stands before one

    async def sign_in_again(self, site: Site) -> None:
        """Do what a person does who is asked to let the hub in again."""
        vault, folder = self.hub.vault, self.hub.connectors[site.name]
        for name, value in site.play.secrets(site.twin).items():
            await rotate_secret(self.conn, vault, site.connection_id, name, value)
        account = await find_account(self.conn, vault, site.name)
        for caller in site.callers:
            caller.account = account
            caller._tokens = open_tokens(self.url, vault, folder, account, clock=self.time)

    def _budgets(self) -> Budgets:
        budgets = TimedBudgets(self.url, self.time)
        self.stack.push_async_callback(budgets.aclose)
        return budgets

    # -- stock -----------------------------------------------------------------------------------

    async def move(self, kind: str, units: dict[str, int]) -> None:
        """Report movements of stock by hand."""
        if not self._own:
            self._own = await create_connection(
                self.conn, self.hub.vault, name=_OWN, connector="manual", settings={}, secrets={}
            )
            await self._know()
        folder, now, events = self.hub.connectors["manual"], self.time.now(), []
        for sku, count in units.items():
            self._moved += 1
            body = (
                f'{{"ref":"m-{self._moved}","movement":"{kind}","sku":"{sku}",'
                f'"quantity":{count},"occurred_at":"{now.isoformat()}"}}'
            ).encode()
            known = identify_piece(folder, Piece(topic="stock/movement", body=body), now)
            events.append(
                NewEvent(
                    connection_id=self._own,
                    external_id=known.external_id,
                    topic=known.topic,
                    entity=known.entity,
                    origin=Origin.OWN,
                    received_at=now,
                    body=body,
                )
            )
        if events:
            await append_events(self.conn, self.hub.vault, events)

    async def available(self) -> dict[str, int]:
        """Return what our books offer of each SKU."""
        rows = await self.rows("SELECT key, max(available) FROM outbox.intent GROUP BY key")
        return {str(key): max(0, int(units)) for key, units in rows}

    # -- what stands -----------------------------------------------------------------------------

    async def states(self) -> list[tuple[str, str]]:
        """Return each command's name and how far it has come."""
        return await self.rows("SELECT ref, state FROM outbox.command ORDER BY command_id")

    async def read_again(self, site: Site) -> int:
        """Read all that a vendor has into a new connection of its own; returns its number."""
        name = f"{site.name}-again"
        account = await find_account(self.conn, self.hub.vault, site.name)
        number = await create_connection(
            self.conn,
            self.hub.vault,
            name=name,
            connector=site.name,
            settings=account.connection.settings,
            secrets=account.secret_values() | dict(site.play.secrets(site.twin)),
        )
        await self._know()
        folder = self.hub.connectors[site.name]
        if not folder.has("pull"):
            return number
        again = await find_account(self.conn, self.hub.vault, name)
        async with open_access(
            self.url, self.hub, again, clock=self.time, sleep=self.time.sleep, budgets=self.budgets
        ) as access:
            for resource in folder.manifest.pull:
                await backfill(access, resource.resource)
            await self.apply()
            reader = Dispatcher(access.conn, self.hub.vault, access.caller, clock=self.time)
            while await reader.fetcher.step():
                await self.apply()
        return number

    # -- time ------------------------------------------------------------------------------------

    async def step(self, seconds: float, *, beside: bool = False) -> None:
        """Do what is due now everywhere, and let time pass; `beside`: over two lines at once."""
        for site in self.sites.values():
            site.breathe()
        self.time.catch_up()
        await self._carry_hooks()
        await asyncio.gather(
            *(
                duty
                for site in self.sites.values()
                for duty in (
                    site.work(beside=beside),
                    site.look_after(self.scheduler, self.time.now()),
                )
            )
        )
        await self.apply()
        self.advance_to(self.time.now() + timedelta(seconds=seconds))

    def advance_to(self, at: datetime) -> None:
        """Let time pass up to an instant."""
        self.time.advance((at - self.time.now()).total_seconds())

    async def _carry_hooks(self) -> None:
        """Carry webhooks; those of vendors that are away get nowhere."""

        def lost(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("the line is down", request=request)

        away = {name for name, site in self.sites.items() if site.gate.trouble != "none"}
        known, self.vendors = (
            self.vendors,
            {name: vendor for name, vendor in self.vendors.items() if name not in away},
        )
        await self.deliver()
        self.vendors = known
        for name in away & known.keys():
            courier = known[name].courier(httpx.MockTransport(lost))
            await courier.deliver_due()
            await courier.close()

    async def turn(self, name: str, trouble: Trouble) -> None:
        """Let the way to a vendor go wrong, or well again."""
        await self.sites[name].gate.turn(trouble)


async def _work(line: Dispatcher) -> None:
    """Send and fetch until nothing is due."""
    for _ in range(_STEPS_MAX):
        if not await line.step():
            return
    raise AssertionError("what is due has no end")


@asynccontextmanager
async def open_stage(url: str) -> AsyncIterator[Stage]:
    """Open a hub on a fresh database, with no vendor yet."""
    await prepare_database(url)
    async with AsyncExitStack() as stack:
        conn = await stack.enter_async_context(await connect(url, application_name="test"))
        stage = Stage(url, conn, stack)
        stack.push_async_callback(stage.budgets.aclose)
        yield stage
