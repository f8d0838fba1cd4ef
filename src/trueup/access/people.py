"""The team: who is in it, with which role, and how somebody joins or leaves.

There is always an owner: the last one is neither removed nor given another role. Whoever is given
another role signs in again.
"""

from datetime import datetime
from typing import Any

import psycopg

from trueup.access.claims import fold_email, is_email
from trueup.access.factor import drop_factor
from trueup.access.invite import Purpose, address_invite, make_invite
from trueup.access.member import Member, find_member
from trueup.access.rights import Role
from trueup.access.session import Limits, end_sessions_of
from trueup.access.token import drop_tokens_of
from trueup.access.trail import Did, Doer, note_deed_of
from trueup.db.queries import load_queries
from trueup.db.rows import Row, fetch_rows
from trueup.errors import ConfigError

_queries = load_queries("trueup.access")

Conn = psycopg.AsyncConnection[Any]


async def list_members(conn: Conn) -> list[Row]:
    """Return the members with how many sessions each has, owners first."""
    return await fetch_rows(conn, _queries.list_members)


async def list_invites(conn: Conn, now: datetime) -> list[Row]:
    """Return the links that are still good, without what would open them."""
    return await fetch_rows(conn, _queries.list_invites, now=now)


async def invite_member(
    conn: Conn, role: Role, doer: Doer, now: datetime, limits: Limits, *, email: str = ""
) -> str:
    """Return the secret of a link by which somebody joins; it can not be read again.

    Args:
        conn: in autocommit.
        role: what they will be here for.
        doer: who invites.
        now: the instant.
        limits: how long the link is good.
        email: whose it is; with this address, verified, they may come in by the issuer instead.

    Raises:
        ConfigError: that is no address.
    """
    if email and not is_email(email):
        raise ConfigError("That is no e-mail address.", field="email")
    async with conn.transaction():
        await note_deed_of(conn, doer, Did.INVITED, at=now, about=role.value)
        secret = await make_invite(
            conn, Purpose.JOIN, role=role, made_by=doer.name, now=now, lasts=limits.link
        )
        if email:
            await address_invite(conn, secret, fold_email(email))
        return secret


async def reset_member(conn: Conn, name: str, doer: Doer, now: datetime, limits: Limits) -> str:
    """Return the secret of a link by which a member chooses a new password.

    The old password and the sessions are good until the link is used.

    Raises:
        ConfigError: there is no such member.
    """
    async with conn.transaction():
        member = await _found(conn, name)
        await note_deed_of(conn, doer, Did.RESET, at=now, about=member.name)
        return await make_invite(
            conn,
            Purpose.RESET,
            member_id=member.member_id,
            made_by=doer.name,
            now=now,
            lasts=limits.link,
        )


async def give_role(conn: Conn, name: str, role: Role, doer: Doer, now: datetime) -> None:
    """Give a member another role, which ends their sessions.

    Raises:
        ConfigError: there is no such member, or they are the last owner.
    """
    async with conn.transaction():
        member = await _held(conn, name)
        if member.role is not role:
            await change_role(conn, member, role, doer, now)


async def change_role(conn: Conn, member: Member, role: Role, doer: Doer, now: datetime) -> None:
    """Give a member another role, in the caller's transaction, with `hold_members` before.

    Raises:
        ConfigError: they are the last owner.
    """
    await _keep_an_owner(conn, member)
    await conn.execute(_queries.give_role, {"member_id": member.member_id, "role": role.value})
    await end_sessions_of(conn, member.member_id)
    about = f"{member.name}: {member.role.value} to {role.value}"
    await note_deed_of(conn, doer, Did.GAVE_ROLE, at=now, about=about)


async def hold_members(conn: Conn) -> None:
    """Let nobody else change who is in the team until the transaction ends."""
    await conn.execute(_queries.hold_members)


async def remove_member(conn: Conn, name: str, doer: Doer, now: datetime) -> None:
    """Let a member in no more; their name stays beside what they did, and nobody else gets it.

    Raises:
        ConfigError: there is no such member, or they are the last owner.
    """
    async with conn.transaction():
        member = await _held(conn, name)
        await _keep_an_owner(conn, member)
        await conn.execute(_queries.remove_member, {"member_id": member.member_id, "now": now})
        await end_sessions_of(conn, member.member_id)
        await drop_factor(conn, member.member_id)
        await drop_tokens_of(conn, member.member_id)
        await note_deed_of(conn, doer, Did.REMOVED, at=now, about=member.name)


async def end_sessions(conn: Conn, name: str, doer: Doer, now: datetime) -> int:
    """End all sessions of a member; returns how many there were.

    Raises:
        ConfigError: there is no such member.
    """
    async with conn.transaction():
        member = await _found(conn, name)
        ended = await end_sessions_of(conn, member.member_id)
        about = f"{member.name}: {ended}"
        await note_deed_of(conn, doer, Did.ENDED_SESSIONS, at=now, about=about)
        return ended


async def take_factor(conn: Conn, name: str, doer: Doer, now: datetime) -> None:
    """Forget a member's second factor, which ends their sessions: they lost what they had.

    Raises:
        ConfigError: there is no such member, or they have none.
    """
    async with conn.transaction():
        member = await _found(conn, name)
        if not await drop_factor(conn, member.member_id):
            raise ConfigError(f"{member.name} has no second factor.", field="name")
        await end_sessions_of(conn, member.member_id)
        await note_deed_of(conn, doer, Did.TOOK_FACTOR, at=now, about=member.name)


async def _found(conn: Conn, name: str) -> Member:
    member = await find_member(conn, name)
    if member is None:
        raise ConfigError(f"There is no member {name!r}; see: trueup people list.", field="name")
    return member


async def _held(conn: Conn, name: str) -> Member:
    """Return a member, with nobody else changing who is in the team until the transaction ends."""
    await hold_members(conn)
    return await _found(conn, name)


async def _keep_an_owner(conn: Conn, member: Member) -> None:
    rows = await fetch_rows(conn, _queries.count_owners)
    if member.role is Role.OWNER and rows[0]["owners"] == 1:
        raise ConfigError(
            f"{member.name} is the last owner; make somebody else an owner first.", field="name"
        )
