"""Invites: links that let somebody do one thing once, until they are too old."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
import psycopg

from trueup.access.rights import Role
from trueup.access.secret import digest_of, new_secret
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.errors import LinkSpent

_queries = load_queries("trueup.access")

Conn = psycopg.AsyncConnection[Any]


class Purpose(StrEnum):
    """What a link is for."""

    FIRST = "first"
    JOIN = "join"
    RESET = "reset"


class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """A link that is still good.

    Attributes:
        role: of who comes in by it; None: of somebody who is there already.
        member_id: who chooses a password anew by it.
    """

    invite_id: int
    purpose: Purpose
    role: Role | None
    member_id: int | None
    made_by: str
    made_at: datetime
    ends_at: datetime


async def make_invite(
    conn: Conn,
    purpose: Purpose,
    *,
    role: Role | None = None,
    member_id: int | None = None,
    made_by: str,
    now: datetime,
    lasts: timedelta,
) -> str:
    """Return the secret of a new link; it can not be read again.

    Of links that make the first owner, and of links of one member, only the newest is good.
    """
    secret = new_secret()
    async with conn.transaction():
        await conn.execute(
            _queries.end_invites, {"purpose": purpose.value, "member_id": member_id, "now": now}
        )
        await conn.execute(
            _queries.add_invite,
            {
                "digest": digest_of(secret),
                "purpose": purpose.value,
                "role": role,
                "member_id": member_id,
                "made_by": made_by,
                "now": now,
                "ends_at": now + lasts,
            },
        )
    return secret


async def address_invite(conn: Conn, secret: str, email: str) -> None:
    """Let whoever has an address, folded, at the issuer come in without the link."""
    await conn.execute(_queries.address_invite, {"digest": digest_of(secret), "email": email})


async def end_invites_of(conn: Conn, member_id: int) -> None:
    """Let no link of a member be good any more, in the caller's transaction."""
    await conn.execute(_queries.end_invites_of, {"member_id": member_id})


async def look_at_invite(conn: Conn, secret: str, now: datetime) -> Invite:
    """Return what a link is for, and leave it good.

    Raises:
        LinkSpent: it was used, is too old, was taken back, or never was.
    """
    return _invite(await fetch_rows(conn, _queries.find_invite, digest=digest_of(secret), now=now))


async def take_invite(conn: Conn, secret: str, now: datetime) -> Invite:
    """Use a link up, in the caller's transaction; of two at once one gets it.

    Raises:
        LinkSpent: as above.
    """
    return _invite(await fetch_rows(conn, _queries.take_invite, digest=digest_of(secret), now=now))


async def take_invite_of(conn: Conn, email: str, now: datetime) -> Invite | None:
    """Use up the newest link that was made for an address, in the caller's transaction."""
    rows = await fetch_rows(conn, _queries.take_invite_of, email=email, now=now)
    return _invite(rows) if rows else None


def _invite(rows: list[dict[str, Any]]) -> Invite:
    if not rows:
        raise LinkSpent
    return msgspec.convert(rows[0], Invite)
