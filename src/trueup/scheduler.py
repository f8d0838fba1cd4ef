"""The scheduler: what must be done again and again, by one process, however many are started.

Each connection is tended by a task of its own over a database session of its own, so that one
vendor that is slow or down holds up no other. What fails is tried again later, ever more slowly,
and stands as an issue until it works; nothing that fails ends the process.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
import structlog

from trueup.canon.issue import Issue, Severity
from trueup.contract.capability import Resource
from trueup.db.aside import pause, run_beside
from trueup.db.pool import connect, translate_errors
from trueup.decisions.tend import Decider
from trueup.errors import AuthExpired, DatabaseUnavailable, HubError, RateLimited
from trueup.hub import Hub
from trueup.intake.connections import Account, load_accounts
from trueup.intake.cursors import read_cursor
from trueup.intake.duties import HUB, Duty, find_duty, list_duties, write_duty
from trueup.intake.issues import close_issues, raise_issue
from trueup.intake.partitions import hold_schedule
from trueup.intake.refuse import trim_refusals
from trueup.kernel.clock import Clock, SystemClock, next_hour
from trueup.ledger.proof import prove_ledger
from trueup.models.tend import Trainer
from trueup.outbox.ahead import tend_ahead
from trueup.outbox.budget import Budgets
from trueup.outbox.enqueue import hasten
from trueup.outbox.flags import tend_outlooks
from trueup.outbox.tuner import Tuner
from trueup.pull.access import Access, Sleep, open_access, what_lacks
from trueup.pull.backfill import backfill
from trueup.pull.follow import FOLLOW_INTERVAL_S, follow
from trueup.pull.poll import poll
from trueup.pull.subscriptions import HOOKS_INTERVAL_S, hook_url, tend_hooks
from trueup.pull.sweep import sweep
from trueup.reconcile.parity import PARITY_INTERVAL_S, compares, round_of_parity
from trueup.reconcile.suspects import (
    ASK_INTERVAL_S,
    SEARCH_INTERVAL_S,
    ask_suspects,
    search_suspects,
)
from trueup.reconcile.watch import Watch
from trueup.reserve import Reservations
from trueup.warehouse.book import Desk
from trueup.warehouse.look import look_at, look_at_overdue
from trueup.warehouse.shelves import look_at_shelves

_log = structlog.get_logger("trueup.scheduler")

PROOF_INTERVAL_S = 24 * 3600.0
PROOF_HOUR = 3
EXPIRY_INTERVAL_S = 2.0
LOOK_INTERVAL_S = 20.0
LOTS_INTERVAL_S = 900.0
TRIM_INTERVAL_S = 3600.0
RETRY_DELAYS_S = (5.0, 30.0, 120.0, 600.0, 1800.0)
AUTH_DELAY_S = 900.0
DUTY_TIMEOUT_S = 15 * 60.0
BACKFILL_TIMEOUT_S = 48 * 3600.0
HISTORY_INTERVAL_S = 365 * 24 * 3600.0  # it is read once; then it is looked whether it was
PROOF_TIMEOUT_S = 30 * 60
POLLING_SHARE = 5
"""A connection without webhooks is polled this many times as often."""

POLLING_INTERVAL_S_MIN = 15.0
_TICK_S = 0.25
_TAKEOVER_INTERVAL_S = 2.0
_REFRESH_INTERVAL_S = 5.0

_Do = Callable[[Access], Awaitable[object]]


class _Task(msgspec.Struct, frozen=True, kw_only=True):
    """One duty of a connection: what to do, how often, how long it may take."""

    name: str
    do: _Do
    interval_s: float
    timeout_s: float = DUTY_TIMEOUT_S


class Scheduler:
    """Runs what is due while it is the one scheduler.

    Args:
        conninfo: of the database.
        hub: vault and connectors.
        clock: decides what is due.
        sleep: waits between tries of one call.
        budgets: of calls; None: by the database's clock.
        history: read the history of resources that were never backfilled.
    """

    def __init__(
        self,
        conninfo: str,
        hub: Hub,
        *,
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
        budgets: Budgets | None = None,
        history: bool = True,
    ) -> None:
        self._conninfo = conninfo
        self._hub = hub
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._budgets = budgets or Budgets(conninfo)
        self._history = history
        self._reservations = Reservations(hub, clock=self._clock)
        asides = (
            Tuner(clock=self._clock),
            Watch(hub, clock=self._clock),
            Decider(hub, self._clock),
            Trainer(hub, self._clock),
        )
        self._asides = [each.aside() for each in asides]
        self._tending: dict[int, tuple[Account, asyncio.Task[None]]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop; where another process schedules, wait to take over."""
        while not stop.is_set():
            try:
                with translate_errors():
                    name = "trueup-scheduler"
                    async with await connect(self._conninfo, application_name=name) as c:
                        if await hold_schedule(c):
                            _log.info("scheduling")
                            await run_beside(self._conninfo, self._lead(c, stop), *self._asides)
            except DatabaseUnavailable as error:
                _log.warning("database_away", reason=error.message)
            finally:
                await self._end_all()
            await pause(stop, _TAKEOVER_INTERVAL_S)

    async def _lead(self, conn: psycopg.AsyncConnection[Any], stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        refreshed_at = float("-inf")
        while not stop.is_set():
            if loop.time() - refreshed_at >= _REFRESH_INTERVAL_S:
                refreshed_at = loop.time()
                await self._refresh(conn, stop)
            await self._do_own(conn)
            await pause(stop, _TICK_S)

    async def _refresh(self, conn: psycopg.AsyncConnection[Any], stop: asyncio.Event) -> None:
        """Tend new accounts, leave those that ended, begin anew with those that changed."""
        accounts = await load_accounts(conn, self._hub.vault)
        self._hub.use_connections(account.connection for account in accounts)
        wanted = {
            account.connection.connection_id: account
            for account in accounts
            if account.connection.state == "active" and self._can_pull(account)
        }
        for connection_id, (account, task) in list(self._tending.items()):
            if wanted.get(connection_id) != account or task.done():
                await _end(task)
                del self._tending[connection_id]
        for connection_id, account in wanted.items():
            if connection_id not in self._tending:
                task = asyncio.create_task(self._tend(account, stop))
                self._tending[connection_id] = (account, task)

    def _can_pull(self, account: Account) -> bool:
        folder = self._hub.connectors.get(account.connection.connector)
        return folder is not None and folder.has("pull") and not what_lacks(folder, account)

    async def _end_all(self) -> None:
        for _, task in self._tending.values():
            await _end(task)
        self._tending.clear()
        await self._budgets.aclose()

    # -- the hub's own duties --------------------------------------------------------------------

    async def _do_own(self, conn: psycopg.AsyncConnection[Any]) -> None:
        own = {
            "ledger.proof": self._prove,
            "refusals.trim": self._trim,
            "reservations.expire": self._expire,
            "suspects.search": self._search,
            "stock.outlook": lambda c: tend_outlooks(c, self._hub, now=self._clock.now()),
            "stock.ahead": lambda c: tend_ahead(c, self._hub.sell_sites, now=self._clock.now()),
            "warehouse.look": self._look,
            "warehouse.lots": self._look_at_shelves,
        }
        for name, do in own.items():
            duty = await find_duty(conn, HUB, name)
            now = self._clock.now()
            if duty is not None and duty.due_at > now:
                continue
            try:
                due_at = await do(conn)
            except (DatabaseUnavailable, psycopg.OperationalError):
                raise
            except Exception as error:  # noqa: BLE001 - nothing that fails ends the process
                _log.exception("duty_failed", duty=name)
                again_at = now + timedelta(seconds=_retry_delay_s(duty, error))
                await write_duty(
                    conn, HUB, name, at=now, due_at=again_at, reason=f"{type(error).__name__}"
                )
            else:
                await write_duty(conn, HUB, name, at=now, due_at=due_at)

    async def _prove(self, conn: psycopg.AsyncConnection[Any]) -> datetime:
        """Re-sum the ledger; where it does not hold an issue says so until it does."""
        setting = "SELECT set_config('statement_timeout', %s, false)"
        await conn.execute(setting, (f"{PROOF_TIMEOUT_S}s",))
        proof = await prove_ledger(conn)
        if proof.holds:
            await close_issues(conn, "ledger.proof_failed", ["ledger/stock"])
        else:
            _log.error("ledger_proof_failed", differences=len(proof.differences))
            issue = Issue(
                code="ledger.proof_failed",
                severity=Severity.ERROR,
                pointer="proof",
                expected="every balance the sum of its postings, and all sums zero",
                found=f"{len(proof.differences)} differences, {proof.unbalanced} unbalanced",
                how_to_fix="Run `trueup reconcile ledger` and report what it prints: it is a bug.",
                ref="ledger/stock",
            )
            await raise_issue(conn, None, issue)
        return next_hour(self._clock.now(), PROOF_HOUR)

    async def _trim(self, conn: psycopg.AsyncConnection[Any]) -> datetime:
        await trim_refusals(conn)
        return self._clock.now() + timedelta(seconds=TRIM_INTERVAL_S)

    async def _expire(self, conn: psycopg.AsyncConnection[Any]) -> datetime:
        """Release the reservations that nobody confirmed in time."""
        await self._reservations.expire_due(conn)
        return self._clock.now() + timedelta(seconds=EXPIRY_INTERVAL_S)

    async def _look(self, conn: psycopg.AsyncConnection[Any]) -> datetime:
        """Hold what was ordered beside what came, and what is on its way beside its day."""
        now = self._clock.now()
        await look_at(conn, self._hub)
        await look_at_overdue(conn, now.date())
        return now + timedelta(seconds=LOOK_INTERVAL_S)

    async def _look_at_shelves(self, conn: psycopg.AsyncConnection[Any]) -> datetime:
        """Set expired lots aside, and hold all lots and serials beside the units."""
        await look_at_shelves(conn, Desk(self._hub, clock=self._clock))
        return self._clock.now() + timedelta(seconds=LOTS_INTERVAL_S)

    async def _search(self, conn: psycopg.AsyncConnection[Any]) -> datetime:
        """Look through a stretch of the books for orders that hold units for too long."""
        await search_suspects(conn, self._clock.now())
        return self._clock.now() + timedelta(seconds=SEARCH_INTERVAL_S)

    # -- one connection --------------------------------------------------------------------------

    async def _tend(self, account: Account, stop: asyncio.Event) -> None:
        """Do what is due for one connection, until told to stop."""
        name = account.connection.name
        while not stop.is_set():
            try:
                with translate_errors():
                    async with open_access(
                        self._conninfo,
                        self._hub,
                        account,
                        clock=self._clock,
                        sleep=self._sleep,
                        budgets=self._budgets,
                    ) as access:
                        await self._tend_held(access, stop)
            except DatabaseUnavailable as error:
                _log.warning("database_away", connection=name, reason=error.message)
            except HubError as error:
                _log.info("not_tended", connection=name, reason=error.message)
            except Exception:  # noqa: BLE001 - one connection's bug must not end the others
                _log.exception("tending_failed", connection=name)
            await pause(stop, _TAKEOVER_INTERVAL_S)

    async def _tend_held(self, access: Access, stop: asyncio.Event) -> None:
        """Do the daily round beside histories and sweeps, over one budget of calls."""
        rounds = [(access, self._daily(access))]
        async with await connect(self._conninfo, application_name="trueup-scheduler") as conn:
            beside = msgspec.structs.replace(access, conn=conn)
            slow = [*(_histories(beside) if self._history else ()), *_sweeps(beside)]
            if slow:
                rounds.append((beside, slow))
            running = [asyncio.create_task(self._go_round(*each, stop)) for each in rounds]
            try:
                await asyncio.gather(*running)
            finally:
                for each in running:
                    await _end(each)

    async def _go_round(self, access: Access, tasks: list[_Task], stop: asyncio.Event) -> None:
        connection_id = access.connection.connection_id
        began = False
        shut_until: datetime | None = None
        while not stop.is_set():
            duties = {duty.name: duty for duty in await list_duties(access.conn, connection_id)}
            for task in tasks:
                if stop.is_set() or (shut_until is not None and self._clock.now() < shut_until):
                    break
                duty = duties.get(task.name)
                if not self._is_due(duty, task, at_start=not began):
                    continue
                error = await self._do(access, task, duty)
                if isinstance(error, AuthExpired):
                    # Every other call would be turned away as well.
                    shut_until = self._clock.now() + timedelta(seconds=AUTH_DELAY_S)
            began = True
            await pause(stop, _TICK_S)

    def _is_due(self, duty: Duty | None, task: _Task, *, at_start: bool) -> bool:
        """Subscriptions, and what failed before, are looked at whenever tending begins anew."""
        if duty is None or duty.due_at <= self._clock.now():
            return True
        return at_start and (task.name == "hooks" or duty.failures > 0)

    async def _do(self, access: Access, task: _Task, duty: Duty | None) -> Exception | None:
        """Do one thing and note how it went; returns why it failed."""
        connection = access.connection
        reason: str | None = None
        outcome: str | None = None
        failed: Exception | None = None
        try:
            async with asyncio.timeout(task.timeout_s):
                found = await task.do(access)
            due_at = self._clock.now() + timedelta(seconds=task.interval_s)
            outcome = msgspec.json.encode(found).decode()
        except (DatabaseUnavailable, psycopg.OperationalError):
            raise
        except Exception as error:  # noqa: BLE001 - tried again later; nothing ends the process
            failed = error
            reason = str(error) if isinstance(error, HubError) else type(error).__name__
            _log.warning("duty_failed", connection=connection.name, duty=task.name, reason=reason)
            due_at = self._clock.now() + timedelta(seconds=_retry_delay_s(duty, error))
            await raise_issue(
                access.conn, connection.connection_id, _failure(connection.name, task.name, error)
            )
        else:
            if duty is not None and duty.failures:
                # The vendor answers again: what waits for it in the outbox need not wait longer.
                await hasten(access.conn, connection.connection_id, self._clock.now())
            await close_issues(access.conn, "duty.failed", [f"duty/{connection.name}/{task.name}"])
            await close_issues(access.conn, AuthExpired.code, [f"connection/{connection.name}"])
        await write_duty(
            access.conn,
            connection.connection_id,
            task.name,
            at=self._clock.now(),
            due_at=due_at,
            reason=reason,
            outcome=outcome,
        )
        return failed

    def _daily(self, access: Access) -> list[_Task]:
        """Return what is done again and again for a connection."""
        tasks: list[_Task] = []
        if access.folder.has("hooks"):
            tasks.append(_Task(name="hooks", do=_look_after_hooks, interval_s=HOOKS_INTERVAL_S))
        settings, manifest = access.connection.settings, access.folder.manifest
        has_hooks = bool(hook_url(settings, access.connection.name)) or manifest.has_queue(settings)
        for resource in manifest.pulled(settings):
            if resource.by_ref:
                name = f"follow.{resource.resource}"
                tasks.append(
                    _Task(name=name, do=_follow_of(resource), interval_s=FOLLOW_INTERVAL_S)
                )
            if not resource.is_listed:
                continue
            interval_s = float(resource.interval_s)
            if not has_hooks:
                share_s = interval_s / POLLING_SHARE
                interval_s = min(interval_s, max(share_s, POLLING_INTERVAL_S_MIN))
            name = f"poll.{resource.resource}"
            tasks.append(_Task(name=name, do=_poll_of(resource), interval_s=interval_s))
        if compares(access):
            # Last, so that what the polls read is known before levels are compared.
            tasks.append(_Task(name="parity", do=round_of_parity, interval_s=PARITY_INTERVAL_S))
        if any(each.resource == "orders" for each in manifest.pulled(settings)):
            tasks.append(_Task(name="suspects", do=ask_suspects, interval_s=ASK_INTERVAL_S))
        return tasks


def _histories(access: Access) -> list[_Task]:
    """Return what is done once for a connection."""
    return [
        _Task(
            name=f"backfill.{resource.resource}",
            do=_backfill_once(resource),
            interval_s=HISTORY_INTERVAL_S,
            timeout_s=BACKFILL_TIMEOUT_S,
        )
        for resource in access.folder.manifest.pulled(access.connection.settings)
        if resource.is_listed
    ]


def _sweeps(access: Access) -> list[_Task]:
    """Return what looks far back: as often as a poll it is seen what of it is due."""
    return [
        _Task(
            name=f"sweep.{resource.resource}",
            do=_sweep_of(resource),
            interval_s=float(resource.interval_s),
        )
        for resource in access.folder.manifest.pulled(access.connection.settings)
        if resource.backdated_s
    ]


async def _look_after_hooks(access: Access) -> object:
    duties = await list_duties(access.conn, access.connection.connection_id)
    first = not any(duty.name == "hooks" and duty.done_at for duty in duties)
    return await tend_hooks(access, first=first)


def _backfill_once(resource: Resource) -> _Do:
    async def do(access: Access) -> object:
        connection_id = access.connection.connection_id
        cursor = await read_cursor(access.conn, connection_id, resource.resource, "backfill")
        if cursor is not None and cursor.finished_at is not None:
            return None
        return await backfill(access, resource.resource)

    return do


def _poll_of(resource: Resource) -> _Do:
    async def do(access: Access) -> object:
        return await poll(access, resource.resource)

    return do


def _sweep_of(resource: Resource) -> _Do:
    async def do(access: Access) -> object:
        return await sweep(access, resource.resource)

    return do


def _follow_of(resource: Resource) -> _Do:
    async def do(access: Access) -> object:
        return await follow(access, resource.resource)

    return do


def _failure(connection_name: str, task_name: str, error: Exception) -> Issue:
    found = str(error) if isinstance(error, HubError) else type(error).__name__
    if isinstance(error, AuthExpired):
        # One issue for the connection, not one for each duty: a person is asked once.
        return Issue(
            code=error.code,
            severity=Severity.ERROR,
            pointer="credentials",
            expected="credentials that the vendor accepts",
            found=found,
            how_to_fix=str(
                error.context.get("fix")
                or f"Give it a new one: trueup rotate-secret {connection_name} <field>."
            ),
            ref=f"connection/{connection_name}",
        )
    return Issue(
        code="duty.failed",
        severity=Severity.WARNING,
        pointer=task_name,
        expected="an answer of the vendor",
        found=found,
        how_to_fix="It is tried again by itself; look here again if it stays.",
        ref=f"duty/{connection_name}/{task_name}",
    )


def _retry_delay_s(duty: Duty | None, error: Exception) -> float:
    if isinstance(error, RateLimited):
        return max(1.0, error.after_s)
    if isinstance(error, AuthExpired):
        return AUTH_DELAY_S
    failures = 0 if duty is None else duty.failures
    return RETRY_DELAYS_S[min(failures, len(RETRY_DELAYS_S) - 1)]


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
