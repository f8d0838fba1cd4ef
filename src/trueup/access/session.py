"""Sessions: browsers that somebody signed in with, kept on our side and ended there.

What the browser holds is a secret, of which only the digest is kept. A session ends when nobody
used it for a while, when it is too old, when somebody ends it, or when its member is removed.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg

from trueup.access.manner import manner_of
from trueup.access.rights import Role
from trueup.access.secret import digest_of, new_secret
from trueup.access.visitor import Visitor
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows

_queries = load_queries("trueup.access")

Conn = psycopg.AsyncConnection[Any]

SEEN_EVERY: Final = timedelta(minutes=1)
"""How often it is written down that a session is used."""

BROWSER_CHARS_MAX: Final = 200


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long things last.

    Attributes:
        idle: a session that nobody uses.
        whole: a session at all.
        confirmed: until the password is asked for again before what matters most.
        link: an invite.
    """

    idle: timedelta = timedelta(hours=8)
    whole: timedelta = timedelta(days=7)
    confirmed: timedelta = timedelta(minutes=15)
    link: timedelta = timedelta(days=1)


class Browser(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody comes with.

    Attributes:
        address: of the network it is in.
        name: as it calls itself.
    """

    address: str
    name: str = ""


async def begin_session(conn: Conn, member_id: int, browser: Browser, now: datetime) -> str:
    """Return the secret of a new session, in the caller's transaction."""
    secret = new_secret()
    await conn.execute(
        _queries.add_session,
        {
            "digest": digest_of(secret),
            "member_id": member_id,
            "now": now,
            "address": browser.address,
            "browser": browser.name.replace("\x00", "")[:BROWSER_CHARS_MAX],
        },
    )
    return secret


async def find_visitor(conn: Conn, secret: str, now: datetime, limits: Limits) -> Visitor | None:
    """Return who a session's secret belongs to; None where it is nobody's, or too old.

    Args:
        conn: any session of the database.
        secret: as the browser sent it.
        now: the instant.
        limits: how long sessions last.
    """
    rows = await fetch_rows(
        conn,
        _queries.find_session,
        digest=digest_of(secret),
        idle_from=now - limits.idle,
        whole_from=now - limits.whole,
    )
    if not rows:
        return None
    row = rows[0]
    if now - row["seen_at"] >= SEEN_EVERY:
        await conn.execute(
            _queries.mark_session_seen, {"session_id": row["session_id"], "now": now}
        )
    return Visitor(
        member_id=row["member_id"],
        name=row["name"],
        role=Role(row["role"]),
        manner=manner_of(row["numbers"], row["zone"], row["language"]),
        session_id=row["session_id"],
        confirmed_at=row["confirmed_at"],
        factor=row["factor"],
        passed=row["passed"],
    )


async def confirm_session(conn: Conn, session_id: int, now: datetime) -> str:
    """Write down that the member of a session showed who they are; returns its new secret.

    The old secret opens nothing from here on, whoever else may have seen it.
    """
    secret = new_secret()
    given = {"session_id": session_id, "digest": digest_of(secret), "now": now}
    await conn.execute(_queries.confirm_session, given)
    return secret


async def pass_session(conn: Conn, session_id: int, now: datetime) -> str:
    """Write down that the member of a session showed their second factor; returns its new secret.

    The caller's transaction holds what else is written about it.
    """
    secret = new_secret()
    given = {"session_id": session_id, "digest": digest_of(secret), "now": now}
    await conn.execute(_queries.pass_session, given)
    return secret


async def end_session(conn: Conn, session_id: int, member_id: int) -> bool:
    """End one session of a member; says whether there was one."""
    cursor = await conn.execute(
        _queries.end_session, {"session_id": session_id, "member_id": member_id}
    )
    return cursor.rowcount == 1


async def end_sessions_of(conn: Conn, member_id: int) -> int:
    """End all sessions of a member; returns how many there were."""
    cursor = await conn.execute(_queries.end_sessions_of, {"member_id": member_id})
    return cursor.rowcount


async def end_old_sessions(conn: Conn, now: datetime, limits: Limits) -> None:
    """Remove what is too old to be good again; nothing depends on when."""
    await conn.execute(
        _queries.end_old_sessions,
        {"idle_from": now - limits.idle, "whole_from": now - limits.whole},
    )
