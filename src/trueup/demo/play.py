"""Play the busy day: shops sell, edit, cancel and refund, webhooks go astray, and the hub keeps up.

The shops run in this process; the hub runs as its own web and worker processes, as in production.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from trueup.demo.scene import open_books, open_shops
from trueup.intake.connections import load_accounts
from trueup.intake.reads import count_events, count_issues
from trueup.kernel.clock import SystemClock
from trueup.ledger.proof import Proof, prove_ledger
from trueup.ledger.reads import list_balances
from trueup.outbox.reads import call_latency, count_outbox
from trueup.outbox.receipt import forgive_unexplained
from trueup.pull.access import open_access
from trueup.pull.poll import poll
from trueup.records.reads import count_records
from trueup.sandbox.clock import ScaledClock
from trueup.sandbox.control import stock_of
from trueup.sandbox.faults import ApiFault, WebhookFaults
from trueup.sandbox.sandbox import Sandbox
from trueup.sandbox.shopify import day as days
from trueup.sandbox.shopify.commands import Add, Checkout, Command
from trueup.session import Session

SHOPS = ("north", "south")
SPEED = 60.0
"""An hour of the shops' time passes in a minute: their retries and limits go by it too."""

_APART_S = 1.0
"""Of the shops' time between two steps of one order.

A shop dates changes by the second. Which of two in one second is the later, the hub tells by when
it asked; its own clock goes as all clocks do, and is behind a shop's that goes faster.
"""

_NEVER = datetime.min.replace(tzinfo=UTC)
_HEALED = ("orders", "returns")
_QUIET_TIMEOUT_S = 60.0
_SETUP_TIMEOUT_S = 30.0

Tell = Callable[[str, float], None]
"""Says what is going on now and how far it is, 0 to 1."""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU whose number is not the truth somewhere."""

    sku: str
    truth: int
    ledger: int | None
    shops: dict[str, int]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What the day came to.

    Attributes:
        steps: things that happened in the shops.
        sold_out: checkouts that a shop itself refused for lack of stock.
        oversold_units: units promised by both shops together beyond what there was.
        deliveries: webhooks sent, repeats and lost ones among them.
        differences: SKUs on which truth, ledger and shops do not agree; empty when all is right.
        lost: orders of the shops that the hub does not have.
        same_key_repeats: calls that a shop got again under the same key, and answered without doing
            them twice.
    """

    seconds: float
    steps: int
    sold_out: int
    oversold_units: int
    deliveries: dict[str, int]
    events: dict[str, Any]
    records: dict[str, int]
    stale: int
    outbox: dict[str, Any]
    latency: dict[str, Any]
    issues: dict[str, int]
    proof: Proof
    differences: tuple[Difference, ...]
    lost: int
    same_key_repeats: int

    @property
    def holds(self) -> bool:
        """Whether nothing was lost and every number is the truth."""
        return not (self.differences or self.lost) and self.proof.holds


