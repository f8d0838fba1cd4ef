"""Boot refuses a server that may forget what it has committed, and says what to do."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.database import SYSTEM_BIN_DIR, superuser_of
from trueup.db.database import prepare_database
from trueup.db.embedded import EmbeddedServer
from trueup.db.pool import connect
from trueup.db.safety import check_safety, find_dangers
from trueup.errors import DatabaseUnsafe

pytestmark = pytest.mark.anyio

SAFE = {
    "server_version_num": "150002",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
}


@pytest.fixture(
    scope="module",
    params=["embedded", pytest.param("system", marks=pytest.mark.system_postgres)],
)
def own_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Path | None]]:
    """Give a data folder and programs for servers that a test starts as it likes."""
    system = request.param == "system"
    if system and not (SYSTEM_BIN_DIR / "postgres").exists():
        pytest.skip(f"no PostgreSQL in {SYSTEM_BIN_DIR}: apt-get install postgresql")
    return tmp_path_factory.mktemp("own"), SYSTEM_BIN_DIR if system else None


async def _refusal(conninfo: str) -> str | None:
    async with await connect(conninfo, application_name="test") as conn:
        try:
            await check_safety(conn)
        except DatabaseUnsafe as error:
            return str(error)
    return None


async def test_embedded_server_is_safe(database_url: str) -> None:
    assert await _refusal(database_url) is None
    assert await prepare_database(database_url) == []


@pytest.mark.parametrize("name", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_refuses_a_real_server_with_it_off(
    own_server: tuple[Path, Path | None], name: str
) -> None:
    data_dir, bin_dir = own_server
    with EmbeddedServer(data_dir, bin_dir=bin_dir, settings={name: "off"}) as conninfo:
        refusal = await _refusal(conninfo)
        with pytest.raises(DatabaseUnsafe):
            await prepare_database(conninfo)
        with psycopg.connect(conninfo) as conn:
            row = conn.execute("SELECT to_regclass('trueup_meta.migration')").fetchone()
        assert row == (None,), "an unsafe database was migrated"
    assert refusal is not None
    assert f"{name} is off" in refusal
    assert f"ALTER SYSTEM SET {name} = on" in refusal


async def test_what_alter_system_switched_off_is_refused_and_its_fix_works(
    own_server: tuple[Path, Path | None],
) -> None:
    data_dir, bin_dir = own_server
    with EmbeddedServer(data_dir, bin_dir=bin_dir) as conninfo:
        with psycopg.connect(superuser_of(conninfo), autocommit=True) as conn:
            conn.execute("ALTER SYSTEM SET fsync = off")
            conn.execute("SELECT pg_reload_conf(), pg_sleep(0.2)")
            assert "fsync is off" in str(await _refusal(conninfo))
            conn.execute("ALTER SYSTEM SET fsync = on")
            conn.execute("SELECT pg_reload_conf(), pg_sleep(0.2)")
        assert await _refusal(conninfo) is None
        with psycopg.connect(superuser_of(conninfo), autocommit=True) as conn:
            conn.execute("ALTER SYSTEM RESET ALL")


async def test_off_for_the_database_is_refused_and_its_fix_works(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as conn:
        name = conn.info.dbname
        conn.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        refusal = await _refusal(database_url)
        assert f"ALTER DATABASE {name} RESET synchronous_commit" in str(refusal)
        conn.execute(f"ALTER DATABASE {name} RESET synchronous_commit")
    assert await _refusal(database_url) is None


async def test_off_for_the_role_is_refused_and_its_fix_works(
    own_server: tuple[Path, Path | None],
) -> None:
    data_dir, bin_dir = own_server
    with (
        EmbeddedServer(data_dir, bin_dir=bin_dir) as conninfo,
        psycopg.connect(conninfo, autocommit=True) as conn,
    ):
        conn.execute("ALTER ROLE trueup SET synchronous_commit = off")
        refusal = await _refusal(conninfo)
        assert "ALTER ROLE trueup RESET synchronous_commit" in str(refusal)
        conn.execute("ALTER ROLE trueup RESET synchronous_commit")
        assert await _refusal(conninfo) is None


async def test_off_in_the_address_is_refused(database_url: str) -> None:
    refusal = await _refusal(f"{database_url} options='-c synchronous_commit=off'")
    assert "in the URL's options, remove it there" in str(refusal)


async def test_local_is_accepted(database_url: str) -> None:
    """`local` still waits for the own disk; only the standby's copy is left out."""
    assert await _refusal(f"{database_url} options='-c synchronous_commit=local'") is None


def test_version_14_is_refused() -> None:
    (danger,) = find_dangers({**SAFE, "server_version_num": "140011"})
    assert (danger.setting, danger.found) == ("version", "14.11")
    assert "embedded" in danger.fix


def test_all_dangers_are_told_at_once() -> None:
    settings = {**SAFE, "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    found = [danger.setting for danger in find_dangers(settings)]
    assert found == ["fsync", "full_page_writes", "synchronous_commit"]
    assert find_dangers(SAFE) == []
