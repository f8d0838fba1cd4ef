"""Receipts: what came of a call, carried over to its intents."""

from collections.abc import Sequence
from datetime import datetime
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


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt with what follows from it.

    Attributes:
        delay_s: when it may be tried again.
        dead: it is given up.
        failed: it counts as a failed try; being asked to slow down does not.
    """

    receipt: Receipt
    delay_s: float = 0.0
    dead: bool = False
    failed: bool = False


async def settle_call(
    conn: psycopg.AsyncConnection[Any],
    call: Call,
    verdicts: Sequence[Verdict],
    *,
    reply_event_id: int | None = None,
    overwrites: bool = False,
    now: datetime | None = None,
) -> None:
    """Write down what came of a call, in one transaction with its intents.

    Args:
        conn: in autocommit, or in the transaction that appended the vendor's reply.
        call: as claimed.
        verdicts: one per intent, in their order.
        reply_event_id: where the vendor's reply lies in the log.
        overwrites: the vendor sets a number without comparing it with what stood there.
        now: of the caller's clock; the database's where None.
    """
    claimed = call.claimed
    receipts = [v.receipt.state.value for v in verdicts]
    observed = [v.receipt.observed for v in verdicts]
    ended = {
        "call_id": call.call_id,
        "state": _state_of(verdicts).value,
        "reply_event_id": reply_event_id,
        "check_delay_s": CHECK_DELAY_S,
        "now": now,
    }
    told = {
        "call_id": call.call_id,
        "ordinals": list(range(len(claimed))),
        "receipts": receipts,
        "observed": observed,
        "codes": [v.receipt.code for v in verdicts],
    }
    # A pipeline: none of these waits for the other's answer.
    async with conn.transaction(), conn.pipeline():
        await conn.execute(_queries.end_call, ended, prepare=True)
        await conn.execute(_queries.end_call_intents, told, prepare=True)
        await conn.execute(
            _queries.settle_intents,
            {
                "connection_id": call.connection_id,
                "kind": call.kind,
                "keys": [c.intent.key for c in claimed],
                "sent": [c.intent.value for c in claimed],
                "expected": [c.intent.expected for c in claimed],
                "sequences": [c.sequence for c in claimed],
                "receipts": receipts,
                "observed": observed,
                "delays": [float(v.delay_s) for v in verdicts],
                "dead": [v.dead for v in verdicts],
                "failed": [v.failed for v in verdicts],
                "overwrites": overwrites,
                "now": now,
            },
            prepare=True,
        )
        await _note_dead(conn, call, verdicts)


async def forgive_unexplained(
    conn: psycopg.AsyncConnection[Any], connection_id: int, *, seen_before: datetime
) -> int:
    """End the patience with changes that nothing we read explains; each becomes an issue.

    Args:
        conn: in autocommit.
        connection_id: the channel.
        seen_before: everything that happened at the channel before this has been read and applied,
            so that what was seen before it and is still unexplained was nobody's sale.
    """
    async with conn.transaction():
        cursor = await conn.execute(
            _queries.forgive_unexplained,
            {"connection_id": connection_id, "seen_before": seen_before},
        )
        rows = await cursor.fetchall()
        await open_issues(
            conn,
            [(None, connection_id, _unexplained(connection_id, *row)) for row in rows],
        )
    return len(rows)


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
        (None, call.connection_id, _given_up(call, c.intent.key, v.receipt))
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


def _given_up(call: Call, key: str, receipt: Receipt) -> Issue:
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
