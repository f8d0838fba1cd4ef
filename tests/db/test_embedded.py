"""The embedded server: set-up, sharing between processes, death and recovery, private homes."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.database import HOLDER, ask, password_of
from trueup.db import warden
from trueup.db.cluster import read_postmaster
from trueup.db.embedded import EmbeddedServer

Holder = subprocess.Popen[str]


@pytest.fixture
def hold() -> Iterator[Callable[[Path], Holder]]:
    """Start processes that hold a server; whatever happens, none outlives the test."""
    started: list[Holder] = []

    def start(data_dir: Path) -> Holder:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def _first_line(process: Holder) -> tuple[int, str]:
    assert process.stdout is not None
    pid, conninfo = process.stdout.readline().strip().split(" ", 1)
    return int(pid), conninfo


def _is_alive(pid: int) -> bool:
    try:
        return "postgres" in Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return False


def _wait_until(condition: Callable[[], bool], *, timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(int(child) for child in children)]


def test_what_a_started_server_is_like(tmp_path: Path, bin_dir: Path | None) -> None:
    """No superuser, checksums, safe settings, no network, nothing open to other users."""
    with EmbeddedServer(tmp_path, bin_dir=bin_dir) as conninfo:
        facts = conninfo_to_dict(conninfo)
        assert (facts["user"], facts["dbname"]) == ("trueup", "trueup")
        assert ask(conninfo, "SELECT rolsuper FROM pg_roles WHERE rolname = user") is False
        for name, value in {
            "data_checksums": "on",
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "listen_addresses": "",
            "jit": "off",
            "server_encoding": "UTF8",
            "max_connections": "60",
            "password_encryption": "scram-sha-256",
        }.items():
            assert (name, ask(conninfo, f"SHOW {name}")) == (name, value)
        assert ask(conninfo, "SELECT 'b' > 'A' AND 'a' > 'B'") is True, "sorts by code point"
        folder = tmp_path / "postgres"
        assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o600
        assert len((folder / "password").read_text()) >= 40
        assert stat.S_IMODE(Path(str(facts["host"])).stat().st_mode) == 0o700
        (pgdata,) = folder.glob("[0-9]*")
        assert stat.S_IMODE(pgdata.stat().st_mode) == 0o700
        assert (pgdata.stat().st_uid != 0) is True
        log = (folder / "server.log").read_text()
        assert password_of(conninfo) not in log
    assert not (pgdata / "postmaster.pid").exists()


def test_wrong_or_missing_password_is_refused(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as conninfo:
        for user in ("trueup", "postgres"):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(make_conninfo(conninfo, user=user, password="guess"))
        facts = conninfo_to_dict(conninfo)
        facts.pop("password")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(make_conninfo(**facts))


def test_starts_quickly(tmp_path: Path) -> None:
    """About a second the first time; the bounds leave room for a busy machine."""
    times: list[float] = []
    for _ in range(2):
        began = time.monotonic()
        with EmbeddedServer(tmp_path):
            times.append(time.monotonic() - began)
    print(f"first start {times[0]:.2f} s, later start {times[1]:.2f} s")
    assert times[0] < 10
    assert times[1] < 3


def test_the_last_to_leave_stops_it(tmp_path: Path, bin_dir: Path | None) -> None:
    one, two = EmbeddedServer(tmp_path, bin_dir=bin_dir), EmbeddedServer(tmp_path, bin_dir=bin_dir)
    assert one.start() == two.start()
    pid = read_postmaster(one.cluster)
    one.stop()
    one.stop()
    assert (one.is_running, read_postmaster(two.cluster)) == (True, pid)
    two.stop()
    assert two.is_running is False
    assert ask(one.start(), "SELECT 1") == 1
    one.stop()
    assert one.is_running is False


def test_two_processes_starting_at_once_share_one_server(
    tmp_path: Path, hold: Callable[[Path], Holder]
) -> None:
    holders = [hold(tmp_path) for _ in range(3)]
    answers = [_first_line(holder) for holder in holders]
    assert len(set(answers)) == 1
    pid, conninfo = answers[0]
    for holder in holders[:2]:
        holder.communicate(timeout=30)
    assert _is_alive(pid)
    assert ask(conninfo, "SELECT 1") == 1
    holders[2].communicate(timeout=30)
    assert not _is_alive(pid)
    assert [holder.returncode for holder in holders] == [0, 0, 0]


def test_a_killed_holder_is_not_counted(tmp_path: Path, hold: Callable[[Path], Holder]) -> None:
    """Others keep the server that it started; once they leave, it stops."""
    holder = hold(tmp_path)
    pid, conninfo = _first_line(holder)
    server = EmbeddedServer(tmp_path)
    assert server.start() == conninfo
    holder.kill()
    holder.wait()
    time.sleep(2.5 * warden.INTERVAL_S)
    assert read_postmaster(server.cluster) == pid
    assert ask(conninfo, "SELECT 1") == 1
    server.stop()
    assert not _is_alive(pid)


def test_a_server_whose_last_holder_was_killed_stops_in_good_order(
    tmp_path: Path, hold: Callable[[Path], Holder]
) -> None:
    holder = hold(tmp_path)
    pid, _ = _first_line(holder)
    holder.kill()
    holder.wait()
    _wait_until(lambda: not _is_alive(pid), timeout_s=10)
    assert not list((tmp_path / "postgres").glob("*/postmaster.pid"))
    with EmbeddedServer(tmp_path) as conninfo:
        assert ask(conninfo, "SELECT 1") == 1


def test_a_newcomer_joins_the_server_of_a_holder_just_killed(
    tmp_path: Path, hold: Callable[[Path], Holder]
) -> None:
    """Also when the warden was killed too: then the newcomer is the last to leave."""
    holder = hold(tmp_path)
    pid, _ = _first_line(holder)
    for line in subprocess.run(
        ["pgrep", "-f", f"warden.py {tmp_path}/"], capture_output=True, text=True, check=True
    ).stdout.split():
        os.kill(int(line), signal.SIGKILL)
    holder.kill()
    holder.wait()
    time.sleep(2.5 * warden.INTERVAL_S)
    assert _is_alive(pid)
    server = EmbeddedServer(tmp_path)
    server.start()
    assert read_postmaster(server.cluster) == pid
    server.stop()
    assert not _is_alive(pid)


def test_a_killed_postmaster_comes_back_under_its_holder(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path) as conninfo:
        with psycopg.connect(conninfo) as conn:
            conn.execute("CREATE TABLE kept AS SELECT 42 AS n")
        pid = int(next((tmp_path / "postgres").glob("*/postmaster.pid")).read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()

        def answers() -> bool:
            try:
                return ask(conninfo, "SELECT n FROM kept") == 42
            except psycopg.OperationalError:
                return False

        _wait_until(answers)
        print(f"back after {time.monotonic() - began:.2f} s")
        assert not _is_alive(pid)


def test_everything_killed_at_once_recovers(tmp_path: Path, bin_dir: Path | None) -> None:
    """Kill -9 of postmaster and backends: stale pid file, stale socket, no loss."""
    server = EmbeddedServer(tmp_path, bin_dir=bin_dir)
    conninfo = server.start()
    server._watching.set()
    with psycopg.connect(conninfo) as conn:
        conn.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    pid = read_postmaster(server.cluster)
    assert pid is not None
    for victim in _descendants(pid):
        os.kill(victim, signal.SIGKILL)
    _wait_until(lambda: not _is_alive(pid))
    assert (server.cluster.pgdata / "postmaster.pid").exists()
    assert (server.cluster.socket_dir / ".s.PGSQL.5432").exists()
    again = EmbeddedServer(tmp_path, bin_dir=bin_dir)
    began = time.monotonic()
    assert ask(again.start(), "SELECT count(*) FROM kept") == 1000
    print(f"recovered in {time.monotonic() - began:.2f} s")
    again.stop()
    server.stop()
    assert again.is_running is False


def test_a_busy_backend_that_outlives_its_postmaster_is_ended(tmp_path: Path) -> None:
    """The orphan holds shared memory and files; nothing may start beside it."""
    server = EmbeddedServer(tmp_path)
    conninfo = server.start()
    server._watching.set()
    pid = read_postmaster(server.cluster)
    assert pid is not None
    busy = psycopg.connect(conninfo, autocommit=True)
    orphan = busy.info.backend_pid
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000000)")
    _wait_until(
        lambda: (
            ask(
                conninfo,
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE state = 'active' AND query LIKE '%1000000000000%'"
                " AND pid <> pg_backend_pid()",
            )
            == 1
        )
    )
    os.kill(pid, signal.SIGKILL)
    _wait_until(lambda: not _is_alive(pid))
    time.sleep(0.3)
    assert _is_alive(orphan)
    again = EmbeddedServer(tmp_path)
    assert ask(again.start(), "SELECT 1") == 1
    assert not _is_alive(orphan)
    busy.close()
    again.stop()
    server.stop()


def test_a_number_used_again_by_a_stranger_does_not_stop_the_start(tmp_path: Path) -> None:
    """After a reboot the stale pid file may name any process; here it names this one."""
    with EmbeddedServer(tmp_path) as conninfo:
        pass
    pid_file = next((tmp_path / "postgres").glob("[0-9]*")) / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n1\n5432\n/tmp\n\n1 1\nready\n")
    server = EmbeddedServer(tmp_path)
    assert server.start() == conninfo
    assert ask(conninfo, "SELECT 1") == 1
    server.stop()


def test_a_zombie_is_not_taken_for_a_server(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path):
        pass
    zombie = subprocess.Popen(["true"])
    _wait_until(lambda: Path(f"/proc/{zombie.pid}/cmdline").read_bytes() == b"")
    pid_file = next((tmp_path / "postgres").glob("[0-9]*")) / "postmaster.pid"
    pid_file.write_text(f"{zombie.pid}\n{pid_file.parent}\n1\n5432\n/tmp\n\n1 1\nready\n")
    with EmbeddedServer(tmp_path) as conninfo:
        assert ask(conninfo, "SELECT 1") == 1
    zombie.wait()


def test_a_zombie_does_not_keep_the_socket(tmp_path: Path) -> None:
    # A postmaster that was killed and not buried yet: its number is still taken.
    with EmbeddedServer(tmp_path) as conninfo:
        socket_dir = Path(conninfo_to_dict(conninfo)["host"])
    zombie = subprocess.Popen(["true"])
    _wait_until(lambda: Path(f"/proc/{zombie.pid}/cmdline").read_bytes() == b"")
    lock_file = socket_dir / ".s.PGSQL.5432.lock"
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    lock_file.write_text(f"{zombie.pid}\n{tmp_path}\n1\n5432\n{socket_dir}\n")
    with EmbeddedServer(tmp_path) as conninfo:
        assert ask(conninfo, "SELECT 1") == 1
    zombie.wait()


def test_a_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    workshop = tmp_path / "postgres" / "new" / "data"
    workshop.mkdir(parents=True)
    (workshop / "PG_VERSION").write_text("18\n")
    with EmbeddedServer(tmp_path) as conninfo:
        assert ask(conninfo, "SELECT 1") == 1
    assert not (tmp_path / "postgres" / "new").exists()


def test_a_server_that_does_not_come_back_is_reported_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While its settings are broken it fails, each time later; once they are right it returns."""
    server = EmbeddedServer(tmp_path)
    conninfo = server.start()
    broken = server.cluster.pgdata / "postgresql.auto.conf"
    sound = broken.read_text()
    broken.write_text("no such setting\n")
    pid = read_postmaster(server.cluster)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    _wait_until(lambda: caplog.text.count("does not start again") >= 2)
    broken.write_text(sound)
    _wait_until(lambda: "was started again" in caplog.text)
    assert ask(conninfo, "SELECT 1") == 1
    server.stop()
    assert server.is_running is False
