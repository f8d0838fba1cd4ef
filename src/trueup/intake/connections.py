"""Connections: configured accounts with their sealed secrets."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.errors import ConfigError
from trueup.govern.vault import Vault
from trueup.intake.model import Connection

_queries = load_queries("trueup.intake")

ROTATION_OVERLAP_S = 7 * 24 * 3600
"""How long an old secret stays good beside a new one: longer than vendors go on retrying."""


class LiveSecret(msgspec.Struct, frozen=True, kw_only=True):
    """One secret that is good now."""

    name: str
    value: str
    not_after: datetime | None = None

    def __repr__(self) -> str:
        return f"LiveSecret(name={self.name!r}, value=…)"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A connection with its live secrets, newest first; never logged."""

    connection: Connection
    secrets: tuple[LiveSecret, ...]

    def secret_values(self) -> dict[str, str]:
        """Return the newest value of each secret by name."""
        return {secret.name: secret.value for secret in reversed(self.secrets)}

    def __repr__(self) -> str:
        return f"Account({self.connection.name!r})"


async def create_connection(
    conn: psycopg.AsyncConnection[Any],
    vault: Vault,
    *,
    name: str,
    connector: str,
    settings: Mapping[str, str],
    secrets: Mapping[str, str],
) -> int:
    """Make a connection and store its secrets sealed; returns its number.

    Raises:
        ConfigError: the name is taken or not usable.
    """
    try:
        async with conn.transaction():
            cursor = await conn.execute(
                _queries.create_connection,
                {
                    "name": name,
                    "connector": connector,
                    "settings": msgspec.json.encode(dict(settings)).decode(),
                },
            )
            row = await cursor.fetchone()
            connection_id = int(row[0]) if row else 0
            for secret, value in secrets.items():
                await _store_secret(conn, vault, connection_id, secret, value, overlap_s=0)
    except psycopg.errors.UniqueViolation as error:
        raise ConfigError(
            f"There is a connection named {name!r} already; choose another name."
        ) from error
    except psycopg.errors.CheckViolation as error:
        raise ConfigError(
            f"{name!r} can not name a connection: use 1 to 63 lower-case letters, digits and "
            "hyphens, beginning with a letter or digit."
        ) from error
    return connection_id


async def rotate_secret(
    conn: psycopg.AsyncConnection[Any], vault: Vault, connection_id: int, name: str, value: str
) -> None:
    """Store a new secret; the old one stays good for `ROTATION_OVERLAP_S`."""
    await _store_secret(conn, vault, connection_id, name, value, overlap_s=ROTATION_OVERLAP_S)


async def change_connection(
    conn: psycopg.AsyncConnection[Any],
    connection: Connection,
    *,
    settings: Mapping[str, str] | None = None,
    state: str | None = None,
) -> None:
    """Change the settings or the state ("active", "paused", "removed") of a connection."""
    await conn.execute(
        _queries.change_settings,
        {
            "connection_id": connection.connection_id,
            "settings": msgspec.json.encode(
                connection.settings if settings is None else dict(settings)
            ).decode(),
            "state": state or connection.state,
        },
    )


async def change_state(
    conn: psycopg.AsyncConnection[Any], connection_id: int, *, before: str, after: str
) -> bool:
    """Change the state of a connection that is in the one before; False where it is not.

    Of two who ask for the same at once, one is told that the other was first.
    """
    cursor = await conn.execute(
        _queries.change_state,
        {"connection_id": connection_id, "before": before, "after": after},
    )
    return await cursor.fetchone() is not None


async def load_accounts(conn: psycopg.AsyncConnection[Any], vault: Vault) -> list[Account]:
    """Return every connection that was not removed, with its live secrets opened."""
    cursor = await conn.execute(_queries.list_secrets)
    secrets: dict[int, list[LiveSecret]] = {}
    for connection_id, name, sealed, not_after in await cursor.fetchall():
        plain = vault.open_secret(bytes(sealed), _identity(connection_id, name)).decode()
        secret = LiveSecret(name=name, value=plain, not_after=not_after)
        secrets.setdefault(connection_id, []).append(secret)
    cursor = await conn.execute(_queries.list_connections)
    return [
        Account(
            connection=Connection(
                connection_id=connection_id,
                name=name,
                connector=connector,
                settings=msgspec.json.decode(settings, type=dict[str, str]),
                state=state,
            ),
            secrets=tuple(secrets.get(connection_id, ())),
        )
        for connection_id, name, connector, settings, state in await cursor.fetchall()
    ]


async def find_account(conn: psycopg.AsyncConnection[Any], vault: Vault, name: str) -> Account:
    """Return one connection by name.

    Raises:
        ConfigError: there is none; the message lists those that exist.
    """
    accounts = await load_accounts(conn, vault)
    for account in accounts:
        if account.connection.name == name:
            return account
    known = ", ".join(account.connection.name for account in accounts) or "none yet"
    raise ConfigError(f"There is no connection {name!r}; there are: {known}.")


async def _store_secret(
    conn: psycopg.AsyncConnection[Any],
    vault: Vault,
    connection_id: int,
    name: str,
    value: str,
    *,
    overlap_s: int,
) -> None:
    sealed = vault.seal_secret(value.encode(), _identity(connection_id, name))
    await conn.execute(
        _queries.add_secret,
        {
            "connection_id": connection_id,
            "name": name,
            "sealed": sealed,
            "overlap_s": overlap_s,
        },
    )


def _identity(connection_id: int, name: str) -> bytes:
    return f"{connection_id}\x1f{name}".encode()