class Play:
    """One day on one stage.

    Args:
        session: the hub; its web and worker processes are up.
        hub_url: where its web process answers.
        day: how busy it is.
        seconds: how long the day takes.
    """

    def __init__(
        self, session: Session, *, hub_url: str, day: days.BusyDay, seconds: float
    ) -> None:
        self._session = session
        self._hub_url = hub_url
        self._day = day
        self._seconds = seconds
        self.sandbox = Sandbox(ScaledClock(speed=SPEED))
        self._skus = days.catalogue(day)
        self._sold_out = 0
        self._changed_at: dict[str, datetime] = {}

    async def run(self, tell: Tell) -> Outcome:
        """Set the scene, play the day, wait until all is quiet, and compare everything."""
        started = time.monotonic()
        async with self.sandbox.serve() as sandbox_url:
            tell("Two shops open and connect", 0.02)
            await self._set_scene(sandbox_url, tell)
            self._begin_faults()
            steps = await self._play(tell)
            self._end_faults()
            tell("Waiting for the last webhooks and calls", 0.9)
            await self._until_quiet()
            tell("Polling for what the lost webhooks would have said", 0.95)
            await self._heal()
            tell("Proving the books", 0.98)
            return await self._outcome(steps, time.monotonic() - started)

    async def _set_scene(self, sandbox_url: str, tell: Tell) -> None:
        await open_shops(
            self.sandbox,
            self._session,
            handles=SHOPS,
            sandbox_url=sandbox_url,
            hub_url=self._hub_url,
        )
        tell("One catalogue, one stock", 0.05)
        for handle in SHOPS:
            for sku in self._skus:
                self.sandbox.do(handle, Add(skus=[sku]))
        for sku in self._skus:
            self.sandbox.world.receive(sku.sku or "", sku.available)
        await open_books(self._session, self._skus)
        await self._until(self._is_known, _SETUP_TIMEOUT_S)

    async def _is_known(self) -> bool:
        async with self._session.connection() as conn:
            outbox = await count_outbox(conn)
            balances = await list_balances(conn)
        wanted = len(SHOPS) * len(self._skus)
        counted = sum(1 for balance in balances if balance["counted"])
        return outbox["intents"] == wanted and outbox["due"] == 0 and counted == len(self._skus)

    def _begin_faults(self) -> None:
        for handle in SHOPS:
            shop = self.sandbox.shop(handle)
            shop.desk.faults = WebhookFaults(repeat=0.1, reorder=0.1, drop=0.03, delay_s_max=90)
            shop.faults.rules = [
                ApiFault(kind="timeout_after_work", probability=0.01),
                ApiFault(kind="status", status=500, probability=0.01),
                ApiFault(kind="status", status=429, probability=0.01),
                ApiFault(kind="reset", probability=0.01),
            ]

    async def _heal(self) -> None:
        """Poll each shop once, as the scheduler does every few minutes; then wait again."""
        began_at = SystemClock().now()
        async with self._session.connection() as conn:
            accounts = await load_accounts(conn, self._session.hub.vault)
        shops = [account for account in accounts if account.connection.name in SHOPS]
        for account in shops:
            async with open_access(
                self._session.conninfo, self._session.hub, account, wait_s=10
            ) as access:
                for resource in _HEALED:
                    await poll(access, resource)
        await self._until_quiet()
        async with self._session.connection() as conn:
            for account in shops:
                # All that was sold before the poll has been read: nothing else can explain a
                # change that is still unexplained.
                await forgive_unexplained(
                    conn, account.connection.connection_id, seen_before=began_at
                )
        await self._until_quiet()

    def _end_faults(self) -> None:
        for handle in SHOPS:
            self.sandbox.shop(handle).faults.rules = []

    async def _play(self, tell: Tell) -> int:
        steps = list(days.steps(self._day))
        span_s = max(step.after_s for step in steps)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for n, step in enumerate(steps):
            wait_s = began + step.after_s / span_s * self._seconds - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            await self._come_apart(step.command)
            outcome = self.sandbox.do(step.shop, step.command)
            self._sold_out += outcome.status == "sold_out"
            if n % 10 == 0:
                tell("A busy day", 0.1 + 0.8 * n / len(steps))
        return len(steps)

    async def _come_apart(self, command: Command) -> None:
        order = (
            command.cart.ref if isinstance(command, Checkout) else getattr(command, "order", None)
        )
        if order is None:
            return
        clock = self.sandbox.clock
        passed = clock.now() - self._changed_at.get(order, _NEVER)
        await clock.sleep(_APART_S - passed.total_seconds())
        self._changed_at[order] = clock.now()

    async def _until_quiet(self) -> None:
        await self._until(self._is_quiet, _QUIET_TIMEOUT_S)

    async def _is_quiet(self) -> bool:
        if any(self.sandbox.shop(handle).desk.waiting() for handle in SHOPS):
            return False
        async with self._session.connection() as conn:
            events = await count_events(conn)
            outbox = await count_outbox(conn)
        return not (events["queued"] or outbox["due"] or outbox["in_flight"] or outbox["fetches"])

    async def _until(self, holds: Callable[[], Any], timeout_s: float) -> None:
        """Wait until something holds twice in a row, so that nothing was just in between."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        seen = 0
        while seen < 2 and loop.time() < deadline:
            seen = seen + 1 if await holds() else 0
            await asyncio.sleep(0.25)

    async def _outcome(self, steps: int, seconds: float) -> Outcome:
        async with self._session.connection() as conn:
            balances = {row["sku"]: row["available"] for row in await list_balances(conn)}
            records = await count_records(conn)
            known = {row["kind"]: row["records"] for row in records}
            proof = await prove_ledger(conn)
            issues = {row["code"]: row["issues"] for row in await count_issues(conn)}
            events, outbox = await count_events(conn), await count_outbox(conn)
            latency = await call_latency(conn)
        orders = sum(len(self.sandbox.shop(handle).orders) for handle in SHOPS)
        return Outcome(
            seconds=round(seconds, 1),
            steps=steps,
            sold_out=self._sold_out,
            oversold_units=sum(each.quantity for each in self.sandbox.world.oversells),
            deliveries=self._deliveries(),
            events=events,
            records=known,
            stale=sum(row["stale"] for row in records),
            outbox=outbox,
            latency=latency,
            issues=issues,
            proof=proof,
            differences=tuple(self._differences(balances)),
            lost=orders - known.get("order", 0),
            same_key_repeats=self._same_key_repeats(),
        )

    def _deliveries(self) -> dict[str, int]:
        totals: dict[str, int] = {}
        for handle in SHOPS:
            for name, count in self.sandbox.shop(handle).desk.counters.items():
                totals[name] = totals.get(name, 0) + count
        return totals

    def _differences(self, balances: dict[str, int]) -> list[Difference]:
        found = []
        for seed in self._skus:
            sku = seed.sku or ""
            truth = self.sandbox.world.available[sku]
            shops = {
                handle: stock_of(self.sandbox.shop(handle))[sku]["available"] for handle in SHOPS
            }
            shown = max(0, truth)
            if balances.get(sku) != truth or any(value != shown for value in shops.values()):
                found.append(
                    Difference(sku=sku, truth=truth, ledger=balances.get(sku), shops=shops)
                )
        return found

    def _same_key_repeats(self) -> int:
        repeats = 0
        for handle in SHOPS:
            keys = [
                key for call in self.sandbox.door(handle).calls for key in call.idempotency_keys
            ]
            repeats += len(keys) - len(set(keys))
        return repeats
