"""Play a rule on the brand's own past, and keep what it would have done."""

from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from trueup.db.rows import snapshot
from trueup.decisions.leave import keep_replay
from trueup.decisions.rule import Look, Replay
from trueup.decisions.written.store import RuleBook
from trueup.errors import ConfigError
from trueup.hub import Hub

Conn = psycopg.AsyncConnection[Any]

PLAY_TIMEOUT_S: Final = 900


async def replay_rule(
    conn: Conn, hub: Hub, book: RuleBook, name: str, days: int, now: datetime
) -> Replay:
    """Play a rule on so many whole days until yesterday, and keep it.

    Args:
        conn: in autocommit.
        hub: with the connections as they are now.
        book: all rules.
        name: of the rule.
        days: how far back.
        now: of the look.

    Raises:
        ConfigError: there is no such rule, or it can not be played.
    """
    rule = book.rule(name)
    if rule.play is None:
        raise ConfigError(f"The rule {name} can not be played on the past.")
    until = now.date() - timedelta(days=1)
    look = Look(conn=conn, hub=hub, now=now)
    async with snapshot(conn):
        # A year is read at once, and then played for longer than a session may usually be idle.
        await conn.execute(
            f"SET LOCAL idle_in_transaction_session_timeout = '{PLAY_TIMEOUT_S}s'".encode()
        )
        found = await rule.play(look, book.settings[name], until - timedelta(days=days - 1), until)
    await keep_replay(conn, rule, book.settings[name], found, now)
    return found
