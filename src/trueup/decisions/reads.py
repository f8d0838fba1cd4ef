"""What others may read of decisions."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.decisions.model import State
from trueup.errors import ConfigError

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]

STANDS: Final = (State.ORDERED, State.DONE)
"""What was ordered, and has not come to nothing."""


async def list_decisions(
    conn: Conn,
    *,
    state: State | None = None,
    rule: str | None = None,
    before: int | None = None,
    count: int = 100,
) -> list[Row]:
    """Return decisions without their facts, the newest first."""
    return await fetch_rows(
        conn,
        _queries.list_decisions,
        state=None if state is None else state.value,
        rule=rule,
        before=before,
        count=count,
    )


async def list_waiting(conn: Conn, now: datetime, *, count: int = 100) -> list[Row]:
    """Return what was agreed to and waits for its time, the next first."""
    return await fetch_rows(conn, _queries.waiting_decisions, now=now, count=count)


async def next_due(conn: Conn, now: datetime) -> datetime | None:
    """Return when the next decision has waited long enough; None where nothing waits."""
    rows = await fetch_rows(conn, _queries.next_due, now=now)
    found: datetime | None = rows[0]["due_at"]
    return found


async def seek_decision(conn: Conn, decision_id: int) -> tuple[Row, list[Row]] | None:
    """Return a decision and what happened to it, in order; None where there is none."""
    rows = await fetch_rows(conn, _queries.find_decision, decision_id=decision_id)
    if not rows:
        return None
    return rows[0], await fetch_rows(conn, _queries.steps_of, decision_id=decision_id)


async def find_decision(conn: Conn, decision_id: int) -> tuple[Row, list[Row]]:
    """Return a decision and what happened to it, in order.

    Raises:
        ConfigError: there is none of that number.
    """
    found = await seek_decision(conn, decision_id)
    if found is None:
        raise ConfigError(
            f"There is no decision {decision_id}; trueup decisions list tells which are."
        )
    return found


async def ordered_episodes(
    conn: Conn, rule: str, subjects: Collection[str]
) -> dict[str, list[str]]:
    """Return the episodes of some subjects for which a rule's decision was ordered."""
    rows = await fetch_rows(conn, _queries.ordered_episodes, rule=rule, subjects=sorted(subjects))
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        found[row["subject"]].append(row["episode"])
    return found


async def decided_about(
    conn: Conn, rule: str, subjects: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return the episodes of a rule that were done about each of some subjects, in order."""
    rows = await fetch_rows(conn, _queries.decided_about, rule=rule, subjects=sorted(subjects))
    return {row["subject"]: tuple(row["episodes"]) for row in rows}


async def ordered_actions(
    conn: Conn,
    rule: str,
    subjects: Collection[str],
    kinds: Collection[str],
    *,
    states: Collection[State] = STANDS,
) -> list[Row]:
    """Return the actions of some kinds that a rule ordered about some subjects, in order.

    Args:
        conn: any session.
        rule: by its name.
        subjects: about which.
        kinds: of the actions.
        states: only of decisions that are in one of these now.

    Returns:
        Rows of decision_id, subject, position, kind, content, ordered_at.
    """
    return await fetch_rows(
        conn,
        _queries.ordered_actions,
        rule=rule,
        subjects=sorted(subjects),
        kinds=sorted(kinds),
        states=[each.value for each in states],
    )


async def subjects_ordered(
    conn: Conn, rule: str, since: datetime, *, states: Collection[State] = STANDS
) -> list[str]:
    """Return about which subjects a rule ordered something since an instant."""
    rows = await fetch_rows(
        conn,
        _queries.subjects_ordered,
        rule=rule,
        since=since,
        states=[each.value for each in states],
    )
    return sorted(row["subject"] for row in rows)


async def lines_said(
    conn: Conn, rule: str, subjects: Collection[str], since: datetime
) -> list[Row]:
    """Return what a rule said about some subjects since an instant, but for what was withdrawn.

    Returns:
        Rows of decision_id, subject, episode, state, actions; skus and sinces: of its facts' items.
    """
    return await fetch_rows(
        conn, _queries.lines_said, rule=rule, subjects=sorted(subjects), since=since
    )


async def lines_committed(conn: Conn, rule: str, since: datetime) -> list[Row]:
    """Return what a rule proposed since an instant and is agreed to, or may still be.

    Returns:
        Rows of decision_id, subject, episode, state, proposed_at, actions.
    """
    return await fetch_rows(conn, _queries.lines_committed, rule=rule, since=since)
