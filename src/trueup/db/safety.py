"""What a PostgreSQL must promise before Trueup answers a vendor: committed means on the disk."""

from typing import Any

import msgspec
import psycopg

from trueup.db.pool import translate_errors
from trueup.errors import DatabaseUnsafe

VERSION_MIN = 15

_READ_SETTINGS = """
    SELECT name, setting FROM pg_settings
    WHERE name IN ('server_version_num', 'fsync', 'full_page_writes', 'synchronous_commit')
"""
_READ_OVERRIDE = """
    SELECT CASE
        WHEN s.setdatabase <> 0 AND s.setrole <> 0 THEN
            format('ALTER ROLE %I IN DATABASE %I RESET synchronous_commit',
                   current_user, current_database())
        WHEN s.setrole <> 0 THEN format('ALTER ROLE %I RESET synchronous_commit', current_user)
        ELSE format('ALTER DATABASE %I RESET synchronous_commit', current_database())
    END
    FROM pg_db_role_setting s, unnest(s.setconfig) AS one
    WHERE one LIKE 'synchronous_commit=%'
      AND s.setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = current_user))
      AND s.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC
    LIMIT 1
"""


class Danger(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is set in a way that can lose acknowledged events."""

    setting: str
    found: str
    why: str
    fix: str


async def check_safety(conn: psycopg.AsyncConnection[Any]) -> None:
    """Refuse a server that may forget what it has committed.

    Of `synchronous_commit` only `off` is refused: `local` waits for the own disk, which is the
    promise; what it leaves out is the standby's copy, and that is the operator's choice. The
    value checked is that of the session, so settings of the role or the database count too.

    Args:
        conn: an idle connection, opened the way the program's own are.

    Raises:
        DatabaseUnsafe: names each setting with the statement that puts it right.
        DatabaseUnavailable: the server is away.
    """
    with translate_errors():
        rows = await conn.execute(_READ_SETTINGS)
        settings = {name: value async for name, value in rows}
        override = await (await conn.execute(_READ_OVERRIDE)).fetchone()
        if not conn.autocommit:
            await conn.rollback()
    dangers = find_dangers(settings, override=override[0] if override else None)
    if dangers:
        lines = [f"{one.setting} is {one.found}: {one.why}. To fix: {one.fix}" for one in dangers]
        raise DatabaseUnsafe(
            "The database could lose acknowledged events. " + " | ".join(lines),
            settings=", ".join(one.setting for one in dangers),
        )


def find_dangers(settings: dict[str, str], *, override: str | None = None) -> list[Danger]:
    """List what is dangerous in a server's settings.

    Args:
        settings: value by name: server_version_num, fsync, full_page_writes, synchronous_commit.
        override: statement that removes a setting of the role or the database, if there is one.
    """
    found: list[Danger] = []
    version = int(settings["server_version_num"])
    if version // 10_000 < VERSION_MIN:
        found.append(
            Danger(
                setting="version",
                found=f"{version // 10_000}.{version % 10_000}",
                why=f"Trueup needs PostgreSQL {VERSION_MIN} or newer",
                fix="upgrade the server, or remove database.url to use the embedded one",
            )
        )
    for name, why in (
        ("fsync", "a power cut can corrupt the whole database"),
        ("full_page_writes", "a power cut can leave half-written pages"),
    ):
        if settings[name] != "on":
            found.append(
                Danger(setting=name, found=settings[name], why=why, fix=_alter_system(name))
            )
    if settings["synchronous_commit"] == "off":
        found.append(
            Danger(
                setting="synchronous_commit",
                found="off",
                why="commits of the last moments are lost when the server dies",
                fix=f"{override}; then connect again"
                if override
                else _alter_system("synchronous_commit"),
            )
        )
    return found


def _alter_system(name: str) -> str:
    return (
        f"as a superuser run ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf(); (if it is set "
        "on the command line or in the URL's options, remove it there)"
    )
