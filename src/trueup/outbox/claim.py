"""Claim intents for one call, written down before it is sent."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any

import psycopg
from psycopg.rows import dict_row

from trueup.contract.connector import Intent
from trueup.db.queries import load_queries
from trueup.outbox.model import Call, Claimed

_queries = load_queries("trueup.outbox")


async def claim_call(
    conn: psycopg.AsyncConnection[Any],
    connection_id: int,
    kind: str,
    *,
    count: int,
    fewest: int = 1,
    lowers: bool = False,
    now: datetime | None = None,
) -> Call | None:
    """Take up to `count` due intents, those nearest to zero first, for one call.

    Where fewer than `fewest` are due, only one is taken. Where the vendor `lowers`, numbers that
    must fall and could not be compared again and again are lowered by what is too much.

    Returns None where nothing is due. The call and its key are durable when this returns, so a
    crash at any later moment leaves a trace to be read back.
    """
    key = str(uuid.uuid4())
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            _queries.claim_call,
            {
                "connection_id": connection_id,
                "kind": kind,
                "idempotency_key": key,
                "count": count,
                "fewest": fewest,
                "lowers": lowers,
                "now": now,
            },
            prepare=True,
        )
        rows = await cursor.fetchall()
    if not rows:
        return None
    return Call(
        call_id=rows[0]["call_id"],
        connection_id=connection_id,
        kind=kind,
        idempotency_key=key,
        sends=1,
        claimed=tuple(_claimed(kind, row) for row in rows),
    )


async def is_due(
    conn: psycopg.AsyncConnection[Any],
    connection_id: int,
    kind: str,
    *,
    now: datetime | None = None,
) -> bool:
    """Return whether there may be something to claim."""
    cursor = await conn.execute(
        _queries.is_due, {"connection_id": connection_id, "kind": kind, "now": now}, prepare=True
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def open_calls(conn: psycopg.AsyncConnection[Any], connection_id: int) -> list[Call]:
    """Return the calls of a connection of which nobody knows what came, oldest first."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_queries.open_calls, {"connection_id": connection_id})
        rows = await cursor.fetchall()
    return calls_of_rows(connection_id, rows)


def calls_of_rows(connection_id: int, rows: Iterable[dict[str, Any]]) -> list[Call]:
    """Put calls together from one row per (call, intent), in the order of calls."""
    calls = []
    for call_id, parts in groupby(rows, key=lambda row: row["call_id"]):
        group = list(parts)
        calls.append(
            Call(
                call_id=call_id,
                connection_id=connection_id,
                kind=group[0]["kind"],
                idempotency_key=group[0]["idempotency_key"],
                sends=group[0]["sends"],
                claimed=tuple(_claimed(row["kind"], row | {"attempts": 0}) for row in group),
                vendor_ref=group[0].get("vendor_ref"),
            )
        )
    return calls


async def resend_call(conn: psycopg.AsyncConnection[Any], call: Call) -> None:
    """Count one more sending of the same call with the same key."""
    await conn.execute(_queries.resend_call, {"call_id": call.call_id})


def _claimed(kind: str, row: dict[str, Any]) -> Claimed:
    return Claimed(
        intent=Intent(
            kind=kind,
            key=row["key"],
            value=row["value"],
            expected=row["expected"],
            target=row["target"],
            lowers=row.get("lowers", False),
        ),
        sequence=row["sequence"],
        wanted_at=row["wanted_at"],
        attempts=row["attempts"],
        overtaken=row.get("overtaken", False),
    )
