"""Members: somebody of the team each, with a name of their own and a role."""

import unicodedata
from datetime import datetime
from typing import Any, Final

import msgspec
import psycopg

from trueup.access.rights import Role
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.errors import ConfigError

_queries = load_queries("trueup.access")

Conn = psycopg.AsyncConnection[Any]

NAME_CHARS_MAX: Final = 60


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody of the team.

    Attributes:
        name: how they sign in, and what is kept beside what they do.
        password: as it is kept; None: they have none.
    """

    member_id: int
    name: str
    role: Role
    password: str | None


def tidy_name(name: str) -> str:
    """Return a name as it is kept.

    Raises:
        ConfigError: it is empty, too long, or holds what nobody can see.
    """
    tidy = " ".join(unicodedata.normalize("NFKC", name[: 10 * NAME_CHARS_MAX]).split())
    if not tidy or len(tidy) > NAME_CHARS_MAX:
        raise ConfigError(f"A name has 1 to {NAME_CHARS_MAX} characters.", field="name")
    if any(unicodedata.category(each)[0] == "C" for each in tidy):
        raise ConfigError("A name holds letters that everybody can see.", field="name")
    return tidy


def fold_name(name: str) -> str:
    """Return what is the same for names that people take for the same one."""
    plain = unicodedata.normalize("NFKC", name[: 10 * NAME_CHARS_MAX]).replace("\x00", "")
    return " ".join(plain.split()).casefold()[:NAME_CHARS_MAX]


async def find_member(conn: Conn, name: str) -> Member | None:
    """Return who has a name and was not removed; None where nobody does."""
    rows = await fetch_rows(conn, _queries.find_member, folded=fold_name(name))
    return msgspec.convert(rows[0], Member) if rows else None


async def find_member_by_id(conn: Conn, member_id: int) -> Member | None:
    """Return a member who was not removed; None where there is none of this number."""
    rows = await fetch_rows(conn, _queries.find_member_by_id, member_id=member_id)
    return msgspec.convert(rows[0], Member) if rows else None


async def has_members(conn: Conn) -> bool:
    """Say whether there is anybody."""
    return bool(await fetch_rows(conn, _queries.any_member))


async def add_member(
    conn: Conn, *, name: str, role: Role, password: str | None, now: datetime
) -> Member:
    """Keep a new member, in the caller's transaction.

    Args:
        conn: in a transaction.
        name: of `tidy_name`.
        role: what they are here for.
        password: of `Passwords.hash`.
        now: the instant.

    Raises:
        ConfigError: somebody has this name, or had it.
    """
    rows = await fetch_rows(
        conn,
        _queries.add_member,
        name=name,
        folded=fold_name(name),
        role=role.value,
        password=password,
        now=now,
    )
    if not rows:
        raise ConfigError(
            f"Somebody has the name {name} already, or had it; take another.", field="name"
        )
    return msgspec.convert(rows[0], Member)


async def keep_password(conn: Conn, member_id: int, password: str) -> None:
    """Keep another hash of a member's password.

    Args:
        conn: any session.
        member_id: whose.
        password: of `Passwords.hash`.
    """
    await conn.execute(_queries.keep_password, {"member_id": member_id, "password": password})
