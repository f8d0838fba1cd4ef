"""Databases for tests: one server per run, a migrated template, a fresh copy per test."""

import asyncio
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from trueup.db.database import prepare_database
from trueup.db.embedded import EmbeddedServer

# Joins the server, says which postmaster it is, and stays until its standard input ends.
HOLDER = """
import sys
from pathlib import Path
from trueup.db.cluster import read_postmaster
from trueup.db.embedded import EmbeddedServer
server = EmbeddedServer(Path(sys.argv[1]))
conninfo = server.start()
print(read_postmaster(server.cluster), conninfo, flush=True)
sys.stdin.read()
server.stop()
"""

TEMPLATE = "trueup_template"
SYSTEM_BIN_DIR = Path("/usr/lib/postgresql/15/bin")

# Tests need no crash safety of the machine, and boot refuses fsync=off, so this stays safe too.
_TEST_SETTINGS = {"max_connections": "120", "shared_buffers": "128MB", "max_wal_size": "1GB"}


def run_server(data_dir: Path, *, bin_dir: Path | None = None) -> EmbeddedServer:
    """Describe a server for tests; `start` joins the one of a parallel worker if there is one."""
    return EmbeddedServer(data_dir, bin_dir=bin_dir, settings=_TEST_SETTINGS)


def ensure_template(conninfo: str) -> None:
    """Make the migrated template once per server, also when parallel workers ask at once."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute("SELECT pg_advisory_lock(1)")
        if conn.execute(
            "SELECT FROM pg_database WHERE datname = %s AND NOT datallowconn", (TEMPLATE,)
        ).fetchall():
            return
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(TEMPLATE)))
        conn.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        asyncio.run(prepare_database(named_database(conninfo, TEMPLATE)))
        conn.execute(
            sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(TEMPLATE))
        )


@contextmanager
def fresh_database(conninfo: str, *, template: str | None = TEMPLATE) -> Iterator[str]:
    """Copy the template (None: an empty database) and drop the copy afterwards.

    Args:
        conninfo: of a log-in that may create databases.
        template: name of the database to copy.
    """
    name = f"t_{secrets.token_hex(8)}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    with psycopg.connect(conninfo, autocommit=True) as conn:
        conn.execute(create)
    try:
        yield named_database(conninfo, name)
    finally:
        drop_database(conninfo, name)


def drop_database(conninfo: str, name: str, *, tries: int = 20) -> None:
    """Drop a database; where the server's own vacuum is at it, which nobody may end, wait."""
    drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(conninfo, autocommit=True) as conn:
        for left in reversed(range(tries)):
            try:
                conn.execute(drop)
            except psycopg.errors.InsufficientPrivilege:
                if left == 0:
                    raise
                time.sleep(0.1)
            else:
                return


def named_database(conninfo: str, name: str) -> str:
    """Give the same address with another database."""
    return make_conninfo(conninfo, dbname=name)


def superuser_of(conninfo: str) -> str:
    """Give the address of the superuser of a server of ours, who shares the log-in's password."""
    return make_conninfo(conninfo, user="postgres", dbname="postgres")


def password_of(conninfo: str) -> str:
    """Read the password out of an address."""
    return str(conninfo_to_dict(conninfo)["password"])


def ask(conninfo: str, query: str) -> object:
    """Give the first column of the first row."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
    return row[0] if row else None
