"""What is a member's own: their sessions, what they did, and how they read.

Everything here asks for the member's number beside that of the thing, so nobody reaches another's.
"""

from datetime import datetime
from typing import Any

import psycopg

from trueup.access.manner import Manner
from trueup.access.session import Limits, end_session
from trueup.access.trail import Did, Doer, note_deed_of
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import ConfigError

_queries = load_queries("trueup.access")

Conn = psycopg.AsyncConnection[Any]


async def list_sessions_of(conn: Conn, member_id: int, now: datetime, limits: Limits) -> list[Row]:
    """Return a member's sessions that are still good, the one used last first."""
    return await fetch_rows(
        conn,
        _queries.list_sessions_of,
        member_id=member_id,
        idle_from=now - limits.idle,
        whole_from=now - limits.whole,
    )


async def list_trail_of(conn: Conn, member_id: int, *, count: int) -> list[Row]:
    """Return what a member did, newest first."""
    return await fetch_rows(conn, _queries.list_trail_of, member_id=member_id, count=count)


async def end_own_session(
    conn: Conn, session_id: int | None, member_id: int, doer: Doer, now: datetime
) -> None:
    """End one session of a member.

    Raises:
        ConfigError: they have none of this number.
    """
    async with conn.transaction():
        if session_id is None or not await end_session(conn, session_id, member_id):
            raise ConfigError("There is no such session any more.", field="session")
        await note_deed_of(conn, doer, Did.ENDED_SESSIONS, at=now, about="one of their own")


async def end_other_sessions(
    conn: Conn, kept: int, member_id: int, doer: Doer, now: datetime
) -> int:
    """End all sessions of a member but one; returns how many there were."""
    async with conn.transaction():
        cursor = await conn.execute(
            _queries.end_other_sessions, {"member_id": member_id, "session_id": kept}
        )
        about = f"their own others: {cursor.rowcount}"
        await note_deed_of(conn, doer, Did.ENDED_SESSIONS, at=now, about=about)
    return cursor.rowcount


async def keep_manner(conn: Conn, member_id: int, manner: Manner) -> None:
    """Keep how a member reads."""
    await conn.execute(
        _queries.keep_manner,
        {
            "member_id": member_id,
            "numbers": manner.numbers.value,
            "zone": manner.zone,
            "language": manner.language.value,
        },
    )


async def last_look(conn: Conn, member_id: int) -> datetime | None:
    """Return until when a member has seen what happened; None: they never said so."""
    rows = await fetch_rows(conn, _queries.last_look, member_id=member_id)
    return rows[0]["looked_at"] if rows else None


async def note_look(conn: Conn, member_id: int, at: datetime) -> None:
    """Note until when a member has seen what happened; an earlier instant changes nothing."""
    await conn.execute(_queries.note_look, {"member_id": member_id, "at": at})
