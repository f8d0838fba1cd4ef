"""Tell people what was agreed to and could not be had, and close that once it was dealt with."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg

from trueup.db.rows import snapshot
from trueup.decisions.rule import Look, Rule, Settings
from trueup.hub import Hub
from trueup.intake.issues import set_issues
from trueup.outbox.command import leave_telling


async def tell_of_lacks(
    conn: psycopg.AsyncConnection[Any],
    hub: Hub,
    rules: Mapping[str, Rule],
    settings: Mapping[str, Settings],
    now: datetime,
) -> None:
    """Make what each rule lacks its open issues, however far the rule may go.

    Args:
        conn: in autocommit.
        hub: with the connections as they are now.
        rules: by name.
        settings: of every rule.
        now: of the turn.
    """
    for name, rule in rules.items():
        if rule.lacks is None:
            continue
        async with snapshot(conn):
            found = await rule.lacks(Look(conn=conn, hub=hub, now=now), settings[name])
        async with conn.transaction():
            await set_issues(conn, rule.codes, None, found)
            await leave_telling(conn, [each.pointer for each in found])
