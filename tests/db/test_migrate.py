"""Migrations: order, checks, refusals, two starting at once, and death in the middle."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.database import password_of, superuser_of
from trueup.db import migrate as migrate_module
from trueup.db.embedded import EmbeddedServer
from trueup.db.migrate import Migration, check_schema, migrate, read_migrations
from trueup.db.pool import connect
from trueup.errors import ConfigError, DatabaseUnavailable, DatabaseUnsafe, InvariantBroken

pytestmark = pytest.mark.anyio

ONE = Migration(number=1, name="0001_shop_widget", up="CREATE TABLE widget (id int PRIMARY KEY)")
TWO = Migration(
    number=2,
    name="0002_shop_colour",
    up="ALTER TABLE widget ADD COLUMN colour text; CREATE INDEX ON widget (colour)",
    before="SELECT 'widget_exists', to_regclass('widget') IS NOT NULL, 'no table widget'",
    after="SELECT 'one', true, ''; SELECT 'indexed', count(*) = 2, count(*) || ' indexes'"
    " FROM pg_indexes WHERE tablename = 'widget'",
)


async def _migrate(conninfo: str, migrations: list[Migration] | None = None) -> list[str]:
    async with await connect(conninfo, application_name="test") as conn:
        return await migrate(conn, migrations)


async def _check(conninfo: str, migrations: list[Migration] | None = None) -> None:
    async with await connect(conninfo, application_name="test") as conn:
        await check_schema(conn, migrations)


def _rows(conninfo: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo) as conn:
        return conn.execute(query.encode()).fetchall()


async def test_all_migrations_apply_in_order_and_once(empty_database_url: str) -> None:
    names = [migration.name for migration in read_migrations()]
    assert await _migrate(empty_database_url) == names
    assert await _migrate(empty_database_url) == []
    await _check(empty_database_url)
    found = _rows(
        empty_database_url,
        "SELECT name, code_version, applied_at <= now() FROM trueup_meta.migration ORDER BY number",
    )
    assert found == [(name, migrate_module.__version__, True) for name in names]


async def test_a_start_with_nothing_to_apply_asks_as_much_as_for_one_migration(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command of the command line starts so; it took a transaction for each migration."""
    asked: list[object] = []
    async with await connect(database_url, application_name="test") as conn:
        execute = conn.execute

        async def count(query: Any, *given: Any) -> Any:
            asked.append(query)
            return await execute(query, *given)

        monkeypatch.setattr(conn, "execute", count)
        assert await migrate(conn) == []
    assert len(asked) == 5, asked


async def test_roles_without_a_login_exist(database_url: str) -> None:
    found = _rows(
        database_url,
        "SELECT rolname, rolcanlogin, rolsuper, pg_has_role(rolname, 'MEMBER') FROM pg_roles"
        " WHERE rolname LIKE 'trueup\\_%' ORDER BY 1",
    )
    assert found == [
        ("trueup_ingress", False, False, True),
        ("trueup_reader", False, False, True),
        ("trueup_worker", False, False, True),
    ]
    assert _rows(database_url, "SELECT name FROM trueup_meta.notice") == []


async def test_a_later_version_adds_to_an_earlier_one(empty_database_url: str) -> None:
    assert await _migrate(empty_database_url, [ONE]) == [ONE.name]
    assert await _migrate(empty_database_url, [ONE, TWO]) == [TWO.name]


