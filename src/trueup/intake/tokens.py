"""Tokens: what vendors let us in with for a while, sealed; and the right to ask for the next."""

from datetime import datetime
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from trueup.db.queries import load_queries
from trueup.govern.vault import Vault

_queries = load_queries("trueup.intake")

_TOKEN_CLASS = 64_006


class StoredToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a connection is let in with.

    Attributes:
        basis: 16 bytes by which what it was had with is known again.
        expires_at: None where it does not expire.
        generation: rises with each one that is kept.
        refused_at, refused: when and by which word the vendor last refused to renew it.
    """

    access_token: str
    refresh_token: str | None
    basis: bytes
    asked_at: datetime
    expires_at: datetime | None
    generation: int = 0
    refused_at: datetime | None = None
    refused: str | None = None

    def __repr__(self) -> str:
        return f"StoredToken({self.generation})"


async def hold_token(conn: psycopg.AsyncConnection[Any], connection_id: int) -> bool:
    """Take the right to ask for a connection's next token, for as long as this session lives.

    Returns False where another session has it.
    """
    cursor = await conn.execute(
        _queries.take_partition, {"lock_class": _TOKEN_CLASS, "partition": connection_id}
    )
    row = await cursor.fetchone()
    return bool(row and row[0])


async def read_token(
    conn: psycopg.AsyncConnection[Any], vault: Vault, connection_id: int
) -> StoredToken | None:
    """Return what a connection is let in with; None where nothing was handed out yet.

    Raises:
        ConfigError: it was sealed under another master key.
    """
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_queries.read_token, {"connection_id": connection_id})
        row = await cursor.fetchone()
    if row is None:
        return None
    access, refresh = bytes(row.pop("access_sealed")), row.pop("refresh_sealed")
    return StoredToken(
        access_token=vault.open_secret(access, _identity(connection_id, "access")).decode(),
        refresh_token=None
        if refresh is None
        else vault.open_secret(bytes(refresh), _identity(connection_id, "refresh")).decode(),
        **row | {"basis": bytes(row["basis"])},
    )


async def store_token(
    conn: psycopg.AsyncConnection[Any],
    vault: Vault,
    connection_id: int,
    token: StoredToken,
    *,
    after: int | None,
) -> int | None:
    """Keep a token; durable when the transaction has committed.

    Args:
        conn: in a transaction or in autocommit.
        vault: seals.
        connection_id: whose it is.
        token: its own generation does not count.
        after: the generation whose refresh token it was had with, 0 for none; None replaces
            whatever there is.

    Returns:
        Its generation; None where another token was kept since.
    """
    refresh = token.refresh_token
    cursor = await conn.execute(
        _queries.store_token,
        {
            "connection_id": connection_id,
            "basis": token.basis,
            "access_sealed": vault.seal_secret(
                token.access_token.encode(), _identity(connection_id, "access")
            ),
            "refresh_sealed": None
            if refresh is None
            else vault.seal_secret(refresh.encode(), _identity(connection_id, "refresh")),
            "asked_at": token.asked_at,
            "expires_at": token.expires_at,
            "generation": after,
        },
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def refuse_token(
    conn: psycopg.AsyncConnection[Any],
    connection_id: int,
    token: StoredToken,
    *,
    refused_at: datetime,
    refused: str,
) -> None:
    """Note that the vendor hands out no further token by this one."""
    await conn.execute(
        _queries.refuse_token,
        {
            "connection_id": connection_id,
            "generation": token.generation,
            "refused_at": refused_at,
            "refused": refused[:40],
        },
    )


def _identity(connection_id: int, which: str) -> bytes:
    return f"{connection_id}\x1ftoken\x1f{which}".encode()
