"""Connections: how they are opened, what bounds them, how their failures are named."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import AsyncConnectionPool

from trueup.errors import DatabaseUnavailable

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 30_000
LOCK_TIMEOUT_MS = 10_000
IDLE_IN_TRANSACTION_TIMEOUT_MS = 10_000
CHECKOUT_TIMEOUT_S = 5.0
CONNECTION_AGE_S_MAX = 1800.0

# A host that dies keeps its row locks until the server notices: after 2 s of silence one probe a
# second, three probes unanswered, and unacknowledged bytes for 5 s, each end the session.
KEEPALIVE_IDLE_S = 2
KEEPALIVE_INTERVAL_S = 1
KEEPALIVE_COUNT = 3
TCP_USER_TIMEOUT_MS = 5_000

_CLIENT_SETTINGS: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives": 1,
    "keepalives_idle": KEEPALIVE_IDLE_S,
    "keepalives_interval": KEEPALIVE_INTERVAL_S,
    "keepalives_count": KEEPALIVE_COUNT,
    "tcp_user_timeout": TCP_USER_TIMEOUT_MS,
}

# Sent after connecting and not as start-up options, because connection poolers refuse those.
_SESSION_SETTINGS = {
    "timezone": "UTC",
    "statement_timeout": f"{STATEMENT_TIMEOUT_MS}ms",
    "lock_timeout": f"{LOCK_TIMEOUT_MS}ms",
    "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_TIMEOUT_MS}ms",
    "tcp_keepalives_idle": str(KEEPALIVE_IDLE_S),
    "tcp_keepalives_interval": str(KEEPALIVE_INTERVAL_S),
    "tcp_keepalives_count": str(KEEPALIVE_COUNT),
    "tcp_user_timeout": str(TCP_USER_TIMEOUT_MS),
    "client_connection_check_interval": f"{TCP_USER_TIMEOUT_MS // 2}ms",
}
WORKER_ROLE = "trueup_worker"
"""May append to what is append-only, and nothing else there; see migration 0040."""

_SET_ROLE = (
    "SELECT set_config('role', rolname, false) FROM pg_roles"
    " WHERE rolname = %s AND pg_has_role(current_user, oid, CASE"
    "   WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)"
)
_SET_ALL = (
    "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) s(name, value)"
)


def open_pool(
    conninfo: str, *, size_min: int = 1, size_max: int = 10, application_name: str
) -> AsyncConnectionPool[psycopg.AsyncConnection[psycopg.rows.TupleRow]]:
    """Describe a pool; it opens on `async with` and closes at its end.

    Args:
        conninfo: PostgreSQL URL or key-value string.
        size_min: connections kept open.
        size_max: connections opened at most; further callers wait `CHECKOUT_TIMEOUT_S`.
        application_name: shown in `pg_stat_activity`, for example `trueup-web`.

    Raises:
        DatabaseUnavailable: from inside `translate_errors()`, when no connection comes in time.
    """
    return AsyncConnectionPool(
        bound_conninfo(conninfo, application_name=application_name),
        min_size=size_min,
        max_size=size_max,
        open=False,
        timeout=CHECKOUT_TIMEOUT_S,
        max_lifetime=CONNECTION_AGE_S_MAX,
        configure=bound_session,
        check=AsyncConnectionPool.check_connection,
        name=application_name,
    )


async def connect(
    conninfo: str, *, application_name: str, role: str | None = None
) -> psycopg.AsyncConnection[Any]:
    """Open one autocommit connection with the same bounds as those of a pool.

    Args:
        conninfo: PostgreSQL URL or key-value string.
        application_name: shown in `pg_stat_activity`.
        role: the role to work as, such as `WORKER_ROLE`; where this server has no such role, or
            does not let us, the owner works.

    Raises:
        DatabaseUnavailable: the server does not answer or refuses the log-in.
    """
    with translate_errors():
        conn = await psycopg.AsyncConnection.connect(
            bound_conninfo(conninfo, application_name=application_name), autocommit=True
        )
        try:
            await bound_session(conn)
            if role is not None:
                await conn.execute(_SET_ROLE, (role,))
        except BaseException:  # cancelled or failed: nobody else knows of this connection
            await conn.close()
            raise
        return conn


def bound_conninfo(conninfo: str, *, application_name: str) -> str:
    """Add the client's time-outs and the name; what the operator set in the URL wins."""
    settings: dict[str, Any] = {"application_name": application_name, **_CLIENT_SETTINGS}
    given = {name: value for name, value in conninfo_to_dict(conninfo).items() if value is not None}
    return make_conninfo(**{**settings, **given})


async def bound_session(conn: psycopg.AsyncConnection[Any]) -> None:
    """Set time zone, time-outs and dead-peer detection on the server's side of a connection."""
    names = list(_SESSION_SETTINGS)
    await conn.execute(_SET_ALL, (names, [_SESSION_SETTINGS[name] for name in names]))
    if not conn.autocommit:
        await conn.commit()


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn a failure of the server, the network or the pool into `DatabaseUnavailable`.

    Everything that psycopg calls operational may work when tried again: a lost connection,
    a full disk, a deadlock, a time-out, an exhausted pool, a fail-over to a read-only server.
    Errors of the statement itself (constraint, syntax) pass through: they are bugs or facts.
    """
    try:
        yield
    except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as error:
        reason = str(error).strip().splitlines()
        raise DatabaseUnavailable(
            f"The database does not answer: {reason[0] if reason else type(error).__name__}",
            sqlstate=error.sqlstate or "none",
        ) from error
