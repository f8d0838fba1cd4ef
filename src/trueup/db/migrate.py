"""Migrations: numbered folders of SQL, each applied once, in order, in a transaction of its own.

`migrations/NNNN_<room>_<what>/` holds `up.sql` and, where useful, `before.sql` and `after.sql`:
SELECTs whose rows are (name text, ok boolean, detail text). A check that is not ok undoes the
migration. An applied `up.sql` never changes again; what is wrong in it is put right by the next.
"""

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from trueup import __version__
from trueup.db.pool import translate_errors
from trueup.errors import ConfigError, DatabaseUnsafe, invariant

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_TIMEOUT_MS = 4_000
STATEMENT_TIMEOUT_MS = 60_000
WAIT_FOR_TURN_MS = 120_000

# Any fixed number serves; this one is "trueup" in ASCII, so that pg_locks can be read.
_ADVISORY_LOCK = 0x747275657570

_FOLDER = re.compile(r"(?P<number>\d{4})_[a-z0-9]+(?:_[a-z0-9]+)*")

_META = """
CREATE SCHEMA IF NOT EXISTS trueup_meta;
CREATE TABLE IF NOT EXISTS trueup_meta.migration (
    number integer PRIMARY KEY CHECK (number > 0),
    name text NOT NULL UNIQUE,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    code_version text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE trueup_meta.migration IS 'One row per migration applied to this database.';
CREATE TABLE IF NOT EXISTS trueup_meta.notice (
    name text PRIMARY KEY,
    detail text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE trueup_meta.notice IS
    'What a migration could not do, and what an operator may do about it.';
"""


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One folder of `migrations/`."""

    number: int
    name: str
    up: str
    before: str = ""
    after: str = ""

    @property
    def sha256(self) -> str:
        """Hash of `up.sql` in hexadecimal."""
        return _sha256_of(self.up)


@cache
def _sha256_of(text: str) -> str:
    """Return the hash of a text; each migration is compared with every one that is applied."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_migrations(folder: Path = MIGRATIONS) -> tuple[Migration, ...]:
    """Read all migrations, lowest number first.

    Raises:
        InvariantBroken: a folder with another kind of name, without `up.sql`, or a number twice.
    """
    found: dict[int, Migration] = {}
    for path in sorted(path for path in folder.iterdir() if path.is_dir()):
        if path.name.startswith((".", "__")):
            continue
        match = _FOLDER.fullmatch(path.name)
        invariant(match, f"{path}: a migration is named NNNN_<room>_<what>")
        number = int(match["number"]) if match else 0
        invariant(number not in found, f"{path}: the number {number} is used twice")
        invariant((path / "up.sql").is_file(), f"{path}: up.sql is missing")
        found[number] = Migration(
            number=number,
            name=path.name,
            up=_read(path / "up.sql"),
            before=_read(path / "before.sql"),
            after=_read(path / "after.sql"),
        )
    return tuple(found.values())


async def migrate(
    conn: psycopg.AsyncConnection[Any], migrations: Sequence[Migration] | None = None
) -> list[str]:
    """Apply the migrations that this database lacks, and name them in order.

    Safe when several processes start at once: each takes its turn, and the later ones find
    nothing left to do.

    Args:
        conn: an idle connection of the owner of the database.
        migrations: those of the code, unless a test brings its own.

    Raises:
        DatabaseUnsafe: the schema is newer than this code.
        ConfigError: an applied migration was edited, or a check before or after one failed.
        DatabaseUnavailable: the server is away, or its locks could not be had in time.
    """
    wanted = read_migrations() if migrations is None else tuple(migrations)
    done: list[str] = []
    with translate_errors():
        async with conn.transaction():
            await _take_turn(conn)
            await conn.execute(_META)
            missing = await _missing(conn, wanted)
        for migration in missing:
            async with conn.transaction():
                await _take_turn(conn)
                # Another process may have had its turn in between.
                if migration in await _missing(conn, wanted):
                    await _apply(conn, migration)
                    done.append(migration.name)
    return done


