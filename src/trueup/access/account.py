"""Accounts: who an issuer says somebody is, and which member that is.

Somebody comes in by an account that is a member's already; by a group that the brand's table gives
a role; or by an invite to their verified address. Nobody else does.
"""

from typing import Any

import psycopg

from trueup.access.claims import Account, role_by
from trueup.access.door import Door, Entered
from trueup.access.invite import take_invite_of
from trueup.access.issuer import SHOWN_LATELY, IssuerSettings
from trueup.access.member import Member, add_member, find_member_by_id, tidy_name
from trueup.access.people import change_role, hold_members
from trueup.access.rights import Role
from trueup.access.session import Browser, confirm_session
from trueup.access.trail import Did, Doer, note, note_deed_of
from trueup.access.visitor import Visitor
from trueup.db.queries import load_queries
from trueup.db.rows import fetch_rows
from trueup.errors import ConfigError, IssuerRefused

_queries = load_queries("trueup.access")

Conn = psycopg.AsyncConnection[Any]

_BY_ISSUER = "by the issuer"


async def enter_by_account(
    conn: Conn, door: Door, account: Account, settings: IssuerSettings, browser: Browser
) -> Entered:
    """Let somebody in whom the issuer named.

    Args:
        conn: in autocommit.
        door: begins their session.
        account: of `Issuer.take`.
        settings: which groups give which role.
        browser: where it comes from.

    Raises:
        IssuerRefused: they are nobody's, were removed, or are in no group any more.
    """
    try:
        async with conn.transaction():
            await hold_members(conn)
            role = role_by(account.groups, settings.roles)
            member, did = await _member_of(conn, door, account, role)
            return await door.enter(conn, member, browser, did)
    except IssuerRefused as error:
        await note(
            conn,
            Did.SIGN_IN_FAILED,
            at=door.clock.now(),
            member_id=None,
            who="",
            about=f"{_BY_ISSUER}: {error.context.get('reason', '')}",
            address=browser.address,
        )
        raise


async def confirm_by_account(
    conn: Conn, door: Door, visitor: Visitor, account: Account, browser: Browser
) -> str:
    """Let who asks show once more who they are, at the issuer.

    Returns:
        The new secret of their session; the old one is good no more.

    Raises:
        IssuerRefused: it is another's account, or they did not show it now.
    """
    rows = await _found(conn, account)
    now = door.clock.now()
    lately = account.at is not None and abs(now - account.at) <= SHOWN_LATELY
    if not rows or rows[0]["member_id"] != visitor.member_id or not lately:
        doer = Doer(member_id=visitor.member_id, name=visitor.name, address=browser.address)
        await note_deed_of(conn, doer, Did.CONFIRM_FAILED, at=now, about=_BY_ISSUER)
        raise IssuerRefused("The issuer did not say that it is you, now.", reason="another")
    return await confirm_session(conn, visitor.session_id or 0, now)


async def link_account(
    conn: Conn, door: Door, visitor: Visitor, account: Account, browser: Browser
) -> None:
    """Let an account be a member's from here on.

    Raises:
        IssuerRefused: it is another member's, or was.
    """
    doer = Doer(member_id=visitor.member_id, name=visitor.name, address=browser.address)
    async with conn.transaction():
        await _keep(conn, door, account, visitor.member_id or 0, by_claim=False)
        await note_deed_of(conn, doer, Did.LINKED, at=door.clock.now(), about=account.issuer)


async def is_linked(conn: Conn, issuer: str, member_id: int) -> bool:
    """Say whether a member has an account at an issuer."""
    return bool(await fetch_rows(conn, _queries.accounts_of, issuer=issuer, member_id=member_id))


async def _member_of(
    conn: Conn, door: Door, account: Account, role: Role | None
) -> tuple[Member, Did]:
    """Return which member an account is, made now where somebody is let in by it."""
    rows, now = await _found(conn, account), door.clock.now()
    if rows:
        member = await find_member_by_id(conn, rows[0]["member_id"])
        if member is None:
            raise IssuerRefused("You are let in no more.", reason="removed")
        return await _still(conn, door, member, role, by_claim=rows[0]["by_claim"]), Did.SIGNED_IN
    invite = None if role else await take_invite_of(conn, account.email, now)
    given = role if invite is None else invite.role
    if given is None:
        said = "Nobody invited this account. Ask an owner for an invite to its e-mail address."
        raise IssuerRefused(said, reason="not invited")
    member = await _add(conn, account, given, door)
    await _keep(conn, door, account, member.member_id, by_claim=role is not None)
    return member, Did.JOINED


async def _still(
    conn: Conn, door: Door, member: Member, role: Role | None, *, by_claim: bool
) -> Member:
    """Return a member with the role that the issuer gives them now, where it gives theirs."""
    if not by_claim or role is member.role:
        return member
    if role is None:
        raise IssuerRefused("You are in no group that may come in.", reason="no group")
    doer = Doer(member_id=None, name=_BY_ISSUER)
    try:
        await change_role(conn, member, role, doer, door.clock.now())
    except ConfigError as error:
        raise IssuerRefused(error.message, reason="last owner") from error
    found = await find_member_by_id(conn, member.member_id)
    return found or member


async def _add(conn: Conn, account: Account, role: Role, door: Door) -> Member:
    """Keep a new member under the name that they have there, or their address."""
    for wanted in (account.name, account.email.partition("@")[0], account.email):
        try:
            return await add_member(
                conn, name=tidy_name(wanted), role=role, password=None, now=door.clock.now()
            )
        except ConfigError:
            continue
    raise IssuerRefused("Somebody has your name already; ask an owner.", reason="name")


async def _found(conn: Conn, account: Account) -> list[dict[str, Any]]:
    given = {"issuer": account.issuer, "subject": account.subject}
    return await fetch_rows(conn, _queries.find_account, **given)


async def _keep(
    conn: Conn, door: Door, account: Account, member_id: int, *, by_claim: bool
) -> None:
    given = {
        "issuer": account.issuer,
        "subject": account.subject,
        "member_id": member_id,
        "by_claim": by_claim,
        "now": door.clock.now(),
    }
    if (await conn.execute(_queries.add_account, given)).rowcount == 0:
        raise IssuerRefused("This account is somebody's already.", reason="another")