async def test_also_over_a_connection_that_is_not_autocommit(empty_database_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(empty_database_url) as conn:
        assert await migrate(conn, [ONE, TWO]) == [ONE.name, TWO.name]
        await check_schema(conn, [ONE, TWO])
        assert conn.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_failed_check_undoes_the_migration(empty_database_url: str, when: str) -> None:
    check = {when: "SELECT 'fine', true, ''; SELECT 'no_orphans', false, '3 rows have no parent'"}
    broken = Migration(number=2, name="0002_shop_bad", up="CREATE TABLE bad (id int)", **check)
    with pytest.raises(ConfigError, match=rf"0002_shop_bad.*no_orphans.*{when} it.*3 rows"):
        await _migrate(empty_database_url, [ONE, broken])
    assert _rows(empty_database_url, "SELECT to_regclass('bad'), to_regclass('widget')") == [
        (None, "widget")
    ]
    assert _rows(empty_database_url, "SELECT name FROM trueup_meta.migration") == [(ONE.name,)]


async def test_a_check_that_gives_null_is_not_ok(empty_database_url: str) -> None:
    vague = Migration(number=1, name="0001_shop_vague", up="SELECT 1", after="SELECT 'x', NULL, ''")
    with pytest.raises(ConfigError, match="'x'"):
        await _migrate(empty_database_url, [vague])


async def test_a_broken_statement_undoes_the_whole_migration(empty_database_url: str) -> None:
    broken = Migration(number=1, name="0001_shop_bad", up="CREATE TABLE t (id int); SELECT nope()")
    with pytest.raises(psycopg.errors.UndefinedFunction):
        await _migrate(empty_database_url, [broken])
    assert _rows(empty_database_url, "SELECT to_regclass('t')") == [(None,)]


async def test_an_edited_migration_is_refused(empty_database_url: str) -> None:
    await _migrate(empty_database_url, [ONE])
    edited = Migration(number=1, name=ONE.name, up=ONE.up + " ")
    for attempt in (_migrate, _check):
        with pytest.raises(ConfigError, match=r"0001_shop_widget was edited.*as a new migration"):
            await attempt(empty_database_url, [edited, TWO])
    assert _rows(empty_database_url, "SELECT count(*) FROM trueup_meta.migration") == [(1,)]


async def test_a_schema_newer_than_the_code_is_refused(empty_database_url: str) -> None:
    await _migrate(empty_database_url, [ONE, TWO])
    for attempt in (_migrate, _check):
        for known in ([ONE], []):
            with pytest.raises(DatabaseUnsafe, match=r"upgrade Trueup.*restore the backup"):
                await attempt(empty_database_url, known)


async def test_check_names_what_is_missing(empty_database_url: str) -> None:
    with pytest.raises(ConfigError, match=r"trueup init.*0001_shop_widget, 0002_shop_colour"):
        await _check(empty_database_url, [ONE, TWO])
    await _migrate(empty_database_url, [ONE])
    with pytest.raises(ConfigError, match="missing=0002_shop_colour"):
        await _check(empty_database_url, [ONE, TWO])


async def test_many_connections_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    results = await asyncio.gather(*(_migrate(empty_database_url) for _ in range(6)))
    applied = sorted(name for result in results for name in result)
    assert applied == [migration.name for migration in read_migrations()]


def test_two_processes_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    script = (
        "import asyncio, os\n"
        "from trueup.db.database import prepare_database\n"
        "print(*asyncio.run(prepare_database(os.environ['URL'])))\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env={**os.environ, "URL": empty_database_url},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(" ".join(outputs).split()) == [one.name for one in read_migrations()]


async def test_a_busy_table_ends_the_attempt_and_changes_nothing(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration waits a bounded time for a lock, so it can not queue all traffic behind it."""
    monkeypatch.setattr(migrate_module, "LOCK_TIMEOUT_MS", 200)
    await _migrate(empty_database_url, [ONE])
    with psycopg.connect(empty_database_url) as holder:
        holder.execute("LOCK TABLE widget IN ACCESS SHARE MODE")
        with pytest.raises(DatabaseUnavailable, match="lock timeout"):
            await _migrate(empty_database_url, [ONE, TWO])
    assert await _migrate(empty_database_url, [ONE, TWO]) == [TWO.name]


def test_killed_in_the_middle_leaves_nothing_half_done(empty_database_url: str) -> None:
    script = (
        "import asyncio, os\n"
        "from trueup.db.migrate import Migration, migrate\n"
        "from trueup.db.pool import connect\n"
        "slow = Migration(number=1, name='0001_shop_slow',\n"
        "                 up='CREATE TABLE slow (id int); SELECT pg_sleep(60)')\n"
        "async def go():\n"
        "    async with await connect(os.environ['URL'], application_name='slow') as conn:\n"
        "        await migrate(conn, [slow])\n"
        "asyncio.run(go())\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "URL": empty_database_url}
    )
    sleeping = "SELECT FROM pg_stat_activity WHERE query LIKE '%60)' AND application_name = 'slow'"
    deadline = time.monotonic() + 20
    while not _rows(empty_database_url, sleeping) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    began = time.monotonic()
    assert asyncio.run(_migrate(empty_database_url, [ONE])) == [ONE.name]
    assert time.monotonic() - began < 6.0, "the dead process's lock was not given back in time"
    assert _rows(empty_database_url, "SELECT to_regclass('slow')") == [(None,)]


@pytest.fixture
def poor_database_url(tmp_path: Path) -> Iterator[str]:
    """Give a database whose owner may not create roles, as some managed PostgreSQL have it."""
    with EmbeddedServer(tmp_path / "data") as conninfo:
        password = password_of(conninfo)
        with psycopg.connect(superuser_of(conninfo), autocommit=True) as conn:
            conn.execute(f"CREATE ROLE poor LOGIN PASSWORD '{password}'")
            conn.execute("CREATE DATABASE poor OWNER poor")
        yield make_conninfo(conninfo, user="poor", dbname="poor")


async def test_without_the_right_to_create_roles(poor_database_url: str) -> None:
    """All migrations pass, and a notice per role says what an administrator may do."""
    names = [migration.name for migration in read_migrations()]
    assert await _migrate(poor_database_url) == names
    notices = _rows(poor_database_url, "SELECT name, detail FROM trueup_meta.notice ORDER BY name")
    assert [name for name, _ in notices] == [
        "role_missing.trueup_ingress",
        "role_missing.trueup_reader",
        "role_missing.trueup_worker",
    ]
    assert "CREATE ROLE trueup_ingress NOLOGIN" in str(notices[0][1])


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (["0001_shop_a", "0001_shop_b"], "number 1 is used twice"),
        (["1_shop_a"], "is named NNNN_"),
        (["0001_shop_empty"], r"up\.sql is missing"),
    ],
)
def test_folders_that_break_the_rules_are_bugs(
    tmp_path: Path, folders: list[str], words: str
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
        if "empty" not in folder:
            (tmp_path / folder / "up.sql").write_text("SELECT 1")
    with pytest.raises(InvariantBroken, match=words):
        read_migrations(tmp_path)


def test_folders_are_read_by_number(tmp_path: Path) -> None:
    for name in ("0010_shop_b", "0002_shop_a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "up.sql").write_text("SELECT 1")
    (tmp_path / "0010_shop_b" / "after.sql").write_text("SELECT 'x', true, ''")
    first, second = read_migrations(tmp_path)
    assert (first.number, first.after) == (2, "")
    assert (second.number, second.after) == (10, "SELECT 'x', true, ''")
