"""Views: questions to lists that a member gave a name, to be asked again with one press."""

from datetime import datetime
from typing import Any, Final

import psycopg

from trueup.access.member import tidy_name
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import ConfigError

_queries = load_queries("trueup.access")

Conn = psycopg.AsyncConnection[Any]

VIEWS_MAX: Final = 30
ADDRESS_CHARS_MAX: Final = 2_000


async def list_views(conn: Conn, member_id: int) -> list[Row]:
    """Return a member's views by their names: view_id, name, address."""
    return await fetch_rows(conn, _queries.list_views, member_id=member_id)


async def keep_view(conn: Conn, member_id: int, name: str, address: str, now: datetime) -> None:
    """Keep a view under a name; the same name again means the new address.

    Args:
        conn: in autocommit.
        member_id: whose.
        name: as they call it.
        address: of the console, with what is asked.
        now: the instant.

    Raises:
        ConfigError: the name or the address is none, or there are too many.
    """
    tidy = tidy_name(name)
    inside = address.startswith("/") and not address.startswith(("//", "/\\"))
    if not inside or not address.isprintable() or len(address) > ADDRESS_CHARS_MAX:
        raise ConfigError("A view is an address of these pages.", field="address")
    given = {"member_id": member_id, "name": tidy, "address": address, "now": now}
    if not await fetch_rows(conn, _queries.keep_view, **given, most=VIEWS_MAX):
        raise ConfigError(f"You have {VIEWS_MAX} views; forget one first.", field="name")


async def drop_view(conn: Conn, member_id: int, view_id: int | None) -> None:
    """Forget a view.

    Raises:
        ConfigError: the member has none of this number.
    """
    rows = await fetch_rows(conn, _queries.drop_view, member_id=member_id, view_id=view_id)
    if not rows:
        raise ConfigError("There is no such view any more.", field="view")
