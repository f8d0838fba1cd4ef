"""A database to be thrown away, in which `now()` is the world's.

Nothing in it survives a power cut, which nobody here suffers; so its commits cost next to nothing.
Every `now()` of a statement and of a column's default is a function of ours: it is found first, as
its schema stands first in the search path, also while the migrations run.
"""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tests.support.database import named_database
from trueup.db.embedded import EmbeddedServer
from trueup.db.migrate import migrate
from trueup.db.pool import connect

Conn = psycopg.AsyncConnection[Any]

_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
}
_TEMPLATE = "world_template"
_TIME = """
CREATE SCHEMA world;
CREATE FUNCTION world.now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(nullif(pg_catalog.current_setting('world.at', true), '')::timestamptz,
  pg_catalog.now()) $$;
"""


class Databases:
    """A server of one process; each of its databases is fresh, and the one before is dropped."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._name: str | None = None
        self._conn: Conn | None = None

    async def fresh(self) -> Conn:
        """Return a session in a database that nobody used yet."""
        await self.aclose()
        await self._make_template()
        self._name = f"world_{secrets.token_hex(8)}"
        self._run("CREATE DATABASE {} TEMPLATE world_template", self._name)
        self._route(self._name)
        conninfo = named_database(self._conninfo, self._name)
        self._conn = await connect(conninfo, application_name="world")
        return self._conn

    async def aclose(self) -> None:
        """Close the session and drop its database."""
        if self._conn is not None:
            await self._conn.close()
            self._conn = None
        if self._name is not None:
            self._run("DROP DATABASE {} WITH (FORCE)", self._name)
            self._name = None

    async def _make_template(self) -> None:
        with psycopg.connect(self._conninfo, autocommit=True) as conn:
            known = conn.execute("SELECT FROM pg_database WHERE datname = %s", (_TEMPLATE,))
            if known.fetchall():
                return
        self._run("CREATE DATABASE {}", _TEMPLATE)
        self._route(_TEMPLATE)
        async with await connect(
            named_database(self._conninfo, _TEMPLATE), application_name="world"
        ) as conn:
            await conn.execute(_TIME)
            await migrate(conn)

    def _run(self, statement: LiteralString, name: str) -> None:
        with psycopg.connect(self._conninfo, autocommit=True) as conn:
            conn.execute(sql.SQL(statement).format(sql.Identifier(name)))

    def _route(self, name: str) -> None:
        # A database's own settings are not copied with it.
        self._run("ALTER DATABASE {} SET search_path = world, pg_catalog, public", name)


@contextmanager
def throwaway_server() -> Iterator[str]:
    """Run a server whose data lies in memory where there is a folder of it."""
    memory = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
    place = memory if memory.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="trueup-world-", dir=place) as folder,
        EmbeddedServer(Path(folder), settings=_SETTINGS) as conninfo,
    ):
        yield conninfo


async def set_time(conn: Conn, at: datetime) -> None:
    """Let it be `at` for every statement of this session."""
    await conn.execute("SELECT set_config('world.at', %s, false)", (at.isoformat(),), prepare=True)