async def _missing(
    conn: psycopg.AsyncConnection[Any], wanted: Sequence[Migration]
) -> list[Migration]:
    applied = await _read_applied(conn)
    _refuse_strangers(applied, wanted)
    return [migration for migration in wanted if migration.number not in applied]


async def check_schema(
    conn: psycopg.AsyncConnection[Any], migrations: Sequence[Migration] | None = None
) -> None:
    """Refuse to work on a schema that is not exactly the one of this code.

    Raises:
        DatabaseUnsafe: the schema is newer than this code.
        ConfigError: migrations are missing, or an applied one was edited.
        DatabaseUnavailable: the server is away.
    """
    wanted = read_migrations() if migrations is None else tuple(migrations)
    with translate_errors():
        found = await conn.execute("SELECT to_regclass('trueup_meta.migration') IS NOT NULL")
        row = await found.fetchone()
        applied = await _read_applied(conn) if row and row[0] else {}
        if not conn.autocommit:
            await conn.rollback()
    _refuse_strangers(applied, wanted)
    missing = [migration.name for migration in wanted if migration.number not in applied]
    if missing:
        raise ConfigError(
            "The database lacks migrations of this version; run `trueup init` once, or start "
            "the scheduler, which applies them",
            missing=", ".join(missing),
        )


def _refuse_strangers(applied: dict[int, tuple[str, str]], wanted: Sequence[Migration]) -> None:
    known = {migration.number: migration for migration in wanted}
    newer = [name for number, (name, _) in applied.items() if number not in known]
    if newer:
        raise DatabaseUnsafe(
            "The database was set up by a newer Trueup; upgrade Trueup to at least that version, "
            "or restore the backup made before the upgrade",
            unknown_migrations=", ".join(newer),
            code_version=__version__,
        )
    for number, (name, sha256) in applied.items():
        if sha256 != known[number].sha256:
            raise ConfigError(
                f"Migration {name} was edited after it was applied; put its up.sql back as it "
                "was and write the change as a new migration",
                applied_sha256=sha256[:12],
                found_sha256=known[number].sha256[:12],
            )


async def _take_turn(conn: psycopg.AsyncConnection[Any]) -> None:
    """Hold the one lock of all migrating processes until the end of the transaction."""
    await _set_timeouts(conn, lock_ms=WAIT_FOR_TURN_MS, statement_ms=WAIT_FOR_TURN_MS)
    await conn.execute("SELECT pg_advisory_xact_lock(%s)", (_ADVISORY_LOCK,))
    await _set_timeouts(conn, lock_ms=LOCK_TIMEOUT_MS, statement_ms=STATEMENT_TIMEOUT_MS)


async def _set_timeouts(
    conn: psycopg.AsyncConnection[Any], *, lock_ms: int, statement_ms: int
) -> None:
    await conn.execute(
        "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', %s, true)",
        (f"{lock_ms}ms", f"{statement_ms}ms"),
    )


async def _read_applied(conn: psycopg.AsyncConnection[Any]) -> dict[int, tuple[str, str]]:
    rows = await conn.execute("SELECT number, name, sha256 FROM trueup_meta.migration ORDER BY 1")
    return {number: (name, sha256) async for number, name, sha256 in rows}


async def _apply(conn: psycopg.AsyncConnection[Any], migration: Migration) -> None:
    await _check(conn, migration, migration.before, when="before")
    await conn.execute(migration.up.encode())
    await _check(conn, migration, migration.after, when="after")
    await conn.execute(
        "INSERT INTO trueup_meta.migration (number, name, sha256, code_version)"
        " VALUES (%s, %s, %s, %s)",
        (migration.number, migration.name, migration.sha256, __version__),
    )


async def _check(
    conn: psycopg.AsyncConnection[Any], migration: Migration, sql: str, *, when: str
) -> None:
    if not sql.strip():
        return
    cursor = await conn.execute(sql.encode())
    while True:
        for name, holds, detail in await cursor.fetchall() if cursor.description else []:
            if holds is not True:
                raise ConfigError(
                    f"Migration {migration.name} was undone: the check {name!r} {when} it failed: "
                    f"{detail}",
                    check=name,
                )
        if not cursor.nextset():
            return


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
