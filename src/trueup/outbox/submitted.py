"""Submitted is not applied: whether a number that a vendor took in stands there at last."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from trueup.canon.issue import Issue, Severity
from trueup.db.queries import load_queries
from trueup.intake.issues import close_issues, open_issues
from trueup.outbox.claim import calls_of_rows
from trueup.outbox.model import Call, Claimed

_queries = load_queries("trueup.outbox")

Conn = psycopg.AsyncConnection[Any]

APPLY_PATIENCE = timedelta(minutes=20)
"""How long a vendor may take to apply what it took in, before it is told again."""

_AGAIN = timedelta(minutes=2)
NOT_APPLIED = "stock.not_applied"


async def submitted_calls(
    conn: Conn, connection_id: int, now: datetime
) -> list[tuple[Call, datetime]]:
    """Return calls that the vendor has had time to apply, with when they were begun."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_queries.submitted_calls, {"connection_id": connection_id, "now": now})
        rows = await cursor.fetchall()
    begun = {row["call_id"]: row["started_at"] for row in rows}
    return [(call, begun[call.call_id]) for call in calls_of_rows(connection_id, rows)]


async def settle_submitted(
    conn: Conn,
    call: Call,
    levels: Sequence[int | None],
    *,
    started_at: datetime,
    now: datetime,
) -> None:
    """Compare what stands at the vendor with what it took in.

    Once the patience is over, a number that is higher there than was said is said again. A lower
    one may be a sale that nobody has read yet: it counts as unexplained, as anywhere else, and is
    raised only when that patience is over too. A newer number said since goes before all of it.

    Args:
        conn: in autocommit.
        call: as submitted.
        levels: what stands there now, one per intent; None where the item is gone.
        started_at: when the call was begun.
        now: by the caller's clock.
    """
    pairs = zip(call.claimed, levels, strict=True)
    missing = [(c, n) for c, n in pairs if n is not None and n != c.intent.value]
    late = now - started_at > APPLY_PATIENCE
    async with conn.transaction():
        done = not missing or late
        await conn.execute(
            _queries.check_call_later,
            {"call_id": call.call_id, "check_at": None if done else now + _AGAIN},
        )
        applied = {c.intent.key for c in call.claimed} - {c.intent.key for c, _ in missing}
        places = [_place(call.connection_id, key) for key in sorted(applied)]
        await close_issues(conn, NOT_APPLIED, places)
        if not (missing and late):
            return
        cursor = await conn.execute(
            _queries.unapplied_intents,
            {
                "connection_id": call.connection_id,
                "kind": call.kind,
                "keys": [c.intent.key for c, _ in missing],
                "sequences": [c.sequence for c, _ in missing],
                "observed": [level for _, level in missing],
                "now": now,
            },
        )
        again = {key for key, state in await cursor.fetchall() if state == "due"}
        issues = [
            (
                None,
                call.connection_id,
                _not_applied(call.connection_id, c.intent.key, level or 0, c),
            )
            for c, level in missing
            if c.intent.key in again
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
