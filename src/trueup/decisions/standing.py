"""How each rule stands: how far it may go, what it would have done, how right it was."""

from typing import Any

import msgspec
import psycopg

from trueup.db.rows import Row
from trueup.decisions.leave import list_replays, read_leaves
from trueup.decisions.measure import read_calibration
from trueup.decisions.model import Mode
from trueup.decisions.written.store import RuleBook

Conn = psycopg.AsyncConnection[Any]


class RuleStanding(msgspec.Struct, frozen=True, kw_only=True):
    """One rule.

    Attributes:
        written: a person wrote it.
        mode: how far it may go now.
        stale: it might go further once it was played on the past as it is now.
        stopped: all are.
        replay: what it would have done, with a sentence; None: it was not played yet.
        came: what it expected beside what came.
    """

    rule: str
    title: str
    version: int
    written: bool
    mode: Mode
    stale: bool
    stopped: bool
    replay: dict[str, Any] | None
    came: list[Row]


async def rule_standings(conn: Conn, book: RuleBook) -> list[RuleStanding]:
    """Return how all rules stand, in the order of the book."""
    leaves = await read_leaves(conn, book.rules, book.settings)
    replays = await list_replays(conn)
    measured = await read_calibration(conn)
    return [
        RuleStanding(
            rule=name,
            title=rule.title,
            version=rule.version,
            written=name in book.written,
            mode=leaves.mode_of(name),
            stale=name in leaves.stale,
            stopped=leaves.stopped,
            replay=replays[name]["figures"] if name in replays else None,
            came=[row for row in measured if row["rule"] == name],
        )
        for name, rule in book.rules.items()
    ]
