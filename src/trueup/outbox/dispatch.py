"""Dispatch: tell one vendor account what shall stand there, and read what was only hinted at.

One session of one process holds the account. What its predecessor left unanswered is read back
first; then due intents go out in calls of as many as the vendor takes, nearest to zero first.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import psycopg
import structlog

from trueup.contract.connector import (
    Intent,
    Receipt,
    ReceiptState,
    Reply,
)
from trueup.errors import (
    AuthExpired,
    ConnectorError,
    HubError,
    OutcomeUnknown,
    RateLimited,
    Resting,
)
from trueup.govern.vault import Vault
from trueup.intake.append import append_events
from trueup.intake.duties import orders_read_until
from trueup.intake.model import NewEvent, Origin
from trueup.kernel.clock import Clock, SystemClock
from trueup.outbox.caller import Caller
from trueup.outbox.checker import Checker
from trueup.outbox.claim import claim_call, is_due, open_calls, resend_call
from trueup.outbox.commander import Commander
from trueup.outbox.enqueue import hasten
from trueup.outbox.fetcher import Fetcher
from trueup.outbox.levels import read_levels
from trueup.outbox.model import Call
from trueup.outbox.reach import ReachWatch
from trueup.outbox.receipt import (
    UNEXPLAINED_PATIENCE_S,
    Verdict,
    forgive_unexplained,
    settle_call,
)
from trueup.outbox.wake import Wake
from trueup.records.people import Keys

_log = structlog.get_logger("trueup.outbox")
IDLE_S = 0.005
IDLE_S_MAX = 0.04
"""How long a line with nothing due waits, at first and after a while, where nobody wakes it; part
of a call's latency."""

GATHER_S = 0.02
"""How long numbers gather after a call that took all there were: a lone one never waits, and many
share calls, each of which costs as much as some dozens of numbers."""

_TIDY_INTERVAL_S = 2.0
_COMPARE_DELAY_S = 0.02
_PAUSE_S = 0.05
_AUTH_DELAY_S = 300.0
_FORGIVE_INTERVAL = timedelta(seconds=30)


