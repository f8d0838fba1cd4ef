"""Receipts: what came of a call, carried over to its intents."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg

from trueup.canon.issue import Issue, Severity
from trueup.contract.connector import Receipt, ReceiptState
from trueup.db.queries import load_queries
from trueup.intake.issues import close_issues, open_issues
from trueup.outbox.model import Call, CallState

_queries = load_queries("trueup.outbox")

UNEXPLAINED_PATIENCE_S = 15 * 60
"""How long a change at a channel may be a sale or restock that has not been read, before the
ledger's number counts again. Longer than a poll takes to bring every one."""

CHECK_DELAY_S = 60.0
"""How long after a vendor took a number in the hub looks whether it stands there."""

LOOK_DELAY_S = 2.0
"""How long after a call a number waits that is only to be looked at, where nothing new is to be
said: a look at a channel that is still selling finds out little, and is in the way of calls."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt with what follows from it.

    Attributes:
        delay_s: when it may be tried again.
        dead: it is given up.
        failed: it counts as a failed try; being asked to slow down does not.
        batch_max: it goes with no more than so many from now on, until it is done.
        may_stand: nobody knows whether the number was set before another one was found there.
        pending: it may be applied yet.
    """

    receipt: Receipt
    delay_s: float = 0.0
    dead: bool = False
    failed: bool = False
    batch_max: int | None = None
    may_stand: bool = False
    pending: bool = False


async def settle_call(
    conn: psycopg.AsyncConnection[Any],
    call: Call,
    verdicts: Sequence[Verdict],
    *,
    reply_event_id: int | None = None,
    overwrites: bool = False,
    now: datetime | None = None,
) -> None:
    """Write down what came of a call, together with its intents.

    Args:
        conn: in the transaction that appended the vendor's reply, where there is one.
        call: as claimed.
        verdicts: one per intent, in their order.
        reply_event_id: where the vendor's reply lies in the log.
        overwrites: the vendor sets a number without comparing it with what stood there.
        now: of the caller's clock; the database's where None.
    """
    ended = {
        "call_id": call.call_id,
        "state": _state_of(verdicts).value,
        "reply_event_id": reply_event_id,
        "check_delay_s": CHECK_DELAY_S,
        "vendor_ref": _batch_ref(verdicts),
        "now": now,
    }
    told = {
        "call_id": call.call_id,
        "ordinals": list(range(len(verdicts))),
        "receipts": [v.receipt.state.value for v in verdicts],
        "observed": [v.receipt.observed for v in verdicts],
        "codes": [v.receipt.code for v in verdicts],
    }
    # A pipeline: none of these waits for the other's answer.
    async with conn.pipeline():
        settled = _settled(call, verdicts) | {
            "overwrites": overwrites,
            "look_delay_s": CHECK_DELAY_S if any(v.pending for v in verdicts) else LOOK_DELAY_S,
            "now": now,
        }
        await conn.execute(_queries.settle_intents, settled, prepare=True)
        await conn.execute(_queries.end_call_intents, told, prepare=True)
        await conn.execute(_queries.end_call, ended, prepare=True)
        await _note_dead(conn, call, verdicts)


def _batch_ref(verdicts: Sequence[Verdict]) -> str | None:
    """Return what the vendor calls a batch; a single one is read back by itself."""
    receipt = verdicts[0].receipt
    is_batch = len(verdicts) > 1 and receipt.state is ReceiptState.SUBMITTED
    return receipt.vendor_ref if is_batch else None


