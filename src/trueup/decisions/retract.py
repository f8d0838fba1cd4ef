"""Take back what the facts no longer ask for: proposals, answers, and orders that have not left."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.decisions.commands import NO_LONGER_ASKED, is_notice, refs_of, take_back
from trueup.decisions.model import State
from trueup.decisions.steps import end_approved, move, note_steps
from trueup.outbox.command import find_commands
from trueup.outbox.model import CommandState

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]

COUNT_MAX = 10_000
_WHY = "the facts no longer ask for it"


async def retract(conn: Conn, rule: str, standing: set[tuple[str, str]], now: datetime) -> None:
    """Take back what a rule would not propose any more, and proposals that nobody answered.

    Args:
        conn: any session.
        rule: which.
        standing: (subject, episode) of all that it proposes now.
        now: of the look.
    """
    rows = await fetch_rows(conn, _queries.standing_decisions, rule=rule, count=COUNT_MAX)
    ordered = []
    for row in rows:
        state, stands = State(row["state"]), (row["subject"], row["episode"]) in standing
        if state is State.PROPOSED and (row["lapses_at"] <= now or not stands):
            await _end_proposal(conn, row, now)
        elif state is State.APPROVED and not stands:
            await end_approved(conn, row, _WHY, now)
        elif state is State.ORDERED and not stands:
            ordered.append(row)
    if ordered:
        await _take_back(conn, ordered, now)


async def _end_proposal(conn: Conn, row: Row, now: datetime) -> None:
    lapsed = row["lapses_at"] <= now
    state = State.LAPSED if lapsed else State.WITHDRAWN
    why = "nobody answered in time" if lapsed else _WHY
    async with conn.transaction():
        if await move(conn, row["decision_id"], (State.PROPOSED,), state, now=now):
            await note_steps(conn, [(row["decision_id"], state.value, row["rule"], why)], now)


async def _take_back(conn: Conn, rows: Sequence[Row], now: datetime) -> None:
    """Take orders back of which nothing has left; of others the notices that have not.

    What is on its way is followed to its end.
    """
    refs = await refs_of(conn, rows)
    known = await find_commands(conn, [ref for each in refs.values() for ref in each])
    for row in rows:
        number = row["decision_id"]
        names = [ref for ref in refs[number] if ref in known]
        waits = [ref for ref in names if known[ref]["state"] == CommandState.DUE.value]
        whole = waits == names
        taken = waits if whole else [ref for ref in waits if is_notice(row, ref)]
        if not taken:
            continue
        async with conn.transaction():
            if not await take_back(conn, taken, NO_LONGER_ASKED, now):
                continue
            if whole:
                await move(conn, number, (State.ORDERED,), State.WITHDRAWN, now=now)
            did, left = ("withdrawn", "it had") if whole else ("cut short", "the message had")
            await note_steps(
                conn, [(number, did, row["rule"], f"{_WHY}, and {left} not left")], now
            )