class Dispatcher:
    """Works for one connection over a database session, which holds the connection's lock.

    Args:
        conn: in autocommit.
        vault: seals replies on their way into the log.
        caller: of the connection.
        clock: tells when replies came in.
        reach: gathers how long lower numbers take.
        receipts: a session of its own to settle calls in, in autocommit: settling waits for those
            who change the same numbers, and what is due meanwhile need not; `conn` where None.
        keys: which names join people, for messages to them; without them the usual ones.
    """

    def __init__(
        self,
        conn: psycopg.AsyncConnection[Any],
        vault: Vault,
        caller: Caller,
        *,
        clock: Clock | None = None,
        reach: ReachWatch | None = None,
        receipts: psycopg.AsyncConnection[Any] | None = None,
        keys: Keys | None = None,
    ) -> None:
        self._conn = conn
        self._receipts = receipts or conn
        self._vault = vault
        self._caller = caller
        self._reach = reach or ReachWatch()
        self._clock = clock or SystemClock()
        self._connection_id = caller.account.connection.connection_id
        self._database = asyncio.Lock()
        self._settling = asyncio.Lock() if receipts is not None else self._database
        actions = {action.name: action for action in caller.folder.manifest.actions}
        self._action = actions.get("stock.set")
        self.commander = Commander(
            conn, vault, caller, database=self._database, clock=self._clock, keys=keys
        )
        self.fetcher = Fetcher(conn, vault, caller, database=self._database, clock=self._clock)
        self.checker = Checker(
            conn, caller, database=self._database, clock=self._clock, reach=self._reach
        )
        self._in_flight: set[int] = set()
        self._forgiven_at: datetime | None = None

    async def run(self, stop: asyncio.Event, wake: Wake | None = None) -> None:
        """Work until told to stop.

        Args:
            stop: tells so.
            wake: tells when something may be due, where the same process applies events.
        """
        await self.recover()
        duties = [self.fetcher.run, self._keep_tidy, self.commander.run]
        if self._action is not None:
            duties.append(partial(self._keep_sending, wake or Wake()))
        tasks = [asyncio.create_task(duty(stop)) for duty in duties]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _now(self) -> datetime | None:
        """Return the instant that counts; None: the database's own, which all processes share."""
        return None if isinstance(self._clock, SystemClock) else self._clock.now()

    async def _keep_sending(self, wake: Wake, stop: asyncio.Event) -> None:
        """Send what is due, several calls side by side, so that a slow one holds up none."""
        under_way: set[asyncio.Task[None]] = set()
        idle_s, look = IDLE_S, True
        try:
            while not stop.is_set():
                if look and len(under_way) < self._caller.concurrency_max:
                    look = await self._begin(under_way)
                    idle_s = IDLE_S if look else idle_s
                else:
                    woken = await wake.wait(self._connection_id, at_most_s=idle_s)
                    look = look or woken or await self._is_due()
                    idle_s = min(idle_s * 1.5, IDLE_S_MAX)
                ended = {task for task in under_way if task.done()}
                under_way -= ended
                for task in ended:
                    task.result()
            await asyncio.gather(*under_way)
        finally:
            # None of them may outlive the session that they write their receipts with.
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _begin(self, under_way: set[asyncio.Task[None]]) -> bool:
        """Begin one call, and let numbers gather for the next; False where nothing is due."""
        call = await self._claim()
        if call is None:
            return False
        under_way.add(asyncio.create_task(self._finish(call)))
        if not self._may_leave_some(call):
            await asyncio.sleep(GATHER_S)
        return True

    def _may_leave_some(self, call: Call) -> bool:
        """Whether more may have been due than went along."""
        action = self._action
        return action is None or action.bulk_from > 1 or len(call.claimed) == action.bulk_max

    async def _keep_tidy(self, stop: asyncio.Event) -> None:
        """Now and then: read back what is unknown or submitted, and end patience."""
        while not stop.is_set():
            await self.recover()
            await self.check_submitted()
            await self._forgive()
            async with self._database:
                await self._reach.flush(self._conn, now=self._now())
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _TIDY_INTERVAL_S)

    async def step(self) -> int:
        """Do once what is due now; returns how many calls and fetches were made."""
        await self._forgive()
        sent = await self._send_next() + await self.commander.step()
        return sent + await self.fetcher.step()

    async def recover(self) -> int:
        """Find out what came of calls that nobody knows of; returns how many were open."""
        async with self._database:
            if self._caller.came_back():
                await hasten(self._conn, self._connection_id, self._now())
            calls = await open_calls(self._conn, self._connection_id)
        open_ = [call for call in calls if call.call_id not in self._in_flight]
        for call in open_:
            await self._read_back(call)
        return len(open_)

    async def check_submitted(self) -> int:
        """Look whether what the vendor took in stands there by now; returns how many it was."""
        return await self.checker.step()

    async def _send_next(self) -> int:
        call = await self._claim()
        if call is not None:
            await self._finish(call)
        return int(call is not None)

    async def _claim(self) -> Call | None:
        if self._action is None:
            return None
        async with self._database:
            call = await claim_call(
                self._conn,
                self._connection_id,
                "stock.set",
                count=self._action.bulk_max,
                fewest=self._action.bulk_from,
                lowers=self._action.lowers,
                now=self._now(),
            )
        if call is not None:
            self._in_flight.add(call.call_id)
        return call

    async def _is_due(self) -> bool:
        """Look for what is due without taking it: that costs a fraction of a claim."""
        async with self._database:
            return await is_due(self._conn, self._connection_id, "stock.set", now=self._now())

    async def _finish(self, call: Call) -> None:
        try:
            if any(intent.expected is None for intent in call.intents):
                await self._learn_levels(call)
            else:
                await self._carry_out(call)
        finally:
            self._in_flight.discard(call.call_id)

    async def _carry_out(self, call: Call) -> None:
        """Send a call and settle it by the vendor's reply."""
        actions = self._caller.folder.actions
        reply: Reply | None = None
        try:
            reply = await self._send(call)
            receipts: Sequence[Receipt] = actions.receipts(call.intents, reply)
        except OutcomeUnknown as error:
            _log.warning("outcome_unknown", call_id=call.call_id, reason=error.message)
            await self._settle(call, self._all(call, ReceiptState.UNKNOWN, error), None)
            await self._read_back(call)
            return
        except ConnectorError as error:
            await self._settle(call, self._after_error(call, error), reply)
            return
        verdicts = await self._judge(call, receipts)
        await self._settle(call, verdicts, reply)

    async def _send(self, call: Call) -> Reply:
        """Send a call, all steps of it where it has several; returns the last reply.

        Raises:
            ConnectorError: nothing that counts was done.
            OutcomeUnknown: a later step failed, or nobody knows of the first.
        """
        actions = self._caller.folder.actions
        first = actions.request(call.intents, call.idempotency_key)
        if self._action is None or not self._action.steps:
            return await self._caller.send(first)
        following = partial(actions.next_request, call.intents, call.idempotency_key)
        return await self._caller.send_steps(first, following)

    async def _judge(self, call: Call, receipts: Sequence[Receipt]) -> list[Verdict]:
        """Say what follows from each receipt; where a comparison failed, read what stands there."""
        unseen = [
            n
            for n, receipt in enumerate(receipts)
            if receipt.state is ReceiptState.LATER
            and receipt.again_now
            and receipt.observed is None
        ]
        levels = await self._look_again([call.intents[n] for n in unseen])
        observed = dict(zip(unseen, levels, strict=True))
        return [
            self._verdict(call.claimed[n].attempts, receipt, observed.get(n))
            for n, receipt in enumerate(receipts)
        ]

    async def _look_again(self, intents: Sequence[Intent]) -> Sequence[int | None]:
        """Read what stands there instead; where that fails too, the next try will find out."""
        try:
            return await read_levels(self._caller, intents)
        except ConnectorError as error:
            _log.info("look_failed", connection_id=self._connection_id, reason=error.message)
            return [None] * len(intents)

    def _verdict(self, attempts: int, receipt: Receipt, observed: int | None) -> Verdict:
        if observed is not None:
            receipt = Receipt(
                state=receipt.state, observed=observed, code=receipt.code, message=receipt.message
            )
            return Verdict(receipt=receipt, delay_s=_COMPARE_DELAY_S)
        if receipt.state is ReceiptState.REFUSED:
            return Verdict(receipt=receipt, dead=True)
        if receipt.state is ReceiptState.LATER:
            delay_s = receipt.after_s or self._caller.retry_after_s(attempts)
            if delay_s is None:
                return Verdict(receipt=receipt, dead=True)
            return Verdict(receipt=receipt, delay_s=max(delay_s, _PAUSE_S), failed=True)
        return Verdict(receipt=receipt)

    def _after_error(self, call: Call, error: ConnectorError) -> list[Verdict]:
        """Say what follows when the vendor did nothing of a call."""
        if error.fate == "never":
            return self._after_refusal(call, error)
        if isinstance(error, AuthExpired):
            return self._all(call, ReceiptState.LATER, error, delay_s=_AUTH_DELAY_S)
        if isinstance(error, (RateLimited, Resting)):
            return self._all(call, ReceiptState.LATER, error, delay_s=max(error.after_s, _PAUSE_S))
        verdicts = []
        for claimed in call.claimed:
            delay_s = self._caller.retry_after_s(claimed.attempts, error)
            receipt = Receipt(state=ReceiptState.LATER, code=error.code, message=error.message)
            dead = delay_s is None
            delay_s = max(delay_s or 0.0, _PAUSE_S)
            verdicts.append(Verdict(receipt=receipt, delay_s=delay_s, dead=dead, failed=True))
        return verdicts

    def _after_refusal(self, call: Call, error: HubError) -> list[Verdict]:
        """Say what follows when the vendor will not do a call: the one at fault is given up alone.

        A vendor may refuse many for one of them. So they are asked again in halves, until those
        that are refused go alone.
        """
        if len(call.claimed) == 1:
            return self._all(call, ReceiptState.REFUSED, error, dead=True)
        half = len(call.claimed) // 2
        _log.info("batch_refused", call_id=call.call_id, size=len(call.claimed), code=error.code)
        return [
            msgspec.structs.replace(verdict, batch_max=half)
            for verdict in self._all(call, ReceiptState.LATER, error)
        ]

    def _all(
        self,
        call: Call,
        state: ReceiptState,
        error: HubError,
        *,
        delay_s: float = 0.0,
        dead: bool = False,
    ) -> list[Verdict]:
        receipt = Receipt(state=state, code=error.code, message=error.message)
        return [Verdict(receipt=receipt, delay_s=delay_s, dead=dead) for _ in call.claimed]

    async def _read_back(self, call: Call) -> None:
        """Find out what came of a call of which nobody knows, before anything else is sent.

        A vendor that knows our keys is asked by the same call under the same key: it answers what
        it did the first time, or does it now. The number that stands there would not tell: a sale
        may have made it equal. Where there are no keys, that number is all there is to go by.
        """
        try:
            if any(intent.expected is None for intent in call.intents):
                # Only a look was meant, so nothing was sent; it would compare with nothing now.
                await self._learn_levels(call)
            elif self._action is not None and self._action.idempotency == "key":
                await self._ask_again(call)
            else:
                levels = await read_levels(self._caller, call.intents)
                verdicts = _by_level(call, levels, may_stand=True)
                if self._action is not None and self._action.confirm != "reply":
                    # What was taken in may be applied yet, over whatever is wanted by now.
                    verdicts = [msgspec.structs.replace(each, pending=True) for each in verdicts]
                await self._settle(call, verdicts, None)
        except (ConnectorError, OutcomeUnknown) as error:
            if error.fate == "never":
                await self._settle(call, self._after_refusal(call, error), None)
            _log.warning("read_back_failed", call_id=call.call_id, reason=error.message)

    async def _ask_again(self, call: Call) -> None:
        async with self._database:
            await resend_call(self._conn, call)
        actions = self._caller.folder.actions
        reply = await self._send(call)
        again = msgspec.structs.replace(call, sends=call.sends + 1)
        verdicts = await self._judge(call, actions.receipts(call.intents, reply))
        await self._settle(again, verdicts, reply)

    async def _learn_levels(self, call: Call) -> None:
        """Read what stands at the vendor before anything is said for the first time."""
        try:
            levels = await read_levels(self._caller, call.intents)
        except ConnectorError as error:
            await self._settle(call, self._after_error(call, error), None)
            return
        await self._settle(call, _by_level(call, levels), None)

    async def _settle(self, call: Call, verdicts: list[Verdict], reply: Reply | None) -> None:
        async with self._settling, self._receipts.transaction():
            event_id = None if reply is None else await self._log_reply(call, reply)
            await settle_call(
                self._receipts,
                call,
                verdicts,
                reply_event_id=event_id,
                overwrites=self._action is not None and self._action.idempotency != "key",
                now=self._now(),
            )
        done = [verdict.receipt.state is ReceiptState.DONE for verdict in verdicts]
        self._reach.note_lowered(call, done, self._clock.now())

    async def _log_reply(self, call: Call, reply: Reply) -> int:
        """Append the vendor's reply to the log: it is kept, and moves nothing."""
        event = NewEvent(
            connection_id=self._connection_id,
            external_id=f"reply:{call.idempotency_key}:{call.sends}",
            topic=f"reply/{call.kind}",
            entity=f"call/{call.call_id}",
            origin=Origin.REPLY,
            received_at=self._clock.now(),
            body=reply.body,
            queued=False,
        )
        return (await append_events(self._receipts, self._vault, [event]))[0].event_id

    async def _forgive(self) -> None:
        """End patience with what nothing explains, once all that could explain it has been read."""
        now = self._clock.now()
        if self._forgiven_at is None or now - self._forgiven_at >= _FORGIVE_INTERVAL:
            self._forgiven_at = now
            patience_s = float(
                self._caller.settings.get("unexplained_patience_s", UNEXPLAINED_PATIENCE_S)
            )
            async with self._database:
                read_until = await orders_read_until(self._conn, self._connection_id)
                await forgive_unexplained(
                    self._conn,
                    self._connection_id,
                    seen_before=min(now - timedelta(seconds=patience_s), read_until or now),
                    forgiven_at=now,
                )


def _by_level(
    call: Call, levels: Sequence[int | None], *, may_stand: bool = False
) -> list[Verdict]:
    """Settle intents by what stands at the vendor now.

    Where the call may have been done, an equal number says that it was. Where nothing was sent, it
    is a look like any other at what was known before.
    """
    verdicts = []
    for claimed, level in zip(call.claimed, levels, strict=True):
        if level is None:
            gone = Receipt(state=ReceiptState.REFUSED, code="item_gone")
            verdicts.append(Verdict(receipt=gone, dead=True))
        elif level == claimed.intent.value and (may_stand or claimed.intent.expected is None):
            verdicts.append(Verdict(receipt=Receipt(state=ReceiptState.DONE, code="read_back")))
        else:
            seen = Receipt(state=ReceiptState.LATER, observed=level, code="level_read")
            verdicts.append(Verdict(receipt=seen, may_stand=may_stand))
    return verdicts
