"""One PostgreSQL cluster on this machine: made, started, stopped, recovered with its own programs.

The lock `server.lock` is held by the postmaster and every process it forks, because they inherit
the open file. So the lock is free exactly when none of them lives: whatever was killed, and in
whichever container. No guess about process numbers is needed to know that data may be opened.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from trueup.db import server_settings, warden
from trueup.db.account import (
    Account,
    account_with_name,
    choose_account,
    plan_launch,
    prefix_with_name,
)
from trueup.db.server_failure import explain_failure
from trueup.errors import DatabaseUnavailable

SUPERUSER = "postgres"
PORT = 5432  # names the socket; nothing listens on the network
START_TIMEOUT_S = 300.0  # recovery of max_wal_size after a crash on a slow disk
INIT_TIMEOUT_S = 120.0
FAST_STOP_TIMEOUT_S = 60.0
ORPHAN_GRACE_S = 1.0
POLL_INTERVAL_S = 0.01
LOG_BYTES_MAX = 10 * 1024 * 1024


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """Where one cluster lies and which programs run it.

    Attributes:
        folder: holds the data (in a folder named after the major version), locks and the log.
        bin_dir: folder of `postgres` and `initdb`.
        major: major version of the programs.
        socket_dir: folder of the socket.
        name: shown by `ps` for every process of the cluster.
        extra: settings that win over ours (for tests).
    """

    folder: Path
    bin_dir: Path
    major: int
    socket_dir: Path
    name: str
    extra: Mapping[str, str]

    @property
    def pgdata(self) -> Path:
        """The data folder proper."""
        return self.folder / str(self.major)

    @property
    def log_file(self) -> Path:
        """What the server writes to standard error."""
        return self.folder / "server.log"


def init_cluster(cluster: Cluster, password: str) -> None:
    """Make the data folder, unless it is there; half-made ones of a crash are made anew.

    Args:
        cluster: the cluster.
        password: for the superuser.

    Raises:
        DatabaseUnavailable: `initdb` failed; says why and what to do.
        ConfigError: the account of the server cannot reach its files.
    """
    if (cluster.pgdata / "PG_VERSION").exists():
        return
    account = account_with_name()
    workshop = cluster.folder / "new"
    shutil.rmtree(workshop, ignore_errors=True)
    workshop.mkdir(mode=0o700)
    secret = workshop / "password"
    secret.touch(mode=0o600)
    secret.write_text(password, encoding="ascii")
    account.own(workshop)
    _run_initdb(cluster, account, workshop)
    fresh = workshop / "data"
    _write_durably(fresh / "postgresql.conf", "include 'trueup.conf'\n")
    _write_durably(fresh / "pg_hba.conf", server_settings.HBA)
    choose_account(cluster.pgdata).own(fresh)
    fresh.rename(cluster.pgdata)
    _sync_folder(cluster.folder)
    shutil.rmtree(workshop)


def ensure_running(cluster: Cluster) -> bool:
    """Start the server unless it runs; True when it was this call that started it.

    The caller holds a lock that lets one process at a time do this.

    Raises:
        DatabaseUnavailable: it does not start; says why and what to do.
        ConfigError: the account of the server cannot reach its files.
    """
    lock = os.open(cluster.folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        is_ours = _lock_unless_running(cluster, lock)
        if is_ours:
            _launch(cluster, lock)
    finally:
        os.close(lock)
    _wait_until_ready(cluster)
    return is_ours


def stop_cluster(cluster: Cluster) -> None:
    """Stop the server and wait until the last of its processes is gone.

    Raises:
        DatabaseUnavailable: it could not even be killed.
    """
    lock = os.open(cluster.folder / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for number, patience_s in (
            (signal.SIGINT, FAST_STOP_TIMEOUT_S),
            (signal.SIGQUIT, ORPHAN_GRACE_S),
        ):
            pid = read_postmaster(cluster)
            if pid is None:
                break
            os.kill(pid, number)
            if _lock_within(lock, patience_s):
                return
        end_orphans(cluster, lock)
    finally:
        os.close(lock)


def read_postmaster(cluster: Cluster) -> int | None:
    """Give the process number of the living postmaster, None where there is none."""
    lines = _read_pid_file(cluster)
    if not lines or not lines[0].isdigit():
        return None
    pid = int(lines[0])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return None  # the number was given to a stranger's process since
    command = _read_command(pid)
    # A zombie has no command line; another program means that the number was used again.
    return pid if command is None or "postgres" in command else None


def end_orphans(cluster: Cluster, lock: int) -> None:
    """Wait for processes that outlived their postmaster, end those that stay, take the lock.

    They notice the death by themselves unless a statement keeps them busy. Killing them is safe:
    the next start recovers from the write-ahead log, as it must anyway.

    Raises:
        DatabaseUnavailable: they stay (for example inside another container).
    """
    if _lock_within(lock, ORPHAN_GRACE_S):
        return
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for pid in _find_processes(cluster):
            _signal(pid, number)
        if _lock_within(lock, ORPHAN_GRACE_S):
            return
    raise DatabaseUnavailable(
        f"Processes of an earlier PostgreSQL still hold {cluster.pgdata} and do not end; stop "
        "the other container or program that uses this data folder, then start again"
    )


def _lock_unless_running(cluster: Cluster, lock: int) -> bool:
    """Take the lock and say True, or say False when a server runs that can be joined."""
    began = time.monotonic()
    while not _try_lock(lock):
        waited_s = time.monotonic() - began
        is_alive = read_postmaster(cluster) is not None
        if is_alive and read_status(cluster) != "stopping":
            return False
        if waited_s > (FAST_STOP_TIMEOUT_S if is_alive else ORPHAN_GRACE_S):
            stop_cluster(cluster)
        time.sleep(POLL_INTERVAL_S)
    return True


def _run_initdb(cluster: Cluster, account: Account, workshop: Path) -> None:
    programs = [cluster.bin_dir / "initdb", cluster.bin_dir / "postgres"]
    launch = plan_launch(account, programs=programs, folders=[workshop])
    command = [
        *launch.prefix,
        *prefix_with_name(account),
        str(programs[0]),
        f"--pgdata={workshop / 'data'}",
        f"--username={SUPERUSER}",
        f"--pwfile={workshop / 'password'}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--data-checksums",
        *server_settings.locale_options(cluster.major),
    ]
    done = subprocess.run(  # noqa: S603 - our own arguments, no shell
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        cwd="/",
        env=_environment(),
        user=launch.uid,
        group=launch.gid,
        extra_groups=launch.groups,
        timeout=INIT_TIMEOUT_S,
        umask=0o077,
    )
    if done.returncode != 0:
        text = (done.stdout + done.stderr).decode(errors="replace")
        raise explain_failure(text, doing="made", where=cluster.folder)


def _launch(cluster: Cluster, lock: int) -> None:
    """Start the postmaster, which inherits `lock` and keeps it for its whole life."""
    account = choose_account(cluster.pgdata)
    # Nobody holds the lock, so whatever process has the number in these files is a stranger, or a
    # zombie that its parent has not buried yet.
    (cluster.pgdata / "postmaster.pid").unlink(missing_ok=True)
    (cluster.socket_dir / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
    settings = server_settings.render(cluster.bin_dir, major=cluster.major, extra=cluster.extra)
    _write_durably(cluster.pgdata / "trueup.conf", settings)
    account.own(cluster.pgdata / "trueup.conf")
    program = cluster.bin_dir / "postgres"
    launch = plan_launch(
        account, programs=[program], folders=[cluster.pgdata, cluster.socket_dir, program.parent]
    )
    if cluster.log_file.exists() and cluster.log_file.stat().st_size > LOG_BYTES_MAX:
        cluster.log_file.rename(cluster.log_file.with_suffix(".log.1"))
    with cluster.log_file.open("ab") as log:
        start_at = log.tell()
        process = subprocess.Popen(  # noqa: S603 - our own arguments, no shell
            [
                *launch.prefix,
                str(program),
                f"-D{cluster.pgdata}",
                f"-k{cluster.socket_dir}",
                f"-p{PORT}",
                "-clisten_addresses=",
                f"-ccluster_name={cluster.name}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=_environment(),
            user=launch.uid,
            group=launch.gid,
            extra_groups=launch.groups,
            pass_fds=(lock,),
            start_new_session=True,  # Ctrl-C in the terminal is for us, not for the server
            umask=0o077,
        )
    _reap(process)
    while read_status(cluster) is None:
        if process.poll() is not None:
            text = cluster.log_file.read_bytes()[start_at:].decode(errors="replace")
            raise explain_failure(text, doing="started", where=cluster.folder)
        time.sleep(POLL_INTERVAL_S)
    _post_warden(cluster, process.pid)


def _post_warden(cluster: Cluster, pid: int) -> None:
    """Leave a process behind that stops the server when its last user was killed."""
    files = (cluster.folder / "holders.lock", cluster.folder / "server.lock")
    command = [sys.executable, "-I", "-S", warden.__file__, *map(str, files), str(pid)]
    try:
        process = subprocess.Popen(  # noqa: S603 - our own file, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )
    except OSError:
        return  # a process that gave up root may not reach its interpreter any more
    _reap(process)


def _reap(process: subprocess.Popen[bytes]) -> None:
    """Wait for a child in the background: a dead one that nobody waits for looks alive."""
    threading.Thread(target=process.wait, name="reaper", daemon=True).start()


def read_status(cluster: Cluster) -> str | None:
    """Give the postmaster's own word ("starting", "ready", "stopping"), None before it has one."""
    lines = _read_pid_file(cluster)
    return lines[7].strip() if len(lines) > 7 else None


