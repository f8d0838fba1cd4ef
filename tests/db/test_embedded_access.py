"""The embedded server where things are in the way: users, folders, disks, missing parts."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.support.database import HOLDER, ask, superuser_of
from trueup.config import Config, DatabaseConfig
from trueup.db import account, server_files, server_settings
from trueup.db.database import open_database
from trueup.db.embedded import EmbeddedServer
from trueup.errors import ConfigError, DatabaseUnavailable

AS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root has these problems")


@pytest.mark.parametrize("name", ["d" * 120, "with space", "with,comma", "with'quote", "größe"])
def test_folders_that_a_socket_cannot_have(tmp_path: Path, name: str) -> None:
    data_dir = tmp_path / name
    with EmbeddedServer(data_dir) as conninfo:
        socket_dir = Path(str(conninfo_to_dict(conninfo)["host"]))
        assert ask(conninfo, "SELECT 1") == 1
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
        assert ask(joined.start(), "SELECT 1") == 1
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
        assert ask(conninfo, "SHOW dynamic_shared_memory_type") == "mmap"
        with psycopg.connect(superuser_of(conninfo)) as conn:
            conn.execute("SET debug_parallel_query = on" if bin_dir is None else "SELECT 1")
            assert conn.execute("SELECT count(*) FROM pg_class").fetchone() is not None


def test_open_database(tmp_path: Path) -> None:
    with open_database(Config(data_dir=tmp_path)) as conninfo:
        assert ask(conninfo, "SELECT current_database()") == "trueup"
    url = "postgresql://u:p%40ss@db.example:5433/brand"
    with open_database(Config(data_dir=tmp_path, database=DatabaseConfig(url=url))) as conninfo:
        assert conninfo == url


def test_a_malformed_url_is_explained_and_not_repeated(tmp_path: Path) -> None:
    config = Config(data_dir=tmp_path, database=DatabaseConfig(url="postgresql://u:hunter2@h:x y/"))
    with pytest.raises(ConfigError, match=r"postgresql://user:password@host") as caught:
        open_database(config).__enter__()
    assert "hunter2" not in str(caught.value)
