"""The trail: who did what, when. It is only ever added to."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import psycopg

from trueup.access.visitor import Visitor
from trueup.db.queries import load_queries

_queries = load_queries("trueup.access")

Conn = psycopg.AsyncConnection[Any]

ABOUT_CHARS_MAX: Final = 300
ADDRESS_CHARS_MAX: Final = 64


class Did(StrEnum):
    """What is written down."""

    SIGNED_IN = "signed in"
    SIGN_IN_FAILED = "failed to sign in"
    SIGNED_OUT = "signed out"
    BECAME_OWNER = "became the first owner"
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


async def note_deed_of(
    conn: Conn, visitor: Visitor, did: Did, *, at: datetime, about: str, address: str
) -> None:
    """Write what a visitor did."""
    await note(
        conn,
        did,
        at=at,
        member_id=visitor.member_id,
        who=visitor.name,
        about=about,
        address=address,
    )
