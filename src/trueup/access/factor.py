"""The second factor: what a member has, beside the password that they know.

It is begun (an app is given its secret), turned on by a first code, and asked for at each sign-in
from then on. Who fails waits, as with passwords; a code is good once.
"""

from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.access.code import new_app_secret, new_spares, plain_code, step_of
from trueup.access.door import Door
from trueup.access.guess import count_guess, forgive_guess, subjects_of
from trueup.access.own import end_other_sessions
from trueup.access.secret import digest_of
from trueup.access.session import Browser, pass_session
from trueup.access.trail import Did, Doer, note_deed_of
from trueup.access.visitor import Visitor
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import ConfigError, WrongCredentials

_queries = load_queries("trueup.access")

Conn = psycopg.AsyncConnection[Any]

_WRONG = "That code is not right, or was used already."


class Factor(msgspec.Struct, frozen=True, kw_only=True):
    """What a member has of it.

    Attributes:
        on_at: since when it is asked for; None: not.
        secret: of what was begun and is not on yet; the app is given it.
        spares: how many spare codes are left.
    """

    on_at: datetime | None = None
    secret: str | None = None
    spares: int = 0


async def read_factor(conn: Conn, door: Door, member_id: int) -> Factor:
    """Return what a member has."""
    row = await _row(conn, member_id)
    if row is None:
        return Factor()
    if row["on_at"] is None:
        return Factor(secret=_open(door, row, member_id))
    return Factor(on_at=row["on_at"], spares=row["spares"])


async def begin_factor(conn: Conn, door: Door, visitor: Visitor) -> None:
    """Make a new secret for an app of a member's.

    Raises:
        ConfigError: it is on; it is turned off first.
    """
    secret, member_id = new_app_secret(), visitor.member_id or 0
    sealed = door.vault.seal_secret(secret.encode(), _identity(member_id))
    given = {"member_id": member_id, "sealed": sealed, "now": door.clock.now()}
    cursor = await conn.execute(_queries.begin_factor, given)
    if cursor.rowcount == 0:
        raise ConfigError("It is on already; turn it off before you take another app.", field="do")


async def turn_on(
    conn: Conn, door: Door, visitor: Visitor, typed: str, browser: Browser
) -> tuple[tuple[str, ...], str]:
    """Ask for a member's codes from here on, which ends their other sessions.

    Args:
        conn: in autocommit.
        door: counts guesses, opens the secret.
        visitor: in a session.
        typed: the first code of the app.
        browser: where it comes from.

    Returns:
        Spare codes, which can not be read again, and the new secret of the session.

    Raises:
        ConfigError: it was not begun.
        WrongCredentials: the code is not the app's; their clocks may differ.
        GuessedTooOften: after too many failures.
    """
    member_id, now = visitor.member_id or 0, door.clock.now()
    row = await _row(conn, member_id)
    if row is None or row["on_at"] is not None:
        raise ConfigError("Begin first.", field="do")
    await _show(conn, door, visitor, typed, browser, spares=False)
    doer = _doer(visitor, browser)
    async with conn.transaction():
        await conn.execute(_queries.turn_factor_on, {"member_id": member_id, "now": now})
        codes = await _keep_spares(conn, member_id)
        await note_deed_of(conn, doer, Did.TURNED_FACTOR_ON, at=now, about="")
        await end_other_sessions(conn, visitor.session_id or 0, member_id, doer, now)
        return codes, await pass_session(conn, visitor.session_id or 0, now)


async def pass_factor(
    conn: Conn, door: Door, visitor: Visitor, typed: str, browser: Browser
) -> str:
    """Let a member in whole who signed in by their password.

    Args:
        conn: in autocommit.
        door: counts guesses, opens the secret.
        visitor: in a session that owes a code.
        typed: a code of the app, or a spare one, which is used up.
        browser: where it comes from.

    Returns:
        The new secret of their session; the old one is good no more.

    Raises:
        WrongCredentials: the code is not right, or was used.
        GuessedTooOften: after too many failures.
    """
    by = await _show(conn, door, visitor, typed, browser)
    now = door.clock.now()
    async with conn.transaction():
        await note_deed_of(conn, _doer(visitor, browser), Did.SIGNED_IN, at=now, about=by)
        return await pass_session(conn, visitor.session_id or 0, now)


