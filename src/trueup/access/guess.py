"""Guesses: who fails waits, longer each time, and nobody can make somebody else wait for ever.

A guess counts against three subjects: the name from this address, the address, and the name from
anywhere. Each has some free failures; after them each failure doubles the wait, up to a bound. The
bound of the name from anywhere and of the address is short, because others can reach it. Whoever
signed in from a browser before is counted by that browser alone, so a flood of guesses from
elsewhere does not even slow them down. A guess is counted before it is judged, so that many at once
count as many.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg

from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.errors import GuessedTooOften
from trueup.govern.vault import Vault

_queries = load_queries("trueup.access")

Conn = psycopg.AsyncConnection[Any]

FORGOTTEN_AFTER: Final = timedelta(days=1)


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What guesses are counted by.

    Attributes:
        key: keyed digest, 16 bytes.
        free: failures that cost nothing.
        wait_s_max: the longest wait.
        shared: others fail here too, so a success does not end the count.
    """

    key: bytes
    free: int
    wait_s_max: int
    shared: bool = False


def subjects_of(
    vault: Vault, folded: str, address: str, known: str | None = None
) -> tuple[Subject, ...]:
    """Return what a guess at somebody's password is counted by.

    Args:
        vault: makes keyed digests.
        folded: of the name that was typed.
        address: where it comes from.
        known: what proves that this browser signed in under this name before.
    """
    if known:
        return (Subject(key=vault.index("guess known", known), free=5, wait_s_max=900),)
    pair = f"{folded}\x1f{address}"
    return (
        Subject(key=vault.index("guess pair", pair), free=5, wait_s_max=900),
        Subject(key=vault.index("guess address", address), free=30, wait_s_max=60, shared=True),
        Subject(key=vault.index("guess name", folded), free=20, wait_s_max=60),
    )


async def count_guess(conn: Conn, subjects: tuple[Subject, ...], now: datetime) -> None:
    """Count a guess as failed; `forgive_guess` takes that back where it was right.

    Args:
        conn: in autocommit.
        subjects: of `subjects_of`.
        now: the instant.

    Raises:
        GuessedTooOften: one of them has to wait; nothing was counted.
    """
    ordered = sorted(subjects, key=lambda each: each.key)
    keys = [each.key for each in ordered]
    async with conn.transaction():
        rows = await fetch_rows(
            conn,
            _queries.count_guess,
            subjects=keys,
            free=[each.free for each in ordered],
            waits=[each.wait_s_max for each in ordered],
            now=now,
            forgotten=now - FORGOTTEN_AFTER,
        )
        if len(rows) < len(keys):
            waits = await fetch_rows(conn, _queries.guess_wait, subjects=keys, now=now)
            raise GuessedTooOften(after_s=max(1, waits[0]["wait_s"]))


async def forgive_guess(conn: Conn, subjects: tuple[Subject, ...]) -> None:
    """Forget failures, as a guess was right; where others fail too, only this one."""
    for query, shared in ((_queries.forget_guesses, False), (_queries.take_back_guess, True)):
        keys = [each.key for each in subjects if each.shared is shared]
        if keys:
            await conn.execute(query, {"subjects": keys})
