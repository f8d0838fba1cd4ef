"""Dispatch: tell one vendor account what shall stand there, and read what was only hinted at.

One session of one process holds the account. What its predecessor left unanswered is read back
first; then due intents go out in calls of as many as the vendor takes, nearest to zero first.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
import structlog

from trueup.contract.connector import (
    Fetch,
    Intent,
    Piece,
    Receipt,
    ReceiptState,
    Reply,
)
from trueup.contract.recognition import identify_piece
from trueup.db.queries import load_queries
from trueup.errors import (
    AuthExpired,
    ConnectorError,
    ContractBroken,
    HubError,
    OutcomeUnknown,
    RateLimited,
    Resting,
)
from trueup.govern.vault import Vault
from trueup.intake.append import append_events
from trueup.intake.model import NewEvent, Origin
from trueup.kernel.clock import Clock, SystemClock
from trueup.kernel.limits import COMMIT_EVENTS_MAX
from trueup.outbox.caller import Caller
from trueup.outbox.claim import claim_call, open_calls, resend_call
from trueup.outbox.commander import Commander
from trueup.outbox.enqueue import hasten
from trueup.outbox.model import Call
from trueup.outbox.receipt import (
    UNEXPLAINED_PATIENCE_S,
    Verdict,
    forgive_unexplained,
    settle_call,
)
from trueup.outbox.submitted import settle_submitted, submitted_calls

_log = structlog.get_logger("trueup.outbox")
_queries = load_queries("trueup.outbox")

IDLE_S = 0.005
IDLE_S_MAX = 0.04
"""How long a line with nothing due waits, at first and after a while; part of a call's latency."""

_FETCH_INTERVAL_S = 0.2
_TIDY_INTERVAL_S = 2.0
_COMPARE_DELAY_S = 0.02
_PAUSE_S = 0.05
_AUTH_DELAY_S = 300.0
_FORGIVE_INTERVAL_S = 30.0
_FETCHES_AT_ONCE = 5
STEPS_MAX = 10
FETCH_CALLS_MAX = 2_000
"""More calls than the largest settlement takes: a reading without an end is stopped here."""


