"""Authorisations: persons who were sent to a vendor, and what they came back with, once."""

import hmac
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from trueup.db.queries import load_queries
from trueup.govern.vault import Vault

_queries = load_queries("trueup.intake")

STATE_CHARS_MAX = 200


class Authorisation(msgspec.Struct, frozen=True, kw_only=True):
    """A person who was sent to a vendor.

    Attributes:
        draft: what it was asked for with; empty once it was taken up.
        answered_at: when the person came back.
        answer: what they brought; None until then, empty once it was taken up.
    """

    draft: bytes
    expires_at: datetime
    answered_at: datetime | None = None
    answer: bytes | None = None

    def __repr__(self) -> str:
        return f"Authorisation(answered_at={self.answered_at})"


async def open_authorisation(
    conn: psycopg.AsyncConnection[Any],
    vault: Vault,
    state: str,
    draft: bytes,
    *,
    opened_at: datetime,
    expires_at: datetime,
) -> None:
    """Note that a person is sent to a vendor with a state that nobody can guess."""
    digest = _digest(state)
    await conn.execute(
        _queries.open_authorisation,
        {
            "state_digest": digest,
            "draft_sealed": vault.seal_secret(draft, _identity(digest, "draft")),
            "opened_at": opened_at,
            "expires_at": expires_at,
        },
    )


async def read_authorisation(
    conn: psycopg.AsyncConnection[Any], vault: Vault, state: str
) -> Authorisation | None:
    """Return who was sent with this state, locked until the transaction ends; None: nobody was."""
    if not state or len(state) > STATE_CHARS_MAX:
        return None
    digest = _digest(state)
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(_queries.read_authorisation, {"state_digest": digest})
        row = await cursor.fetchone()
    if row is None or not hmac.compare_digest(bytes(row["state_digest"]), digest):
        return None
    draft, answer = bytes(row["draft_sealed"]), row["answer_sealed"]
    return Authorisation(
        draft=_open(vault, draft, digest, "draft"),
        expires_at=row["expires_at"],
        answered_at=row["answered_at"],
        answer=None if answer is None else _open(vault, bytes(answer), digest, "answer"),
    )


async def answer_authorisation(
    conn: psycopg.AsyncConnection[Any], vault: Vault, state: str, answer: bytes, at: datetime
) -> None:
    """Keep what a person came back with, in the transaction that read the authorisation."""
    digest = _digest(state)
    sealed = vault.seal_secret(answer, _identity(digest, "answer"))
    await conn.execute(
        _queries.answer_authorisation,
        {"state_digest": digest, "answer_sealed": sealed, "answered_at": at},
    )


async def blank_authorisation(conn: psycopg.AsyncConnection[Any], state: str) -> None:
    """Take draft and answer away; that the state was used stays known until it expires."""
    await conn.execute(_queries.blank_authorisation, {"state_digest": _digest(state)})


def _digest(state: str) -> bytes:
    return sha256(state.encode("utf-8", "surrogatepass")).digest()


def _identity(digest: bytes, which: str) -> bytes:
    return b"authorisation\x1f" + which.encode() + b"\x1f" + digest


def _open(vault: Vault, sealed: bytes, digest: bytes, which: str) -> bytes:
    return vault.open_secret(sealed, _identity(digest, which)) if sealed else b""
