"""The way between the hub and a shop: calls take time, and what goes wrong on it goes wrong here.

The hub's own dispatcher and caller do their work; only the socket is the world's. One task at a time
runs until it waits for the vendor again, so that a seed's story is always the same one.
"""

import asyncio
import random
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec

from tests.sim.stock.dying import Died
from tests.sim.stock.protocols import Desk
from tests.support.limiter import Open
from trueup.contract.connector import Reply, Request
from trueup.contract.loader import ConnectorFolder
from trueup.errors import OutcomeUnknown, Unavailable
from trueup.intake.connections import Account
from trueup.outbox.caller import Caller
from trueup.outbox.dispatch import Dispatcher
from trueup.outbox.model import Call

FAULTS = (
    "no line",
    "lost before",
    "lost after",
    "limited",
    "failed before",
    "failed after",
    "late",
)


class Way(msgspec.Struct, kw_only=True):
    """One request under way.

    Attributes:
        task: that waits for its answer.
        call: of the outbox, which it carries out; None: it only reads.
        arrive_at, reply_at: when the vendor does it, and when its answer is here.
        fault: what goes wrong; empty: nothing.
    """

    request: Request
    task: "asyncio.Task[Any]"
    call: Call | None
    arrive_at: datetime
    reply_at: datetime
    fault: str
    answer: "asyncio.Future[Reply]"
    reply: Reply | None = None
    arrived: bool = False


class _Told(Dispatcher):
    """The hub's dispatcher, which says which call its requests belong to."""

    line: "Line"

    async def _send(self, call: Call) -> Reply:
        task = asyncio.current_task()
        assert task is not None
        self.line.tasks[task] = call
        return await super()._send(call)