def _settled(call: Call, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return what is carried over to the intents, as arrays of equal length."""
    claimed = call.claimed
    return {
        "call_id": call.call_id,
        "connection_id": call.connection_id,
        "kind": call.kind,
        "keys": [c.intent.key for c in claimed],
        "sent": [c.intent.value for c in claimed],
        "expected": [c.intent.expected for c in claimed],
        "sequences": [c.sequence for c in claimed],
        "receipts": [v.receipt.state.value for v in verdicts],
        "observed": [v.receipt.observed for v in verdicts],
        "delays": [float(v.delay_s) for v in verdicts],
        "dead": [v.dead for v in verdicts],
        "failed": [v.failed for v in verdicts],
        "batches": [v.batch_max for v in verdicts],
        "lowers": [c.intent.lowers for c in claimed],
        "may_stand": [v.may_stand for v in verdicts],
        "pending": [v.pending for v in verdicts],
    }


async def forgive_unexplained(
    conn: psycopg.AsyncConnection[Any],
    connection_id: int,
    *,
    seen_before: datetime,
    forgiven_at: datetime | None = None,
) -> int:
    """End the patience with changes at a channel; what nothing we read explains becomes an issue.

    Args:
        conn: in autocommit.
        connection_id: the channel.
        seen_before: everything that happened at the channel before this has been read and applied,
            so that what was seen before it and is still unexplained was nobody's sale.
        forgiven_at: by the caller's clock; the machine's where None.
    """
    async with conn.transaction():
        cursor = await conn.execute(
            _queries.forgive_unexplained,
            {"connection_id": connection_id, "seen_before": seen_before},
        )
        ended = await cursor.fetchall()
        rows = [row for row in ended if row[1] + row[2]]
        if rows:
            await conn.execute(
                _queries.note_forgiven,
                {
                    "connection_id": connection_id,
                    "forgiven_at": forgiven_at or datetime.now(UTC),
                    "keys": [key for key, *_ in rows],
                    "dropped": [dropped for _, dropped, _, _ in rows],
                    "risen": [risen for _, _, risen, _ in rows],
                    "sinces": [since for *_, since in rows],
                },
            )
        await open_issues(
            conn,
            [(None, connection_id, _unexplained(connection_id, *row[:3])) for row in rows],
        )
    return len(ended)


def _state_of(verdicts: Sequence[Verdict]) -> CallState:
    states = {verdict.receipt.state for verdict in verdicts}
    for state in (
        ReceiptState.UNKNOWN,
        ReceiptState.SUBMITTED,
        ReceiptState.LATER,
        ReceiptState.REFUSED,
    ):
        if state in states:
            return CallState(state.value)
    return CallState.DONE


async def _note_dead(
    conn: psycopg.AsyncConnection[Any], call: Call, verdicts: Sequence[Verdict]
) -> None:
    pairs = list(zip(call.claimed, verdicts, strict=True))
    dead = [
        (None, call.connection_id, given_up(call, c.intent.key, v.receipt))
        for c, v in pairs
        if v.dead
    ]
    await open_issues(conn, dead)
    done = [_ref(call.connection_id, c.intent.key) for c, v in pairs if _is_done(v) and c.attempts]
    await close_issues(conn, "outbox.given_up", done)


def _is_done(verdict: Verdict) -> bool:
    return verdict.receipt.state is ReceiptState.DONE


def _ref(connection_id: int, key: str) -> str:
    return f"connection/{connection_id}/sku/{key}"


def given_up(call: Call, key: str, receipt: Receipt) -> Issue:
    """Return the issue that a number was given up, with the vendor's reason."""
    return Issue(
        code="outbox.given_up",
        severity=Severity.WARNING,
        pointer=f"call {call.call_id}",
        expected="the vendor accepts the number",
        found=receipt.code or receipt.message or receipt.state.value,
        how_to_fix="Put right what the vendor names, then: trueup dead retry --sku " + key,
        ref=_ref(call.connection_id, key),
    )


def _unexplained(connection_id: int, key: str, dropped: int, risen: int) -> Issue:
    return Issue(
        code="stock.change_unexplained",
        severity=Severity.WARNING,
        pointer=f"{dropped} fewer, {risen} more",
        expected="a sale or a restock that explains why the channel's number changed",
        found=f"{dropped} units fewer, {risen} more, and nothing read since",
        how_to_fix="Look for another program or a person changing stock at this channel.",
        ref=_ref(connection_id, key),
    )
