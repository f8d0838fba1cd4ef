"""From state to state: moves a decision, and keeps what happened to it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.decisions.model import State

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]


async def move(
    conn: Conn,
    decision_id: int,
    from_states: Sequence[State],
    state: State,
    *,
    now: datetime,
    by: str | None = None,
    rests_until: datetime | None = None,
) -> bool:
    """Move a decision to another state; False where it is in none of `from_states` any more.

    What is withdrawn is not proposed again before `rests_until`.
    """
    rows = await fetch_rows(
        conn,
        _queries.move_decision,
        decision_id=decision_id,
        from_states=[each.value for each in from_states],
        state=state.value,
        by=by,
        rests_until=rests_until,
        now=now,
    )
    return bool(rows)


async def note_steps(conn: Conn, steps: Sequence[tuple[int, str, str, str]], now: datetime) -> None:
    """Keep what happened: (decision, what, by whom, why); in the caller's transaction."""
    if steps:
        numbers, dids, bys, whys = zip(*steps, strict=True)
        await conn.execute(
            _queries.note_steps,
            {
                "decision_ids": list(numbers),
                "dids": list(dids),
                "bys": list(bys),
                "whys": list(whys),
                "now": now,
            },
        )


async def end_approved(conn: Conn, row: Row, why: str, now: datetime) -> State | None:
    """End a decision that was agreed to and is not ordered any more; in its own transaction.

    What was ordered of it before is followed as any order; without such it is withdrawn.

    Returns:
        What it is now; None where somebody else moved it first.
    """
    state = State.WITHDRAWN if row["ordered_at"] is None else State.ORDERED
    did = "withdrawn" if state is State.WITHDRAWN else "cut short"
    number = row["decision_id"]
    async with conn.transaction():
        if not await move(conn, number, (State.APPROVED,), state, now=now):
            return None
        await note_steps(conn, [(number, did, row["rule"], why)], now)
    return state
