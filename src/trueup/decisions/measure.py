"""What came of decisions, once it can be known: of what was done, and of what was not."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows, snapshot
from trueup.decisions.rule import Look, Rule, Waited
from trueup.hub import Hub

_queries = load_queries("trueup.decisions")

Conn = psycopg.AsyncConnection[Any]

COUNT_MAX = 200


async def measure_outcomes(
    conn: Conn, hub: Hub, rules: Mapping[str, Rule], now: datetime
) -> dict[str, int]:
    """Write down what came; returns of how many decisions, by rule.

    Shadows and what was turned down are measured too: they say what comes if nothing is done.
    """
    measured: dict[str, int] = {}
    for name, rule in rules.items():
        if rule.measure is None:
            continue
        rows = await fetch_rows(conn, _queries.due_outcomes, rule=name, now=now, count=COUNT_MAX)
        if not rows:
            continue
        waited = [
            Waited(row["subject"], row["proposed_at"], row["until"], row["actions"]) for row in rows
        ]
        async with snapshot(conn):
            found = await rule.measure(Look(conn=conn, hub=hub, now=now), waited)
        await conn.execute(
            _queries.note_outcomes,
            {
                "decision_ids": [row["decision_id"] for row in rows],
                "outcomes": list(found),
                "now": now,
            },
        )
        measured[name] = len(rows)
    return measured


async def read_calibration(conn: Conn) -> list[Row]:
    """Return what rules expected beside what came: rule, done, decisions, expected, came."""
    return await fetch_rows(conn, _queries.calibration)
