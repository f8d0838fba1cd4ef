"""Backups: a dump in PostgreSQL's own format with a manifest beside it; never the master key."""

import hashlib
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from trueup import __version__
from trueup.db.migrate import read_migrations
from trueup.db.server_files import find_programs
from trueup.errors import ConfigError, DatabaseUnavailable

ROLES = ("trueup_ingress", "trueup_worker", "trueup_reader")
"""Those of the first migration."""

DUMP_TIMEOUT_S = 6 * 3600
_CHUNK_BYTES = 1024 * 1024
_LIBPQ = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
_LIBPQ |= {"dbname": "PGDATABASE", "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT"}


class BackupManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is, beside its dump.

    Attributes:
        schema: number of the newest migration in it.
        sha256: of the dump, hexadecimal.
        key_fingerprint: tells which master key opens it, without telling the key.
    """

    made_at: datetime
    code_version: str
    schema: int
    server_version: str
    dump_bytes: int
    sha256: str
    key_fingerprint: str


def manifest_path(dump: Path) -> Path:
    """Return where the manifest of a dump lies."""
    return dump.with_name(dump.name + ".json")


def make_backup(conninfo: str, dump: Path, *, key_fingerprint: str) -> BackupManifest:
    """Dump the database into a new file, in one snapshot, while everything goes on.

    Raises:
        ConfigError: the file exists, can not be written, or there is no fitting `pg_dump`.
        DatabaseUnavailable: the dump failed.
    """
    if dump.exists() or manifest_path(dump).exists():
        raise ConfigError(f"{dump} exists already; a backup never writes over another.")
    server = _server_version(conninfo)
    draft = dump.with_name(f".{dump.name}.{os.getpid()}")
    try:
        dump.parent.mkdir(parents=True, exist_ok=True)
        draft.touch(mode=0o600, exist_ok=False)
        _run(conninfo, "pg_dump", "--format=custom", "--no-owner", f"--file={draft}")
        manifest = BackupManifest(
            made_at=datetime.now(UTC),
            code_version=__version__,
            schema=max(migration.number for migration in read_migrations()),
            server_version=server,
            dump_bytes=draft.stat().st_size,
            sha256=_digest(draft),
            key_fingerprint=key_fingerprint,
        )
        manifest_path(dump).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        draft.rename(dump)
    except OSError as error:
        raise ConfigError(f"{dump} can not be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return manifest


def restore_backup(conninfo: str, dump: Path, *, key_fingerprint: str) -> BackupManifest:
    """Put a dump into an empty database.

    Raises:
        ConfigError: the database is not empty, the dump is damaged or newer than this code, or
            another master key opens it.
        DatabaseUnavailable: the restore failed; the database may be half full: make it anew.
    """
    manifest = _read_manifest(dump)
    if manifest.key_fingerprint != key_fingerprint:
        raise ConfigError("Another master key opens this backup: put that key in place first.")
    newest = max(migration.number for migration in read_migrations())
    if manifest.schema > newest:
        raise ConfigError(
            f"The backup's schema {manifest.schema} is newer than this code's {newest}; "
            f"restore it with Trueup {manifest.code_version} or newer."
        )
    if _digest(dump) != manifest.sha256:
        raise ConfigError(f"{dump} is damaged: its digest is not the one in its manifest.")
    if not _is_empty(conninfo):
        raise ConfigError("The database is not empty; restore into an empty one.")
    # Roles belong to the server, not to the database, so that a dump does not hold them.
    granting = _make_roles(conninfo)
    _run(
        conninfo,
        "pg_restore",
        *([] if granting else ["--no-privileges"]),
        "--no-owner",
        "--exit-on-error",
        "--single-transaction",
        f"--dbname={conninfo_to_dict(conninfo).get('dbname', '')}",
        str(dump),
    )
    return manifest


def _make_roles(conninfo: str) -> bool:
    """Make the roles that the dump grants to; False where this log-in may not."""
    with psycopg.connect(conninfo, autocommit=True) as conn:
        for role in ROLES:
            try:
                conn.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
                conn.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
            except psycopg.errors.DuplicateObject:
                continue
            except psycopg.errors.InsufficientPrivilege:
                return False
    return True


def _read_manifest(dump: Path) -> BackupManifest:
    try:
        return msgspec.json.decode(manifest_path(dump).read_bytes(), type=BackupManifest)
    except OSError as error:
        raise ConfigError(f"{manifest_path(dump)} can not be read: {error.strerror}.") from error
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{manifest_path(dump)} is no manifest of a backup.") from error


def _is_empty(conninfo: str) -> bool:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        row = conn.execute(
            "SELECT count(*) FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'"
            " AND nspname NOT IN ('public', 'information_schema')"
        ).fetchone()
    return row is not None and row[0] == 0


def _server_version(conninfo: str) -> str:
    try:
        with psycopg.connect(conninfo, autocommit=True) as conn:
            row = conn.execute("SHOW server_version").fetchone()
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable from error
    return str(row[0]) if row else ""


def _run(conninfo: str, program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL; the password goes by the environment, which no list shows."""
    given = {k: str(v) for k, v in conninfo_to_dict(conninfo).items() if v is not None}
    libpq = {variable: given[name] for name, variable in _LIBPQ.items() if name in given}
    path = _find(program)
    try:
        done = subprocess.run(  # noqa: S603 - a program of PostgreSQL with our own arguments
            [path, *arguments],
            env=os.environ | libpq,
            capture_output=True,
            text=True,
            timeout=DUMP_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DatabaseUnavailable(f"{program} took longer than {DUMP_TIMEOUT_S} s.") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it did not say why"]
        raise DatabaseUnavailable(f"{program} failed: {lines[0][:300]}")


def _find(program: str) -> str:
    """Return the wheel's program, which is as new as any server that we run; else the system's."""
    try:
        return str(find_programs() / program)
    except ConfigError:
        found = shutil.which(program)
        if found is None:
            raise ConfigError(f"There is no {program}: install PostgreSQL's client.") from None
        return found


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
