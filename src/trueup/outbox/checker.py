"""Look after what a vendor took in: ask what came of a batch, and read whether numbers stand there.

What a vendor reports of a batch message by message is believed as far as it refuses; what it
accepted is read back. Where the manifest says how many that are (`read_back_max`), those nearest to
zero are read, of which a wrong one costs most; if one of these does not stand there, all are.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
import structlog

from trueup.contract.capability import Action
from trueup.contract.connector import Receipt, Reply
from trueup.errors import ConnectorError, ContractBroken
from trueup.kernel.clock import Clock
from trueup.outbox.caller import STEPS_MAX, Caller
from trueup.outbox.levels import read_levels
from trueup.outbox.model import Call, Claimed
from trueup.outbox.reach import ReachWatch
from trueup.outbox.submitted import (
    READ_ALL,
    READ_SOME,
    look_later,
    settle_batch,
    settle_submitted,
    submitted_calls,
)

_log = structlog.get_logger("trueup.outbox")

BATCH_PATIENCE: Final = timedelta(hours=6)
"""How long a vendor may be at a batch before its numbers are read all the same."""


class Checker:
    """Looks for one connection over one database session, which others of the line use too.

    Args:
        conn: in autocommit.
        caller: of the connection.
        database: held while the session is used.
        clock: tells what is due.
        reach: hears how long lower numbers took.
    """

    def __init__(
        self,
        conn: psycopg.AsyncConnection[Any],
        caller: Caller,
        *,
        database: asyncio.Lock,
        clock: Clock,
        reach: ReachWatch,
    ) -> None:
        self._conn = conn
        self._caller = caller
        self._database = database
        self._clock = clock
        self._reach = reach
        self._connection_id = caller.account.connection.connection_id

    async def step(self) -> int:
        """Look at each call that is due for it; returns how many that were."""
        async with self._database:
            calls = await submitted_calls(self._conn, self._connection_id, self._clock.now())
        for call, started_at in calls:
            try:
                await self._look_after(call, started_at)
            except ConnectorError as error:
                _log.info("check_failed", call_id=call.call_id, reason=error.message)
                async with self._database:
                    await look_later(self._conn, call, self._clock.now())
        return len(calls)

    async def _look_after(self, call: Call, started_at: datetime) -> None:
        action = self._caller.folder.manifest.action(call.kind)
        asks = action is not None and action.batch_confirm == "ask"
        if asks and call.vendor_ref is not None and call.vendor_ref not in {READ_SOME, READ_ALL}:
            await self._ask(call, started_at)
        else:
            await self._read(call, action, started_at)

    async def _ask(self, call: Call, started_at: datetime) -> None:
        """Ask the vendor what came of a batch."""
        receipts = await self._progress(call)
        if receipts is None and self._clock.now() - started_at > BATCH_PATIENCE:
            _log.warning("batch_has_no_end", call_id=call.call_id, vendor_ref=call.vendor_ref)
            receipts = ()
        async with self._database:
            if receipts is None:
                await look_later(self._conn, call, self._clock.now())
            else:
                await settle_batch(self._conn, call, receipts, now=self._clock.now())

    async def _progress(self, call: Call) -> Sequence[Receipt] | None:
        actions, replies = self._caller.folder.actions, list[Reply]()
        for _ in range(STEPS_MAX):
            found = actions.batch_progress(call.intents, call.vendor_ref or "", replies)
            if found.request is None:
                return found.receipts
            replies.append(await self._caller.send(found.request, patient=True))
        raise ContractBroken("The vendor's word on a batch has no end.", kind=call.kind)

    async def _read(self, call: Call, action: Action | None, started_at: datetime) -> None:
        """Read whether the numbers stand there: all of them, or those that matter most."""
        most = action.read_back_max if action is not None and call.vendor_ref == READ_SOME else 0
        some = nearest(call.claimed, most)
        levels = await read_levels(self._caller, [c.intent for c in some], patient=True)
        read = msgspec.structs.replace(call, claimed=some)
        async with self._database:
            await settle_submitted(
                self._conn,
                read,
                levels,
                unread=len(call.claimed) - len(some),
                started_at=started_at,
                now=self._clock.now(),
            )
        applied = [c.intent.value == level for c, level in zip(some, levels, strict=True)]
        self._reach.note_lowered(read, applied, self._clock.now())


def nearest(claimed: Sequence[Claimed], most: int) -> tuple[Claimed, ...]:
    """Return those to be read back: what was overtaken, and the numbers nearest to zero.

    All of them where `most` is 0.
    """
    if not most or len(claimed) <= most:
        return tuple(claimed)
    ranked = sorted(claimed, key=lambda each: (not each.overtaken, each.intent.value))
    overtaken = sum(each.overtaken for each in claimed)
    return tuple(ranked[: max(most, overtaken)])
