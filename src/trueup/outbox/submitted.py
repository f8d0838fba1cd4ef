"""Submitted is not applied: whether a number that a vendor took in stands there at last."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from trueup.canon.issue import Issue, Severity
from trueup.contract.connector import Receipt, ReceiptState
from trueup.db.queries import load_queries
from trueup.intake.issues import close_issues, open_issues
from trueup.outbox.claim import calls_of_rows
from trueup.outbox.model import Call, Claimed
from trueup.outbox.receipt import CHECK_DELAY_S, given_up

_queries = load_queries("trueup.outbox")

Conn = psycopg.AsyncConnection[Any]

APPLY_PATIENCE = timedelta(minutes=20)
"""How long a vendor may take to apply what it took in, before it is told again."""

_AGAIN = timedelta(minutes=2)
NOT_APPLIED = "stock.not_applied"

READ_SOME = "read"
"""Stands in the place of a batch's name once the vendor has worked it off: it is read back."""

READ_ALL = "read all"
"""The same, where one of those that were read did not stand there."""


async def submitted_calls(
    conn: Conn, connection_id: int, now: datetime
) -> list[tuple[Call, datetime]]:
    """Return calls that the vendor has had time to apply, with when they were begun."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_queries.submitted_calls, {"connection_id": connection_id, "now": now})
        rows = await cursor.fetchall()
    begun = {row["call_id"]: row["started_at"] for row in rows}
    return [(call, begun[call.call_id]) for call in calls_of_rows(connection_id, rows)]


async def look_later(
    conn: Conn, call: Call, now: datetime, *, vendor_ref: str | None = None
) -> None:
    """Look at a call again after a while: the vendor is still at it, or did not answer."""
    later = {"call_id": call.call_id, "check_at": now + _AGAIN, "vendor_ref": vendor_ref}
    await conn.execute(_queries.check_call_later, later)


async def settle_batch(
    conn: Conn, call: Call, receipts: Sequence[Receipt], *, now: datetime
) -> None:
    """Take what a vendor says of a batch that it has worked off: what it refused is given up.

    Args:
        conn: in autocommit.
        call: as submitted.
        receipts: one per intent; empty where the vendor says nothing of them.
        now: by the caller's clock.
    """
    told = zip(call.claimed, receipts, strict=bool(receipts))
    refused = {c.intent.key: (c, r) for c, r in told if r.state is ReceiptState.REFUSED}
    gone = [each for each, _ in refused.values()]
    left = len(call.claimed) - len(gone)
    soon = now + timedelta(seconds=CHECK_DELAY_S)
    later = {"check_at": soon if left else None, "vendor_ref": READ_SOME if receipts else READ_ALL}
    async with conn.transaction():
        await conn.execute(_queries.check_call_later, later | {"call_id": call.call_id})
        if not gone:
            return
        codes = [receipt.code for _, receipt in refused.values()]
        await _note(conn, call, list(refused), ReceiptState.REFUSED, codes)
        cursor = await conn.execute(
            _queries.refuse_submitted,
            {
                "connection_id": call.connection_id,
                "kind": call.kind,
                "keys": list(refused),
                "sequences": [c.sequence for c in gone],
                "sent": [c.intent.value for c in gone],
                "expected": [c.intent.expected for c in gone],
            },
        )
        dead = [key for key, state in await cursor.fetchall() if state == "dead"]
        issues = [(None, call.connection_id, given_up(call, k, refused[k][1])) for k in dead]
        await open_issues(conn, issues)


async def _note(
    conn: Conn, call: Call, keys: list[str], state: ReceiptState, codes: Sequence[str | None]
) -> None:
    receipts = [state.value] * len(keys)
    told = {"call_id": call.call_id, "keys": keys, "receipts": receipts, "codes": list(codes)}
    await conn.execute(_queries.note_receipts, told)


async def settle_submitted(
    conn: Conn,
    call: Call,
    levels: Sequence[int | None],
    *,
    unread: int = 0,
    started_at: datetime,
    now: datetime,
) -> None:
    """Compare what stands at the vendor with what it took in.

    Once the patience is over, a number that is higher there than was said is said again. A lower
    one may be a sale that nobody has read yet: it counts as unexplained, as anywhere else, and is
    raised only when that patience is over too. A newer number said since goes before all of it;
    where a batch wrote over such a one, that is noticed at once. To find what was said is no proof
    where the channel's own sales or restocks moved it since: it may never have been applied.

    Args:
        conn: in autocommit.
        call: as submitted, with what was read of it.
        levels: what stands there now, one per intent; None where the item is gone.
        unread: how many more of the call were not read, and count as applied if these are.
        started_at: when the call was begun.
        now: by the caller's clock.
    """
    pairs = [(c, n) for c, n in zip(call.claimed, levels, strict=True) if n is not None]
    late = now - started_at > APPLY_PATIENCE
    async with conn.transaction():
        moved = await _moved_since(conn, call, pairs)
        missing = [
            (c, n)
            for c, n in pairs
            if not c.overtaken and (n != c.intent.value or c.intent.key in moved)
        ]
        lost = {c.intent.key for c, _ in missing}
        applied = sorted({c.intent.key for c in call.claimed} - lost)
        wrong = (missing if late else []) + [(c, n) for c, n in pairs if c.overtaken]
        again_at = now + _AGAIN if missing and not late else None
        if missing and unread:
            again_at = now  # those that were not read are not believed any more
        later = {"check_at": again_at, "vendor_ref": READ_ALL if missing and unread else None}
        await conn.execute(_queries.check_call_later, later | {"call_id": call.call_id})
        await _note(conn, call, applied, ReceiptState.DONE, [None] * len(applied))
        await close_issues(conn, NOT_APPLIED, [_place(call.connection_id, k) for k in applied])
        if wrong:
            await _say_again(conn, call, wrong, now)


async def _moved_since(conn: Conn, call: Call, pairs: Sequence[tuple[Claimed, int]]) -> set[str]:
    cursor = await conn.execute(_queries.moved_since, _seen(call, pairs))
    return {key for (key,) in await cursor.fetchall()}


def _seen(call: Call, pairs: Sequence[tuple[Claimed, int]]) -> dict[str, Any]:
    return {
        "connection_id": call.connection_id,
        "kind": call.kind,
        "keys": [c.intent.key for c, _ in pairs],
        "sequences": [c.sequence for c, _ in pairs],
        "observed": [level for _, level in pairs],
    }


async def _say_again(
    conn: Conn, call: Call, wrong: Sequence[tuple[Claimed, int]], now: datetime
) -> None:
    """Take note of what stands there instead, and tell of those that are said again."""
    cursor = await conn.execute(_queries.unapplied_intents, {**_seen(call, wrong), "now": now})
    again = {key for key, state in await cursor.fetchall() if state == "due"}
    issues = [
        (None, call.connection_id, _not_applied(call.connection_id, c.intent.key, level, c))
        for c, level in wrong
        if c.intent.key in again and not c.overtaken
    ]
    await open_issues(conn, issues)


def _not_applied(connection_id: int, key: str, level: int, claimed: Claimed) -> Issue:
    return Issue(
        code=NOT_APPLIED,
        severity=Severity.WARNING,
        pointer=key,
        expected=f"{claimed.intent.value} units, as the vendor took in",
        found=f"{level} units after {APPLY_PATIENCE}",
        how_to_fix="It is said again by itself; if it stays, look at the listing at the vendor.",
        ref=_place(connection_id, key),
    )


def _place(connection_id: int, key: str) -> str:
    return f"connection/{connection_id}/sku/{key}"