async def turn_off(conn: Conn, door: Door, visitor: Visitor, typed: str, browser: Browser) -> None:
    """Ask for a member's codes no more.

    Raises:
        ConfigError: their role has to have it.
        WrongCredentials, GuessedTooOften: as in `pass_factor`.
    """
    if visitor.role in door.factor_roles:
        raise ConfigError(f"Your role, {visitor.role.value}, has to have it.", field="do")
    await _show(conn, door, visitor, typed, browser)
    async with conn.transaction():
        await drop_factor(conn, visitor.member_id or 0)
        doer = _doer(visitor, browser)
        await note_deed_of(conn, doer, Did.TURNED_FACTOR_OFF, at=door.clock.now(), about="")


async def renew_spares(
    conn: Conn, door: Door, visitor: Visitor, typed: str, browser: Browser
) -> tuple[str, ...]:
    """Return new spare codes; the old ones are good no more.

    Raises:
        WrongCredentials, GuessedTooOften: as in `pass_factor`.
    """
    await _show(conn, door, visitor, typed, browser)
    async with conn.transaction():
        doer = _doer(visitor, browser)
        await note_deed_of(conn, doer, Did.MADE_SPARES, at=door.clock.now(), about="")
        return await _keep_spares(conn, visitor.member_id or 0)


async def drop_factor(conn: Conn, member_id: int) -> bool:
    """Forget a member's second factor, in the caller's transaction; says whether it was on."""
    await conn.execute(_queries.drop_spares, {"member_id": member_id})
    rows = await fetch_rows(conn, _queries.drop_factor, member_id=member_id)
    return bool(rows) and rows[0]["on_at"] is not None


async def _show(
    conn: Conn,
    door: Door,
    visitor: Visitor,
    typed: str,
    browser: Browser,
    *,
    spares: bool = True,
) -> str:
    """Use a code up; returns by which kind of code it was shown."""
    member_id, now = visitor.member_id or 0, door.clock.now()
    subjects = subjects_of(door.vault, "", "", f"factor {member_id}")
    await count_guess(conn, subjects, now)
    code = plain_code(typed)
    if await _use_app_code(conn, door, member_id, code, now):
        by = "by a code of the app"
    elif spares and await _use_spare(conn, member_id, code):
        by = "by a spare code"
    else:
        await note_deed_of(conn, _doer(visitor, browser), Did.FACTOR_FAILED, at=now, about="")
        raise WrongCredentials(_WRONG)
    await forgive_guess(conn, subjects)
    return by


async def _use_app_code(conn: Conn, door: Door, member_id: int, code: str, now: datetime) -> bool:
    row = await _row(conn, member_id)
    step = None if row is None else step_of(_open(door, row, member_id), code, now)
    if step is None:
        return False
    cursor = await conn.execute(_queries.use_step, {"member_id": member_id, "step": step})
    return cursor.rowcount == 1


async def _use_spare(conn: Conn, member_id: int, code: str) -> bool:
    given = {"member_id": member_id, "digest": digest_of(code)}
    return (await conn.execute(_queries.use_spare, given)).rowcount == 1


async def _keep_spares(conn: Conn, member_id: int) -> tuple[str, ...]:
    codes = new_spares()
    await conn.execute(_queries.drop_spares, {"member_id": member_id})
    digests = [digest_of(plain_code(each)) for each in codes]
    await conn.execute(_queries.add_spares, {"member_id": member_id, "digests": digests})
    return codes


async def _row(conn: Conn, member_id: int) -> Row | None:
    rows = await fetch_rows(conn, _queries.find_factor, member_id=member_id)
    return rows[0] if rows else None


def _open(door: Door, row: Row, member_id: int) -> str:
    return door.vault.open_secret(bytes(row["sealed"]), _identity(member_id)).decode()


def _identity(member_id: int) -> bytes:
    return f"second factor {member_id}".encode()


def _doer(visitor: Visitor, browser: Browser) -> Doer:
    return Doer(member_id=visitor.member_id, name=visitor.name, address=browser.address)