class Dispatcher:
    """Works for one connection over one database session, which holds the connection's lock.

    Args:
        conn: in autocommit.
        vault: seals replies on their way into the log.
        caller: of the connection.
        clock: tells when replies came in.
    """

    def __init__(
        self,
        conn: psycopg.AsyncConnection[Any],
        vault: Vault,
        caller: Caller,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._conn = conn
        self._vault = vault
        self._caller = caller
        self._clock = clock or SystemClock()
        self._connection_id = caller.account.connection.connection_id
        self._database = asyncio.Lock()
        actions = {action.name: action for action in caller.folder.manifest.actions}
        self._action = actions.get("stock.set")
        self.commander = Commander(conn, vault, caller, database=self._database, clock=self._clock)
        self._in_flight: set[int] = set()
        self._forgiven_at = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop."""
        await self.recover()
        tasks = [
            asyncio.create_task(duty(stop))
            for duty in (
                self._keep_sending,
                self._keep_fetching,
                self._keep_tidy,
                self.commander.run,
            )
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _now(self) -> datetime | None:
        """Return the instant that counts; None: the database's own, which all processes share."""
        return None if isinstance(self._clock, SystemClock) else self._clock.now()

    async def _keep_sending(self, stop: asyncio.Event) -> None:
        """Send what is due, several calls side by side, so that a slow one holds up none."""
        under_way: set[asyncio.Task[None]] = set()
        idle_s = IDLE_S
        try:
            while not stop.is_set():
                call = None
                if len(under_way) < self._caller.concurrency_max:
                    call = await self._claim()
                if call is not None:
                    under_way.add(asyncio.create_task(self._finish(call)))
                    idle_s = IDLE_S
                else:
                    await asyncio.sleep(idle_s)
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

    async def _keep_fetching(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            if await self._fetch_due() == 0:
                await asyncio.sleep(_FETCH_INTERVAL_S)

    async def _keep_tidy(self, stop: asyncio.Event) -> None:
        """Now and then: read back what is unknown or submitted, and end patience."""
        while not stop.is_set():
            await self.recover()
            await self.check_submitted()
            await self._forgive()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _TIDY_INTERVAL_S)

    async def step(self) -> int:
        """Do once what is due now; returns how many calls and fetches were made."""
        await self._forgive()
        sent = await self._send_next() + await self.commander.step()
        return sent + await self._fetch_due()

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
        async with self._database:
            calls = await submitted_calls(self._conn, self._connection_id, self._clock.now())
        for call, started_at in calls:
            try:
                levels = await self._levels(call.intents)
            except ConnectorError as error:
                _log.info("check_failed", call_id=call.call_id, reason=error.message)
                continue
            async with self._database:
                await settle_submitted(
                    self._conn, call, levels, started_at=started_at, now=self._clock.now()
                )
        return len(calls)

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
                now=self._now(),
            )
        if call is not None:
            self._in_flight.add(call.call_id)
        return call

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
        replies = [await self._caller.send(first)]
        if self._action is None or not self._action.steps:
            return replies[0]
        while len(replies) <= STEPS_MAX:
            following = actions.next_request(call.intents, call.idempotency_key, replies)
            if following is None:
                return replies[-1]
            replies.append(await self._caller.send(following))
        raise ContractBroken("The steps of a call have no end.", kind=call.kind)

    async def _judge(self, call: Call, receipts: Sequence[Receipt]) -> list[Verdict]:
        """Say what follows from each receipt; where a comparison failed, read what stands there."""
        unseen = [
            n
            for n, receipt in enumerate(receipts)
            if receipt.state is ReceiptState.LATER
            and receipt.again_now
            and receipt.observed is None
        ]
        observed = dict(
            zip(unseen, await self._levels([call.intents[n] for n in unseen]), strict=True)
        )
        return [
            self._verdict(call.claimed[n].attempts, receipt, observed.get(n))
            for n, receipt in enumerate(receipts)
        ]

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
            return self._all(call, ReceiptState.REFUSED, error, dead=True)
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
            if self._action is not None and self._action.idempotency == "key":
                await self._ask_again(call)
            else:
                levels = await self._levels(call.intents)
                await self._settle(call, _by_level(call, levels), None)
        except (ConnectorError, OutcomeUnknown) as error:
            if error.fate == "never":
                verdicts = self._all(call, ReceiptState.REFUSED, error, dead=True)
                await self._settle(call, verdicts, None)
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
            levels = await self._levels(call.intents)
        except ConnectorError as error:
            await self._settle(call, self._after_error(call, error), None)
            return
        await self._settle(call, _by_level(call, levels), None)

    async def _levels(self, intents: Sequence[Intent]) -> Sequence[int | None]:
        if not intents:
            return ()
        actions = self._caller.folder.actions
        return actions.read(intents, await self._caller.send(actions.read_request(intents)))

    async def _settle(self, call: Call, verdicts: list[Verdict], reply: Reply | None) -> None:
        async with self._database, self._conn.transaction():
            event_id = None if reply is None else await self._log_reply(call, reply)
            await settle_call(
                self._conn,
                call,
                verdicts,
                reply_event_id=event_id,
                overwrites=self._action is not None and self._action.idempotency != "key",
                now=self._now(),
            )

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
        return (await append_events(self._conn, self._vault, [event]))[0].event_id

    async def _forgive(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._forgiven_at >= _FORGIVE_INTERVAL_S:
            self._forgiven_at = now
            patience_s = float(
                self._caller.settings.get("unexplained_patience_s", UNEXPLAINED_PATIENCE_S)
            )
            async with self._database:
                await forgive_unexplained(
                    self._conn,
                    self._connection_id,
                    seen_before=self._clock.now() - timedelta(seconds=patience_s),
                )

    async def _fetch_due(self) -> int:
        """Read the records that events only hinted at, and put them into the log."""
        async with self._database:
            cursor = await self._conn.execute(
                _queries.due_fetches,
                {
                    "connection_id": self._connection_id,
                    "count": _FETCHES_AT_ONCE,
                    "now": self._now(),
                },
                prepare=True,
            )
            rows = await cursor.fetchall()
        for fetch_id, resource, ref, attempts in rows:
            await self._fetch(fetch_id, Fetch(resource=resource, ref=ref), attempts)
        return len(rows)

    async def _fetch(self, fetch_id: int, fetch: Fetch, attempts: int) -> None:
        state, delay_s, failed = "done", 0.0, False
        events: list[NewEvent] = []
        try:
            async for page in self._read_whole(fetch):
                events += page
        except (RateLimited, Resting) as error:
            state, delay_s, events = "due", max(error.after_s, _PAUSE_S), []
        except ConnectorError as error:
            later_s = self._caller.retry_after_s(attempts, error)
            failed = True
            state = "dead" if later_s is None or error.fate == "never" else "due"
            delay_s = later_s or 0.0
            events = []
            _log.info("fetch_failed", ref=fetch.ref, reason=error.code, state=state)
        async with self._database, self._conn.transaction():
            for start in range(0, len(events), COMMIT_EVENTS_MAX):
                await append_events(
                    self._conn, self._vault, events[start : start + COMMIT_EVENTS_MAX]
                )
            await self._conn.execute(
                _queries.end_fetch,
                {
                    "fetch_id": fetch_id,
                    "state": state,
                    "delay_s": delay_s,
                    "failed": failed,
                    "now": self._now(),
                },
            )

    async def _read_whole(self, fetch: Fetch) -> AsyncIterator[list[NewEvent]]:
        """Read what a fetch is about, in as many calls as it takes."""
        folder, step = self._caller.folder, fetch
        for _ in range(FETCH_CALLS_MAX):
            asked_at = self._clock.now()
            reply = await self._caller.send(folder.pull.fetch_request(step))
            page = folder.pull.fetched(step, reply)
            yield [self._fetched_event(piece, asked_at) for piece in page.pieces]
            if page.then is None:
                return
            step = page.then
        raise ContractBroken("The vendor's pages have no end.", resource=fetch.resource)

    def _fetched_event(self, piece: Piece, asked_at: datetime) -> NewEvent:
        now = self._clock.now()
        identified = identify_piece(self._caller.folder, piece, now)
        return NewEvent(
            connection_id=self._connection_id,
            external_id=identified.external_id,
            topic=identified.topic,
            entity=identified.entity,
            origin=Origin.POLL,
            # At least as new as every webhook that was raised before we asked.
            raised_at=identified.raised_at or asked_at,
            received_at=now,
            body=piece.body,
        )


def _by_level(call: Call, levels: Sequence[int | None]) -> list[Verdict]:
    """Settle intents by what stands at the vendor now."""
    verdicts = []
    for claimed, level in zip(call.claimed, levels, strict=True):
        if level is None:
            gone = Receipt(state=ReceiptState.REFUSED, code="item_gone")
            verdicts.append(Verdict(receipt=gone, dead=True))
        elif level == claimed.intent.value:
            verdicts.append(Verdict(receipt=Receipt(state=ReceiptState.DONE, code="read_back")))
        else:
            seen = Receipt(state=ReceiptState.LATER, observed=level, code="level_read")
            verdicts.append(Verdict(receipt=seen))
    return verdicts
