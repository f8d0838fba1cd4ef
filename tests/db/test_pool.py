"""Connections: their bounds, and the name that each kind of failure gets."""

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from trueup.db import pool
from trueup.db.pool import connect, open_pool, translate_errors
from trueup.errors import DatabaseUnavailable

pytestmark = pytest.mark.anyio

NOWHERE = "host=127.0.0.1 port=1 user=u dbname=d password=hunter2"


async def test_sessions_of_a_pool_are_bounded(database_url: str) -> None:
    """Every session of the pool has our time zone, time-outs and name."""
    wanted = {
        "timezone": "UTC",
        "statement_timeout": "30s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "10s",
        "client_connection_check_interval": "2500ms",
        "application_name": "test-pool",
    }
    async with (
        open_pool(database_url, size_max=2, application_name="test-pool") as opened,
        opened.connection() as one,
        opened.connection() as two,
    ):
        for conn in (one, two):
            for name, value in wanted.items():
                row = await (await conn.execute(f"SHOW {name}")).fetchone()
                assert (name, row) == (name, (value,))


def test_a_dead_host_is_noticed_within_five_seconds() -> None:
    silence_s = pool.KEEPALIVE_IDLE_S + pool.KEEPALIVE_INTERVAL_S * pool.KEEPALIVE_COUNT
    assert silence_s <= 5
    assert pool.TCP_USER_TIMEOUT_MS <= 5000
    facts = conninfo_to_dict(pool.bound_conninfo("host=h", application_name="a"))
    assert (facts["keepalives_idle"], facts["tcp_user_timeout"]) == ("2", "5000")


async def test_the_server_watches_a_network_client_too(database_url: str) -> None:
    """On a socket these stay 0; the names must be right, or a network session would fail."""
    async with await connect(database_url, application_name="a") as conn:
        names = [name for name in pool._SESSION_SETTINGS if name.startswith("tcp_")]
        rows = await conn.execute("SELECT count(*) FROM pg_settings WHERE name = ANY(%s)", (names,))
        assert await rows.fetchone() == (4,)


def test_what_the_operator_wrote_in_the_address_wins() -> None:
    given = "host=h connect_timeout=60 application_name=mine"
    facts = conninfo_to_dict(pool.bound_conninfo(given, application_name="ours"))
    assert (facts["connect_timeout"], facts["application_name"]) == ("60", "mine")


async def test_no_server_is_unavailable_and_keeps_the_password() -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        await connect(NOWHERE, application_name="a")
    assert "hunter2" not in str(caught.value)
    assert caught.value.fate == "later"


async def test_an_exhausted_pool_is_unavailable(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "CHECKOUT_TIMEOUT_S", 0.2)
    async with (
        open_pool(database_url, size_max=1, application_name="a") as opened,
        opened.connection(),
    ):
        with pytest.raises(DatabaseUnavailable), translate_errors():
            async with opened.connection():
                pass


async def test_a_session_ended_by_the_server_is_unavailable_and_the_pool_recovers(
    database_url: str,
) -> None:
    async with open_pool(database_url, size_max=1, application_name="a") as opened:
        with pytest.raises(DatabaseUnavailable), translate_errors():
            async with opened.connection() as conn:
                await conn.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        async with opened.connection() as conn:
            assert await (await conn.execute("SELECT 1")).fetchone() == (1,)


@pytest.mark.parametrize(
    ("statement", "sqlstate"),
    [
        ("SET statement_timeout = '20ms'; SELECT pg_sleep(5)", "57014"),
        ("SET TRANSACTION READ ONLY; CREATE TABLE t (id int)", "25006"),
    ],
)
async def test_time_outs_and_read_only_servers_are_unavailable(
    database_url: str, statement: str, sqlstate: str
) -> None:
    async with await connect(database_url, application_name="a") as conn:
        with pytest.raises(DatabaseUnavailable, match=sqlstate), translate_errors():
            await conn.execute(statement.encode())


async def test_errors_of_the_statement_pass_through(database_url: str) -> None:
    async with await connect(database_url, application_name="a") as conn:
        with pytest.raises(psycopg.errors.DivisionByZero), translate_errors():
            await conn.execute("SELECT 1 / 0")


async def test_a_wrong_password_is_unavailable_and_not_shown(database_url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="password authentication failed") as caught:
        await connect(make_conninfo(database_url, password="hunter2"), application_name="a")
    assert "hunter2" not in str(caught.value)