def read_socket_dir(cluster: Cluster) -> Path | None:
    """Give the folder in which the running server made its socket, None while it has none."""
    lines = _read_pid_file(cluster)
    return Path(lines[4]) if len(lines) > 4 and lines[4] else None


def _wait_until_ready(cluster: Cluster) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if read_status(cluster) == "ready":
            return
        if read_postmaster(cluster) is None:
            tail = cluster.log_file.read_bytes()[-4000:].decode(errors="replace")
            raise explain_failure(tail, doing="started", where=cluster.folder)
        time.sleep(POLL_INTERVAL_S)
    raise DatabaseUnavailable(
        f"The embedded PostgreSQL is not ready after {START_TIMEOUT_S:.0f} s; it may still be "
        f"recovering from a crash: see {cluster.log_file}, then start again"
    )


def _read_pid_file(cluster: Cluster) -> list[str]:
    try:
        return (cluster.pgdata / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _read_command(pid: int) -> str | None:
    """Give a process's command line ("" for a zombie), None where there is no /proc."""
    proc = Path("/proc")
    if not (proc / "self").exists():
        return None
    try:
        return (proc / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode("latin-1")
    except OSError:
        return ""


def _find_processes(cluster: Cluster) -> list[int]:
    """Find the server processes by their title, which carries the cluster's name."""
    title = f"postgres: {cluster.name}: "
    numbers = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [pid for pid in numbers if (_read_command(pid) or "").startswith(title)]


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_within(lock: int, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not _try_lock(lock):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL_S)
    return True


def _environment() -> dict[str, str]:
    """Keep the caller's PG* and locale variables away from the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _write_durably(path: Path, text: str) -> None:
    with path.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
