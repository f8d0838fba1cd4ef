"""The embedded server: set-up, sharing between processes, death and recovery, private homes."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.database import SYSTEM_BIN_DIR, password_of, superuser_of
from trueup.config import Config, DatabaseConfig
from trueup.db import account, server_files, server_settings
from trueup.db.cluster import read_postmaster
from trueup.db.database import open_database
from trueup.db.embedded import EmbeddedServer
from trueup.errors import ConfigError, DatabaseUnavailable

AS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root has these problems")

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

Holder = subprocess.Popen[str]


@pytest.fixture(
    params=["embedded", pytest.param("system", marks=pytest.mark.system_postgres)],
)
def bin_dir(request: pytest.FixtureRequest) -> Path | None:
    if request.param == "embedded":
        return None
    if not (SYSTEM_BIN_DIR / "postgres").exists():
        pytest.skip(f"no PostgreSQL in {SYSTEM_BIN_DIR}: apt-get install postgresql")
    return SYSTEM_BIN_DIR


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


def _ask(conninfo: str, query: str) -> object:
    with psycopg.connect(conninfo, autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
    return row[0] if row else None


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
        assert _ask(conninfo, "SELECT rolsuper FROM pg_roles WHERE rolname = user") is False
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
            assert (name, _ask(conninfo, f"SHOW {name}")) == (name, value)
        assert _ask(conninfo, "SELECT 'b' > 'A' AND 'a' > 'B'") is True, "sorts by code point"
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
    assert _ask(one.start(), "SELECT 1") == 1
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
    assert _ask(conninfo, "SELECT 1") == 1
    holders[2].communicate(timeout=30)
    assert not _is_alive(pid)
    assert [holder.returncode for holder in holders] == [0, 0, 0]


def test_a_killed_holder_is_not_counted(tmp_path: Path, hold: Callable[[Path], Holder]) -> None:
    holder = hold(tmp_path)
    pid, _ = _first_line(holder)
    holder.kill()
    holder.wait()
    assert _is_alive(pid), "the server outlives the process that started it"
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
                return _ask(conninfo, "SELECT n FROM kept") == 42
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
    assert _ask(again.start(), "SELECT count(*) FROM kept") == 1000
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
            _ask(
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
    assert _ask(again.start(), "SELECT 1") == 1
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
    assert _ask(conninfo, "SELECT 1") == 1
    server.stop()


def test_a_zombie_is_not_taken_for_a_server(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path):
        pass
    zombie = subprocess.Popen(["true"])
    _wait_until(lambda: Path(f"/proc/{zombie.pid}/cmdline").read_bytes() == b"")
    pid_file = next((tmp_path / "postgres").glob("[0-9]*")) / "postmaster.pid"
    pid_file.write_text(f"{zombie.pid}\n{pid_file.parent}\n1\n5432\n/tmp\n\n1 1\nready\n")
    with EmbeddedServer(tmp_path) as conninfo:
        assert _ask(conninfo, "SELECT 1") == 1
    zombie.wait()


def test_a_half_made_cluster_is_made_anew(tmp_path: Path) -> None:
    workshop = tmp_path / "postgres" / "new" / "data"
    workshop.mkdir(parents=True)
    (workshop / "PG_VERSION").write_text("18\n")
    with EmbeddedServer(tmp_path) as conninfo:
        assert _ask(conninfo, "SELECT 1") == 1
    assert not (tmp_path / "postgres" / "new").exists()


@pytest.mark.parametrize("name", ["d" * 120, "with space", "with,comma", "with'quote", "größe"])
def test_folders_that_a_socket_cannot_have(tmp_path: Path, name: str) -> None:
    data_dir = tmp_path / name
    with EmbeddedServer(data_dir) as conninfo:
        socket_dir = Path(str(conninfo_to_dict(conninfo)["host"]))
        assert _ask(conninfo, "SELECT 1") == 1
        assert not socket_dir.is_relative_to(data_dir)
        assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
    socket_dir.rmdir()


def test_a_socket_folder_made_by_a_stranger_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not AS_ROOT:
        pytest.skip("only root can make the stranger's folder")
    monkeypatch.setattr(server_files, "SOCKET_PATH_BYTES_MAX", 10)
    server = EmbeddedServer(tmp_path)
    server.start()
    socket_dir = server.cluster.socket_dir
    server.stop()
    os.chown(socket_dir, 4321, 4321)
    with pytest.raises(ConfigError, match="belongs to uid 4321"):
        EmbeddedServer(tmp_path).start()
    shutil.rmtree(socket_dir)


@needs_root
@pytest.mark.parametrize("capabilities", ["all", "docker"])
def test_root_with_a_private_home(tmp_path: Path, capabilities: str) -> None:
    """Works in a folder that only root may enter, and leaves all folders above as they were."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    before = {path: path.stat().st_mode for path in (home, *home.parents)}
    # Docker's default set lacks dac_read_search and has dac_override.
    drop = "--bounding-set=-dac_read_search" if capabilities == "docker" else "--bounding-set=+all"
    done = subprocess.run(
        ["setpriv", drop, sys.executable, "-c", HOLDER, str(home / "data")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert {path: path.stat().st_mode for path in before} == before


@needs_root
def test_root_without_capabilities_is_told_what_to_do(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    drop = "--bounding-set=-dac_read_search,-dac_override"
    done = subprocess.run(
        ["setpriv", drop, sys.executable, "-c", HOLDER, str(home / "data")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    said = done.stderr.strip().splitlines()[-1]
    assert "trueup.errors.ConfigError" in said
    assert "ordinary user" in said
    assert "set database.url" in said


@needs_root
def test_an_ordinary_user() -> None:
    """The same code, after giving up root for good; the folder belongs to that user."""
    # Not tmp_path, which only root may enter.
    open_dir = Path(tempfile.mkdtemp(prefix="trueup-test-"))
    os.chown(open_dir, 4321, 4321)
    give_up = "import os\nos.setgroups([])\nos.setgid(4321)\nos.setuid(4321)\n"
    # Everything is imported first: the interpreter may lie in root's private home.
    script = "import trueup.db.database, encodings.ascii, encodings.idna\n" + give_up + HOLDER
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, str(open_dir)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        owners = {path.stat().st_uid for path in open_dir.rglob("*")}
        assert owners == {4321}
        joined = EmbeddedServer(open_dir)
        assert _ask(joined.start(), "SELECT 1") == 1
        joined.stop()
    finally:
        shutil.rmtree(open_dir)


def test_data_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pgdata = tmp_path / "18"
    pgdata.mkdir()
    monkeypatch.setattr(account.os, "geteuid", lambda: 4321)
    with pytest.raises(ConfigError, match=r"belongs to uid \d+, and this process runs as uid 4321"):
        account.choose_account(pgdata)


def test_without_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_files, "WHEEL", "no_such_wheel")
    with pytest.raises(
        ConfigError, match=r"no embedded PostgreSQL for this platform.*database\.url"
    ):
        EmbeddedServer(tmp_path).start()


def test_data_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "17").mkdir(parents=True)
    (tmp_path / "postgres" / "17" / "PG_VERSION").write_text("17\n")
    with pytest.raises(ConfigError, match=r"data of PostgreSQL 17.*version 18; dump it"):
        EmbeddedServer(tmp_path).start()


def test_a_lost_or_foreign_password_is_explained(tmp_path: Path) -> None:
    with EmbeddedServer(tmp_path):
        pass
    password = tmp_path / "postgres" / "password"
    password.write_text("another")
    with pytest.raises(ConfigError, match="does not accept the password"):
        EmbeddedServer(tmp_path).start()
    password.unlink()
    server = EmbeddedServer(tmp_path)
    with pytest.raises(ConfigError, match="put it back from a backup"):
        server.start()
    assert server.is_running is False


def test_a_setting_the_server_refuses_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"could not be started.*wal_compression"):
        EmbeddedServer(tmp_path, settings={"wal_compression": "brotli"}).start()


def test_too_little_memory_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="not enough memory"):
        EmbeddedServer(tmp_path, settings={"shared_buffers": "8000GB"}).start()


@needs_root
def test_a_full_disk_is_explained(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(tmp_path)], check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this sandbox may not mount")
    try:
        with pytest.raises(DatabaseUnavailable, match="the disk is full: free some space"):
            EmbeddedServer(tmp_path).start()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_small_shared_memory_falls_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bin_dir: Path | None
) -> None:
    """Where /dev/shm is small, as in containers, parallel queries share memory in files."""
    monkeypatch.setattr(server_settings, "SHM_BYTES_MIN", 1 << 60)
    with EmbeddedServer(tmp_path, bin_dir=bin_dir) as conninfo:
        assert _ask(conninfo, "SHOW dynamic_shared_memory_type") == "mmap"
        with psycopg.connect(superuser_of(conninfo)) as conn:
            conn.execute("SET debug_parallel_query = on" if bin_dir is None else "SELECT 1")
            assert conn.execute("SELECT count(*) FROM pg_class").fetchone() is not None


def test_open_database(tmp_path: Path) -> None:
    with open_database(Config(data_dir=tmp_path)) as conninfo:
        assert _ask(conninfo, "SELECT current_database()") == "trueup"
    url = "postgresql://u:p%40ss@db.example:5433/brand"
    with open_database(Config(data_dir=tmp_path, database=DatabaseConfig(url=url))) as conninfo:
        assert conninfo == url


def test_a_malformed_url_is_explained_and_not_repeated(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path, database=DatabaseConfig(url="postgresql://u:hunter2@h:x y/"))
    with pytest.raises(ConfigError, match=r"postgresql://user:password@host") as caught:
        open_database(config).__enter__()
    assert "hunter2" not in str(caught.value)
