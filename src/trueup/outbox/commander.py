"""Commander: carries commands out at one vendor account, each once.

A command is durable as `sending` before its call leaves. Where nobody knows what came of it, what
follows depends on what the vendor offers: the same call under the same key, a look whether it was
done, the same absolute value again; or, where a repeat would act twice, a person.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import psycopg
import structlog

from trueup.canon.command import SendMessage
from trueup.canon.record import decode
from trueup.contract.connector import Command, Piece, Receipt, ReceiptState, Reply
from trueup.errors import (
    AuthExpired,
    ConnectorError,
    ContractBroken,
    HubError,
    OutcomeUnknown,
    RateLimited,
    Resting,
    Withheld,
    invariant,
)
from trueup.govern.vault import Vault
from trueup.intake.append import append_events
from trueup.intake.model import NewEvent, Origin
from trueup.kernel.clock import Clock, SystemClock
from trueup.outbox.caller import Caller, LastLook
from trueup.outbox.command import (
    Settled,
    claim_command,
    confirm_commands,
    open_commands,
    resend_command,
    settle_command,
)
from trueup.outbox.guard import why_withheld
from trueup.outbox.heard import heard_event
from trueup.outbox.model import ClaimedCommand, CommandState
from trueup.outbox.outcome import TELLING_KINDS, told_by_record
from trueup.records.people import Keys
from trueup.records.reads import find_records
from trueup.records.standing import Standing, read_standing

_log = structlog.get_logger("trueup.outbox")

IDLE_S = 0.05
IDLE_S_MAX = 0.5
RECOVER_INTERVAL_S = 2.0
ASK_INTERVAL_S = 60.0
"""How often a vendor is asked again about what it took in and has not done yet."""

LOOK_PAGES_MAX = 50
"""So far is looked for what was sent, newest first; what is not found then, a person is asked."""

SUBMITTED_PATIENCE = timedelta(days=3)
"""How long a vendor may take over what it took in; then a person is asked."""

FREE_TEXT_WINDOW = timedelta(hours=24)
"""How long after somebody wrote they may be answered freely, where a medium has such a rule."""

_AUTH_DELAY_S = 300.0
_PAUSE_S = 0.05
_FAR_S = timedelta(days=36_500).total_seconds()


class Commander:
    """Works for one connection over its line's session.

    Args:
        conn: in autocommit; holds the connection's lock.
        vault: opens contents and seals replies.
        caller: of the connection.
        database: guards `conn`, which the line's other duties use too.
        clock: tells when replies came in.
        keys: which names join people; without them the usual ones.
    """

    def __init__(
        self,
        conn: psycopg.AsyncConnection[Any],
        vault: Vault,
        caller: Caller,
        *,
        database: asyncio.Lock | None = None,
        clock: Clock | None = None,
        keys: Keys | None = None,
    ) -> None:
        self._conn = conn
        self._vault = vault
        self._keys = keys or Keys()
        self._caller = caller
        self._database = database or asyncio.Lock()
        self._clock = clock or SystemClock()
        self._connection_id = caller.account.connection.connection_id
        self._actions = {
            action.name: action
            for action in caller.folder.manifest.actions
            if action.form == "command"
        }
        self._in_flight: set[int] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until told to stop."""
        if not self._actions:
            return
        await self.recover()
        duties = [asyncio.create_task(d(stop)) for d in (self._keep_sending, self._keep_asking)]
        try:
            await asyncio.gather(*duties)
        finally:
            for duty in duties:
                duty.cancel()
            await asyncio.gather(*duties, return_exceptions=True)

    async def step(self) -> int:
        """Do once what is due now; returns how many commands were tried."""
        claimed = await self._claim()
        if claimed is None:
            return 0
        await self._carry_out(claimed)
        return 1

    async def recover(self) -> int:
        """Find out what came of commands of which nobody knows; returns how many were open."""
        return await self._look_at((CommandState.SENDING, CommandState.UNKNOWN))

    async def ask(self) -> int:
        """Ask about commands that the vendor took in; returns how many were due to be asked."""
        return await self._look_at((CommandState.SUBMITTED,))

    async def _keep_sending(self, stop: asyncio.Event) -> None:
        idle_s = IDLE_S
        while not stop.is_set():
            if await self.step():
                idle_s = IDLE_S
                continue
            await asyncio.sleep(idle_s)
            idle_s = min(idle_s * 1.5, IDLE_S_MAX)

    async def _keep_asking(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.recover()
            await self.ask()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RECOVER_INTERVAL_S)

    async def _claim(self) -> ClaimedCommand | None:
        async with self._database:
            claimed = await claim_command(
                self._conn,
                self._vault,
                self._connection_id,
                self._caller.settings,
                now=self._clock.now(),
            )
        if claimed is not None:
            self._in_flight.add(claimed.command_id)
        return claimed

    async def _look_at(self, states: tuple[CommandState, ...]) -> int:
        async with self._database:
            found = await open_commands(
                self._conn,
                self._vault,
                self._connection_id,
                self._caller.settings,
                states,
                now=self._clock.now(),
            )
        open_ = [each for each in found if each.command_id not in self._in_flight]
        for claimed in open_:
            if states == (CommandState.SUBMITTED,):
                await self._ask_about(claimed)
            else:
                await self._find_out(claimed)
        return len(open_)

    async def _carry_out(self, claimed: ClaimedCommand) -> None:
        try:
            command = claimed.command
            if command is None:
                await self._settle(claimed, _erased())
                return
            if await self._wants_no_more(command):
                settled = Settled(state=CommandState.REFUSED, code="opted_out")
                await self._settle(claimed, settled)
                return
            if command.kind not in self._actions:
                gone = Settled(state=CommandState.REFUSED, code="command_unsupported")
                await self._settle(claimed, gone)
                return
            await self._send(claimed, await self._with_window(command))
        finally:
            self._in_flight.discard(claimed.command_id)

    def _last_look(self, claimed: ClaimedCommand) -> LastLook:
        """Return what is asked when a command is about to leave, whatever it waited for."""
        medium = self._actions[claimed.kind].medium

        async def look() -> None:
            async with self._database:
                reason = await why_withheld(
                    self._conn, self._vault, self._keys, claimed, medium, self._clock.now()
                )
            if reason is not None:
                raise Withheld(reason=reason)

        return look

    async def _wants_no_more(self, command: Command) -> bool:
        """Tell whether a message would go to somebody whose last word was that they want none.

        One with a purpose is looked at when it is about to leave, by the words of all systems.
        """
        content = command.content
        if not isinstance(content, SendMessage) or content.purpose is not None:
            return False
        return (await self._standing(content.to)).opted_out

    async def _with_window(self, command: Command) -> Command:
        """Add until when a person may be written to freely, for media that ask for it."""
        content = command.content
        if not isinstance(content, SendMessage) or not content.text:
            return command
        wrote_at = (await self._standing(content.to)).wrote_at
        if wrote_at is None:
            return command
        until = (wrote_at + FREE_TEXT_WINDOW).isoformat()
        target = {**command.target, "window_open_until": until}
        return msgspec.structs.replace(command, target=target)

    async def _standing(self, address: str) -> Standing:
        async with self._database:
            return await read_standing(self._conn, self._vault, self._connection_id, address)

    async def _send(self, claimed: ClaimedCommand, command: Command) -> None:
        """Send a command and settle it by the vendor's reply."""
        commands = self._caller.folder.commands
        try:
            reply = await self._carry(claimed, command)
        except Withheld as error:
            await self._settle(claimed, _taken_back(error.reason))
            return
        except OutcomeUnknown as error:
            _log.warning("outcome_unknown", command=claimed.ref, reason=error.message)
            await self._settle(claimed, Settled(state=CommandState.UNKNOWN, code=error.code))
            await self._find_out(claimed, just_sent=True)
            return
        except ConnectorError as error:
            await self._settle(claimed, self._after_error(claimed, error))
            return
        try:
            receipt = commands.command_receipt(command, reply)
        except ContractBroken as error:
            # The vendor may have done it, and what it says of it can not be read.
            _log.warning("reply_unreadable", command=claimed.ref, reason=error.message)
            await self._settle(claimed, self._unknown(claimed, error.code), reply)
            return
        await self._judge(claimed, receipt, reply)

    async def _carry(self, claimed: ClaimedCommand, command: Command) -> Reply:
        """Make the call that carries a command out, all steps of it where it has several."""
        commands, key = self._caller.folder.commands, claimed.idempotency_key
        first, last_look = commands.command_request(command, key), self._last_look(claimed)
        if not self._actions[command.kind].steps:
            return await self._caller.send(first, last_look=last_look)
        following = partial(commands.next_request, command, key)
        return await self._caller.send_steps(first, following, last_look=last_look)

    async def _judge(self, claimed: ClaimedCommand, receipt: Receipt, reply: Reply | None) -> None:
        settled = self._after_receipt(claimed, receipt)
        await self._settle(claimed, settled, reply, receipt.tells)
        if settled.state is CommandState.SUBMITTED and settled.vendor_ref:
            await self._confirm_early(claimed, settled.vendor_ref)

    def _after_receipt(self, claimed: ClaimedCommand, receipt: Receipt) -> Settled:
        """Say what follows from a receipt."""
        ref, code = receipt.vendor_ref, receipt.code
        if receipt.state is ReceiptState.DONE:
            return Settled(state=CommandState.DONE, vendor_ref=ref)
        if receipt.state is ReceiptState.SUBMITTED:
            invariant(ref, "what was submitted has the vendor's id")
            return Settled(
                state=CommandState.SUBMITTED, vendor_ref=ref, code=code, delay_s=ASK_INTERVAL_S
            )
        if receipt.state is ReceiptState.REFUSED:
            return Settled(state=CommandState.REFUSED, code=code, vendor_ref=ref)
        if receipt.state is ReceiptState.UNKNOWN:
            return self._unknown(claimed, code)
        delay_s = receipt.after_s or self._caller.retry_after_s(claimed.attempts)
        if delay_s is None:
            return Settled(state=CommandState.DEAD, code=code, failed=True)
        return Settled(
            state=CommandState.DUE, delay_s=max(delay_s, _PAUSE_S), failed=True, code=code
        )

    def _after_error(self, claimed: ClaimedCommand, error: ConnectorError) -> Settled:
        """Say what follows when the vendor surely did not do it."""
        if error.fate == "never":
            return Settled(state=CommandState.REFUSED, code=error.code)
        if isinstance(error, AuthExpired):
            return Settled(state=CommandState.DUE, delay_s=_AUTH_DELAY_S, code=error.code)
        if isinstance(error, (RateLimited, Resting)):
            delay_s = max(error.after_s, _PAUSE_S)
            return Settled(state=CommandState.DUE, delay_s=delay_s, code=error.code)
        later_s = self._caller.retry_after_s(claimed.attempts, error)
        if later_s is None:
            return Settled(state=CommandState.DEAD, code=error.code, failed=True)
        delay_s = max(later_s, _PAUSE_S)
        return Settled(state=CommandState.DUE, delay_s=delay_s, code=error.code, failed=True)

    def _unknown(self, claimed: ClaimedCommand, code: str | None) -> Settled:
        """Say when to look again.

        Once the schedule is at its end, or at once where looking does not help, a person is asked
        and the hub does nothing more by itself.
        """
        action = self._actions[claimed.kind]
        helps = action.idempotency != "none"
        delay_s = self._caller.retry_after_s(claimed.attempts + 1) if helps else None
        if delay_s is None:
            return Settled(state=CommandState.UNKNOWN, code=code, given_up=True, delay_s=_FAR_S)
        return Settled(state=CommandState.UNKNOWN, code=code, failed=True, delay_s=delay_s)

    async def _find_out(self, claimed: ClaimedCommand, *, just_sent: bool = False) -> None:
        """Find out what came of a command of which nobody knows."""
        command = claimed.command
        if command is None or command.kind not in self._actions:
            await self._settle(claimed, _erased())
            return
        action = self._actions[command.kind]
        try:
            if action.idempotency in {"key", "absolute"}:
                if not (action.looked_for and await self._was_found(claimed, command)):
                    await self._send_again(claimed, command)
            elif action.idempotency == "lookup":
                await self._look_up(claimed, command, just_sent=just_sent)
            else:
                await self._settle(claimed, self._unknown(claimed, "connector.outcome_unknown"))
        except Withheld as error:
            # The first call may have done it; another one may not leave, so only a person can look.
            unknown = Settled(
                state=CommandState.UNKNOWN, code=error.reason, given_up=True, delay_s=_FAR_S
            )
            await self._settle(claimed, unknown)
        except (ConnectorError, OutcomeUnknown) as error:
            _log.warning("finding_out_failed", command=claimed.ref, reason=error.message)
            await self._settle(claimed, self._unfound(claimed, error))

    def _unfound(self, claimed: ClaimedCommand, error: HubError) -> Settled:
        if isinstance(error, (RateLimited, Resting)):
            delay_s = max(error.after_s, _PAUSE_S)
            return Settled(state=CommandState.UNKNOWN, code=error.code, delay_s=delay_s)
        if isinstance(error, AuthExpired):
            # A person is asked to let us in again; that uses up no try, and is soon noticed.
            return Settled(state=CommandState.UNKNOWN, code=error.code, delay_s=_AUTH_DELAY_S)
        return self._unknown(claimed, error.code)

    async def _send_again(self, claimed: ClaimedCommand, command: Command) -> None:
        async with self._database:
            open_ = await resend_command(self._conn, claimed.command_id, now=self._clock.now())
        if not open_:
            return
        commands = self._caller.folder.commands
        reply = await self._carry(claimed, command)
        await self._judge(claimed, commands.command_receipt(command, reply), reply)

    async def _was_found(self, claimed: ClaimedCommand, command: Command) -> bool:
        """Look whether the vendor did it, and settle it where it did.

        What is not found may still be under way there; the same call under the same key, which
        follows, is the answer then.
        """
        receipt = await self._look(claimed, command)
        if receipt.state is not ReceiptState.DONE:
            return False
        await self._judge(claimed, receipt, None)
        return True

    async def _look_up(self, claimed: ClaimedCommand, command: Command, *, just_sent: bool) -> None:
        receipt = await self._look(claimed, command)
        if receipt.state is ReceiptState.LATER and not receipt.after_s and not just_sent:
            # We waited for this word, and have it: it was not done. No need to wait once more.
            receipt = msgspec.structs.replace(receipt, after_s=_PAUSE_S)
        await self._judge(claimed, receipt, None)

    async def _look(self, claimed: ClaimedCommand, command: Command) -> Receipt:
        """Return what is found of a command at the vendor, page by page."""
        commands = self._caller.folder.commands
        request = commands.find_request(command, claimed.idempotency_key)
        reply = await self._caller.send(request)
        receipt = commands.found(command, claimed.idempotency_key, reply)
        pages = 1
        while receipt.further is not None and pages < LOOK_PAGES_MAX:
            reply = await self._caller.send(receipt.further)
            receipt = commands.found(command, claimed.idempotency_key, reply)
            pages += 1
        return receipt

    async def _ask_about(self, claimed: ClaimedCommand) -> None:
        """Ask what became of a command that the vendor took in; silence for days is an issue."""
        command, ref = claimed.command, claimed.vendor_ref
        action = self._actions.get(claimed.kind)
        late = self._clock.now() - claimed.wanted_at > SUBMITTED_PATIENCE
        if command is None or action is None or ref is None or (action.confirm != "ask" and late):
            await self._settle(claimed, self._give_up_waiting(claimed))
            return
        if action.confirm != "ask":
            await self._settle(claimed, _still(ref))
            return
        commands = self._caller.folder.commands
        try:
            reply = await self._caller.send(commands.confirm_request(command, ref))
        except (ConnectorError, OutcomeUnknown) as error:
            _log.info("asking_failed", command=claimed.ref, reason=error.message)
            await self._settle(claimed, _still(ref))
            return
        receipt = commands.confirmed(command, reply)
        if receipt.state is ReceiptState.SUBMITTED:
            settled = self._give_up_waiting(claimed) if late else _still(ref)
        else:
            settled = self._after_receipt(claimed, receipt)
        await self._settle(claimed, settled, reply)

    def _give_up_waiting(self, claimed: ClaimedCommand) -> Settled:
        if claimed.command is None:
            return _erased()
        return Settled(
            state=CommandState.UNKNOWN, code="never_confirmed", given_up=True, delay_s=_FAR_S
        )

    async def _confirm_early(self, claimed: ClaimedCommand, vendor_ref: str) -> None:
        """Believe a record that came in before the reply was written down."""
        async with self._database:
            told = [
                told_by_record(claimed.connection_id, decode(kind, row["body"]))
                for kind in TELLING_KINDS
                for row in await find_records(self._conn, kind, vendor_ref)
                if row["connection_id"] == claimed.connection_id
            ]
            found = [each for each in told if each is not None]
            await confirm_commands(self._conn, found, now=self._clock.now())

    async def _settle(
        self,
        claimed: ClaimedCommand,
        settled: Settled,
        reply: Reply | None = None,
        tells: Sequence[Piece] = (),
    ) -> None:
        folder, now = self._caller.folder, self._clock.now()
        told = [
            heard_event(folder, self._connection_id, piece, Origin.REPLY, asked_at=now, now=now)
            for piece in tells
        ]
        async with self._database, self._conn.transaction():
            event_id = None if reply is None else await self._log_reply(claimed, reply)
            await append_events(self._conn, self._vault, told)
            await settle_command(
                self._conn, claimed, settled, reply_event_id=event_id, now=self._clock.now()
            )

    async def _log_reply(self, claimed: ClaimedCommand, reply: Reply) -> int:
        event = NewEvent(
            connection_id=self._connection_id,
            external_id=f"reply:{claimed.idempotency_key}:{claimed.sends}:{len(reply.body)}",
            topic=f"reply/{claimed.kind}",
            entity=f"command/{claimed.command_id}",
            origin=Origin.REPLY,
            received_at=self._clock.now(),
            body=reply.body,
            queued=False,
        )
        return (await append_events(self._conn, self._vault, [event]))[0].event_id


def _erased() -> Settled:
    return Settled(state=CommandState.REFUSED, code="person_erased")


def _taken_back(reason: str) -> Settled:
    return Settled(state=CommandState.WITHDRAWN, code=reason)


def _still(vendor_ref: str) -> Settled:
    return Settled(state=CommandState.SUBMITTED, vendor_ref=vendor_ref, delay_s=ASK_INTERVAL_S)