class Line:
    """The hub's line to one shop, as long as the process lives that holds it.

    Args:
        conn: of the hub.
        hub, folder, account: as the hub knows them.
        clock: the hub's.
        desk: of the vendor.
        rng: of the world.
    """

    def __init__(
        self,
        conn: Any,
        vault: Any,
        folder: ConnectorFolder,
        account: Account,
        clock: Any,
        desk: Desk,
        rng: random.Random,
    ) -> None:
        self.desk, self.rng = desk, rng
        self._parts = (conn, vault, folder, account, clock)
        self.faults: dict[str, int] = {}
        self.fault_rate, self.delay_s = 0.15, 2.0
        self.tasks: dict[asyncio.Task[Any], Call | None] = {}
        self.ways: list[Way] = []
        self._parked: set[asyncio.Task[Any]] = set()
        self._stir = asyncio.Event()
        self.calls = 0
        self._born()

    def _born(self) -> None:
        conn, vault, folder, account, clock = self._parts
        self.caller = Caller(folder, account, clock=clock, egress=self, limiter=Open())  # type: ignore[arg-type]
        self.caller._rng = self.rng
        self.dispatcher = _Told(conn, vault, self.caller, clock=clock)
        self.dispatcher.line = self
        self.tidying = False

    @property
    def key_kept(self) -> bool:
        return self.desk.shop.kind == "shopify"

    # -- the socket ----------------------------------------------------------------------------

    async def send(self, base_url: str, request: Request) -> Reply:
        """Put a request on its way and wait for what comes of it."""
        del base_url
        self.calls += 1
        task = asyncio.current_task()
        assert task is not None
        now = self.desk.shop.now
        fault = self.rng.choice(FAULTS) if self.rng.random() < self.fault_rate else ""
        if fault == "late" and not (self.key_kept and request.writes):
            fault = "lost before"
        arrive = now + timedelta(seconds=self.rng.expovariate(1 / self.delay_s))
        reply = arrive + timedelta(seconds=self.rng.expovariate(1 / self.delay_s))
        if fault in {"lost before", "lost after", "late"}:
            reply = max(reply, now + timedelta(seconds=10))
        if fault == "late":
            arrive = reply + timedelta(seconds=self.rng.uniform(0, 30))
        if fault:
            self.faults[fault] = self.faults.get(fault, 0) + 1
        way = Way(
            request=request,
            task=task,
            call=self.tasks.get(task),
            arrive_at=arrive,
            reply_at=reply,
            fault=fault,
            answer=asyncio.get_running_loop().create_future(),
        )
        self.ways.append(way)
        self._parked.add(task)
        self._stir.set()
        return await way.answer

    async def aclose(self) -> None:
        """Nothing is open."""

    # -- the world's hand ----------------------------------------------------------------------

    async def run(self, work: Any) -> None:
        """Start work of the dispatcher and let it run until it waits for the vendor."""
        task = asyncio.create_task(work)
        self.tasks[task] = None
        task.add_done_callback(lambda _: self._stir.set())
        await self._until_parked()

    async def tidy(self) -> None:
        """Do once what the dispatcher does now and then."""
        self.tidying = True
        self.dispatcher._forgiven_at = None
        await self.dispatcher.recover()
        await self.dispatcher.check_submitted()
        await self.dispatcher._forgive()
        self.tidying = False

    async def pump(self, now: datetime) -> None:
        """Let everything happen that is due by now, in the order of its time."""
        while due := self._next(now):
            at, way = due
            if not way.arrived and way.arrive_at == at:
                self._arrive(way)
            elif not way.answer.done():
                self._answer(way)
                await self._until_parked()
            self.ways = [w for w in self.ways if not (w.arrived and w.answer.done())]

    def _next(self, now: datetime) -> tuple[datetime, Way] | None:
        times = [(w.arrive_at, n, w) for n, w in enumerate(self.ways) if not w.arrived]
        times += [(w.reply_at, n, w) for n, w in enumerate(self.ways) if not w.answer.done()]
        at, _, way = min(times, default=(None, 0, None), key=lambda t: (t[0], t[1]))
        return None if at is None or way is None or at > now else (at, way)

    def _arrive(self, way: Way) -> None:
        way.arrived = True
        if way.fault in {"no line", "lost before", "limited", "failed before"}:
            return
        self.desk.current = way.call
        way.reply = self.desk.carry_out(way.request)

    def _answer(self, way: Way) -> None:
        self._parked.discard(way.task)
        if way.fault == "no line":
            way.answer.set_exception(Unavailable(host="world"))
        elif way.fault in {"lost before", "lost after", "late"}:
            error = OutcomeUnknown if way.request.writes else Unavailable
            way.answer.set_exception(error(host="world"))
        elif way.fault == "limited":
            headers = {"retry-after": str(self.rng.randint(1, 20))}
            way.answer.set_result(Reply(status=429, headers=headers, body=b"{}"))
        elif way.fault in {"failed before", "failed after"}:
            way.answer.set_result(Reply(status=500, headers={}, body=b"{}"))
        else:
            assert way.reply is not None
            way.answer.set_result(way.reply)

    async def _until_parked(self) -> None:
        while any(not t.done() and t not in self._parked for t in self.tasks):
            self._stir.clear()
            await self._stir.wait()
        ended = [t for t in self.tasks if t.done()]
        for task in ended:
            del self.tasks[task]
            self._parked.discard(task)
        for task in ended:
            task.result()

    async def die(self) -> None:
        """End the process that holds the line; a successor begins where the database stands.

        A request of its that carries no key either arrived or did not: what would arrive after the
        successor looked, no vendor without keys can tell from a second writer's.
        """
        for task in self.tasks:
            task.cancel()
        for task in list(self.tasks):
            with suppress(asyncio.CancelledError, Died):
                await task
        self.tasks.clear()
        self._parked.clear()
        for way in self.ways:
            if not way.arrived and way.request.writes and not self.key_kept:
                if self.rng.random() < 0.5:
                    self._arrive(way)
                way.arrived = True
            if not way.request.writes:
                way.arrived = True
            if not way.answer.done():
                way.answer.cancel()
        self.ways = [w for w in self.ways if not w.arrived]
        self._born()

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self.tasks or self.ways)
