"""The trail: who did what, when. It is only ever added to."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows

_queries = load_queries("trueup.access")

Conn = psycopg.AsyncConnection[Any]

ABOUT_CHARS_MAX: Final = 300
ADDRESS_CHARS_MAX: Final = 64
LOOKED_MAX: Final = 1000
"""Entries among which the newest about one thing is looked for."""


class Doer(msgspec.Struct, frozen=True, kw_only=True):
    """Who does something, and from where.

    Attributes:
        member_id: None: whoever is at the command line.
        name: kept beside what is done.
        address: of the network; empty: on this machine.
    """

    member_id: int | None
    name: str
    address: str = ""


class Did(StrEnum):
    """What is written down."""

    SIGNED_IN = "signed in"
    SIGN_IN_FAILED = "failed to sign in"
    CONFIRM_FAILED = "failed to confirm"
    SIGNED_OUT = "signed out"
    BECAME_OWNER = "became the first owner"
    INVITED = "made an invite"
    JOINED = "joined"
    GAVE_ROLE = "gave a role"
    REMOVED = "removed a member"
    RESET = "made a link for a new password"
    CHOSE_PASSWORD = "chose a new password"  # noqa: S105 - what was done
    CHANGED_PASSWORD = "changed their password"  # noqa: S105 - as above
    ENDED_SESSIONS = "ended sessions"
    KNEW_PASSWORD = "gave the right password"  # noqa: S105 - as above
    FACTOR_FAILED = "failed to show the second factor"
    TURNED_FACTOR_ON = "turned the second factor on"
    TURNED_FACTOR_OFF = "turned the second factor off"
    TOOK_FACTOR = "took a member's second factor away"
    MADE_SPARES = "made spare codes"
    LINKED = "linked an account"
    MADE_TOKEN = "made a token"  # noqa: S105 - as above
    REVOKED_TOKEN = "revoked a token"  # noqa: S105 - as above
    CONNECTED = "connected an account"
    GAVE_SECRET = "gave a connection a secret"  # noqa: S105 - what was done
    PAUSED = "paused a connection"
    RESUMED = "resumed a connection"
    RETRIED = "tried parked events again"
    REVEALED = "looked at personal data"


async def note(
    conn: Conn,
    did: Did,
    *,
    at: datetime,
    member_id: int | None,
    who: str,
    about: str = "",
    address: str = "",
) -> None:
    """Write an entry, in the caller's transaction where there is one.

    Args:
        conn: any session.
        did: what was done.
        at: when.
        member_id: by whom; None where nobody knows.
        who: their name; empty where nobody knows.
        about: what it was done to, in a few words without anything personal or secret.
        address: of the network where it came from; empty: on this machine.
    """
    await conn.execute(
        _queries.add_entry,
        {
            "at": at,
            "member_id": member_id,
            "who": who,
            "did": did.value,
            "about": about.replace("\x00", "")[:ABOUT_CHARS_MAX],
            "address": address[:ADDRESS_CHARS_MAX],
        },
    )


async def note_deed_of(conn: Conn, doer: Doer, did: Did, *, at: datetime, about: str) -> None:
    """Write what somebody did who is known."""
    await note(
        conn,
        did,
        at=at,
        member_id=doer.member_id,
        who=doer.name,
        about=about,
        address=doer.address,
    )


async def list_trail(conn: Conn, *, before: int | None = None, count: int = 100) -> list[Row]:
    """Return the newest entries, or those before one."""
    return await fetch_rows(conn, _queries.list_trail, before=before, count=count)


async def newest_about(conn: Conn, about: str, deeds: Sequence[Did]) -> Row | None:
    """Return the newest of some deeds about one thing: at, who, did; None where none is recent."""
    rows = await fetch_rows(
        conn,
        _queries.newest_about,
        about=about,
        deeds=[each.value for each in deeds],
        looked=LOOKED_MAX,
    )
    return rows[0] if rows else None
