"""Tokens: by which a member's programs ask, with some of the member's rights and for some time.

Only the digest is kept. What a token may do is what it was given and its member's role still has,
as it is when it asks; it ends by itself, by its member, by an owner, or with its member.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg

from trueup.access.manner import manner_of
from trueup.access.member import tidy_name
from trueup.access.rights import GRANTABLE, Role
from trueup.access.secret import SECRET_CHARS_MAX, digest_of, new_secret
from trueup.access.session import SEEN_EVERY
from trueup.access.trail import Did, Doer, note_deed_of
from trueup.access.visitor import Visitor
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import ConfigError

_queries = load_queries("trueup.access")

Conn = psycopg.AsyncConnection[Any]

TOKEN_MARK: Final = "trueup_"  # noqa: S105 - how each begins, so that scanners of secrets find one
TOKENS_MAX: Final = 20
DAYS: Final = 90
DAYS_MAX: Final = 366
_PREFIX_CHARS: Final = len(TOKEN_MARK) + 5


async def make_token(
    conn: Conn,
    visitor: Visitor,
    *,
    name: str,
    scopes: Sequence[str],
    days: int,
    doer: Doer,
    now: datetime,
) -> str:
    """Return a new token of a member's; it can not be read again.

    Args:
        conn: in autocommit.
        visitor: whose it shall be, in a session.
        name: what it is for.
        scopes: the rights that it shall have.
        days: how long it shall be good, 1 to `DAYS_MAX`.
        doer: who makes it.
        now: the instant.

    Raises:
        ConfigError: it has no name, no right, more rights than its member, or no end; or there are
            too many.
    """
    tidy, wanted = tidy_name(name), tuple(dict.fromkeys(scopes))
    if not wanted:
        raise ConfigError("A token needs one right at least.", field="scopes")
    more = [each for each in wanted if each not in GRANTABLE or not visitor.may(each)]
    if more:
        raise ConfigError(
            f"A token can not have what you have not: {', '.join(more)[:200]}.", field="scopes"
        )
    if not 1 <= days <= DAYS_MAX:
        raise ConfigError(f"A token is good for 1 to {DAYS_MAX} days.", field="days")
    secret = f"{TOKEN_MARK}{new_secret()}"
    prefix = secret[:_PREFIX_CHARS]
    given = {
        "digest": digest_of(secret),
        "member_id": visitor.member_id,
        "name": tidy,
        "prefix": prefix,
        "scopes": list(wanted),
        "now": now,
        "ends_at": now + timedelta(days=days),
        "most": TOKENS_MAX,
    }
    async with conn.transaction():
        await conn.execute(_queries.end_old_tokens, {"now": now})
        if (await conn.execute(_queries.add_token, given)).rowcount == 0:
            raise ConfigError(f"You have {TOKENS_MAX} tokens; revoke one first.", field="do")
        about = f"{prefix}, {days} days: {', '.join(wanted)}"
        await note_deed_of(conn, doer, Did.MADE_TOKEN, at=now, about=about)
    return secret


async def find_bearer(conn: Conn, secret: str, now: datetime) -> Visitor | None:
    """Return whose token this is, with what it may do; None where it is nobody's, or over.

    Args:
        conn: in autocommit.
        secret: as the program sent it.
        now: the instant.
    """
    if not secret.startswith(TOKEN_MARK) or len(secret) > SECRET_CHARS_MAX:
        return None
    rows = await fetch_rows(conn, _queries.find_token, digest=digest_of(secret), now=now)
    if not rows:
        return None
    row = rows[0]
    if row["used_at"] is None or now - row["used_at"] >= SEEN_EVERY:
        await conn.execute(_queries.mark_token_used, {"token_id": row["token_id"], "now": now})
    return Visitor(
        member_id=row["member_id"],
        name=row["name"],
        role=Role(row["role"]),
        manner=manner_of(row["numbers"], row["zone"], row["language"]),
        scopes=frozenset(row["scopes"]),
    )


async def list_tokens(conn: Conn, now: datetime, *, member_id: int | None = None) -> list[Row]:
    """Return the tokens that are good, of one member or of all; none of it opens anything."""
    return await fetch_rows(conn, _queries.list_tokens, member_id=member_id, now=now)


async def revoke_token(
    conn: Conn, token_id: int | None, doer: Doer, now: datetime, *, member_id: int | None = None
) -> None:
    """End a token.

    Args:
        conn: in autocommit.
        token_id: which.
        doer: who ends it.
        now: the instant.
        member_id: whose alone it may be; None: anybody's.

    Raises:
        ConfigError: there is none of this number that it may be.
    """
    async with conn.transaction():
        given = {"token_id": token_id, "member_id": member_id}
        rows = await fetch_rows(conn, _queries.drop_token, **given)
        if not rows:
            raise ConfigError("There is no such token any more.", field="token")
        about = f"{rows[0]['prefix']} of {rows[0]['name']}"
        await note_deed_of(conn, doer, Did.REVOKED_TOKEN, at=now, about=about)


async def drop_tokens_of(conn: Conn, member_id: int) -> None:
    """End all tokens of a member, in the caller's transaction."""
    await conn.execute(_queries.drop_tokens_of, {"member_id": member_id})
