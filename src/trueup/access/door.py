"""The door: how somebody comes in by a name and a password, or by a link."""

import hmac
from typing import Any, Final

import msgspec
import psycopg

from trueup.access.guess import count_guess, forgive_guess, subjects_of
from trueup.access.invite import (
    Invite,
    Purpose,
    end_invites_of,
    look_at_invite,
    make_invite,
    take_invite,
)
from trueup.access.member import (
    Member,
    add_member,
    find_member,
    find_member_by_id,
    fold_name,
    has_members,
    keep_password,
    tidy_name,
)
from trueup.access.own import end_other_sessions
from trueup.access.password import Passwords, judge_password
from trueup.access.rights import Role
from trueup.access.secret import new_secret
from trueup.access.session import (
    Browser,
    Limits,
    begin_session,
    confirm_session,
    end_old_sessions,
    end_session,
    end_sessions_of,
    find_visitor,
)
from trueup.access.trail import Did, Doer, note, note_deed_of
from trueup.access.visitor import Visitor, owed_by
from trueup.errors import LinkSpent, WrongCredentials
from trueup.govern.vault import Vault
from trueup.kernel.clock import Clock, SystemClock

Conn = psycopg.AsyncConnection[Any]

ON_THIS_MACHINE: Final = "the command line"
"""Who does what is done by command: whoever may start programs as the hub's user."""

_ENTERED: Final = {
    Purpose.FIRST: Did.BECAME_OWNER,
    Purpose.JOIN: Did.JOINED,
    Purpose.RESET: Did.CHOSE_PASSWORD,
}


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody came in.

    Attributes:
        session: secret of their new session.
        known: what shows later that this browser signed in under this name.
    """

    member: Member
    session: str
    known: str


class Door:
    """Lets people in, and knows how long things last.

    Args:
        vault: makes keyed digests.
        limits: how long things last.
        passwords: hashes and compares.
        clock: tells the time.
        factor_roles: whose members have to have a second factor.
    """

    def __init__(
        self,
        vault: Vault,
        *,
        limits: Limits | None = None,
        factor_roles: frozenset[Role] = frozenset(),
        passwords: Passwords | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.vault = vault
        self.limits = limits or Limits()
        self.factor_roles = factor_roles
        self.passwords = passwords or Passwords()
        self.clock = clock or SystemClock()

    async def find_visitor(self, conn: Conn, secret: str) -> Visitor | None:
        """Return who a session's secret belongs to, and what they owe; None where nobody."""
        visitor = await find_visitor(conn, secret, self.clock.now(), self.limits)
        if visitor is None:
            return None
        return msgspec.structs.replace(visitor, owes=owed_by(visitor, self.factor_roles))

    async def sign_in(
        self, conn: Conn, name: str, password: str, browser: Browser, known: str = ""
    ) -> Entered:
        """Begin a session for whoever a name and a password belong to.

        The answer and the time it takes are the same for a name that nobody has.

        Args:
            conn: in autocommit.
            name: as it was typed.
            password: as it was typed.
            browser: where it comes from.
            known: what the browser kept of an earlier time.

        Raises:
            WrongCredentials: they do not belong together.
            GuessedTooOften: after too many failures.
        """
        now = self.clock.now()
        member = await find_member(conn, name)
        kept = known if member and self._knows(known, member.member_id) else None
        subjects = subjects_of(self.vault, fold_name(name), browser.address, kept)
        await count_guess(conn, subjects, now)
        hashed = None if member is None else member.password
        if not await self.passwords.matches(hashed, password) or member is None:
            await note(
                conn,
                Did.SIGN_IN_FAILED,
                at=now,
                member_id=member.member_id if member else None,
                who=member.name if member else "",
                about="the password" if member else "a name that nobody has",
                address=browser.address,
            )
            raise WrongCredentials
        await forgive_guess(conn, subjects)
        if hashed is not None and self.passwords.is_old(hashed):
            await keep_password(conn, member.member_id, await self.passwords.hash(password))
        async with conn.transaction():
            return await self.enter(conn, member, browser, Did.SIGNED_IN)

    async def first_link(self, conn: Conn) -> str | None:
        """Return the secret of a link that makes the first owner; None once there is somebody."""
        if await has_members(conn):
            return None
        return await make_invite(
            conn,
            Purpose.FIRST,
            role=Role.OWNER,
            made_by=ON_THIS_MACHINE,
            now=self.clock.now(),
            lasts=self.limits.link,
        )

    async def enter_by_link(
        self, conn: Conn, secret: str, name: str, password: str, browser: Browser
    ) -> Entered:
        """Let somebody in by a link: the first owner, a new member, or one with a new password.

        Args:
            conn: in autocommit.
            secret: of the link, which is used up.
            name: as it was typed; of no matter where the link is a member's.
            password: the new one, as it was typed.
            browser: what they come with; a member's other sessions end.

        Raises:
            LinkSpent: the link is not good any more.
            ConfigError: the name or the password can not be taken; the link stays good.
        """
        looked_at = await look_at_invite(conn, secret, self.clock.now())
        known = await self._member_of(conn, looked_at)
        tidy = known.name if known else tidy_name(name)
        judge_password(password, name=tidy)
        hashed = await self.passwords.hash(password)
        now = self.clock.now()
        async with conn.transaction():
            invite = await take_invite(conn, secret, now)
            if invite.purpose is Purpose.FIRST and await has_members(conn):
                raise LinkSpent
            member = await self._member_of(conn, invite)
            if member is not None:
                await keep_password(conn, member.member_id, hashed)
                await end_sessions_of(conn, member.member_id)
            else:
                role = invite.role or Role.VIEWER
                member = await add_member(conn, name=tidy, role=role, password=hashed, now=now)
            return await self.enter(conn, member, browser, _ENTERED[invite.purpose])

    async def _member_of(self, conn: Conn, invite: Invite) -> Member | None:
        """Return whose link it is; None where it is of somebody who is not there yet."""
        if invite.member_id is None:
            return None
        member = await find_member_by_id(conn, invite.member_id)
        if member is None:
            raise LinkSpent
        return member

    async def confirm(self, conn: Conn, visitor: Visitor, password: str, browser: Browser) -> str:
        """Let who asks show once more who they are.

        Args:
            conn: in autocommit.
            visitor: in a session.
            password: as it was typed.
            browser: where it comes from.

        Returns:
            The new secret of their session; the old one is good no more.

        Raises:
            WrongCredentials: it is not theirs.
            GuessedTooOften: after too many failures in their sessions.
        """
        now = self.clock.now()
        member = await find_member_by_id(conn, visitor.member_id or 0)
        subjects = subjects_of(self.vault, "", "", f"confirm {visitor.member_id}")
        await count_guess(conn, subjects, now)
        if not await self.passwords.matches(member.password if member else None, password):
            doer = Doer(member_id=visitor.member_id, name=visitor.name, address=browser.address)
            await note_deed_of(conn, doer, Did.CONFIRM_FAILED, at=now, about="")
            raise WrongCredentials("That is not your password.")
        await forgive_guess(conn, subjects)
        return await confirm_session(conn, visitor.session_id or 0, now)

    async def change_password(
        self, conn: Conn, visitor: Visitor, old: str, password: str, browser: Browser
    ) -> str:
        """Keep a member's new password, which ends their other sessions and links.

        Args:
            conn: in autocommit.
            visitor: in a session.
            old: the password until now, as it was typed.
            password: the new one, as it was typed.
            browser: where it comes from.

        Returns:
            The new secret of their session; the old one is good no more.

        Raises:
            ConfigError: the new one can not be taken; the old one was not looked at.
            WrongCredentials: the old one is not theirs.
            GuessedTooOften: after too many failures in their sessions.
        """
        judge_password(password, name=visitor.name)
        member_id, now = visitor.member_id or 0, self.clock.now()
        session = await self.confirm(conn, visitor, old, browser)
        hashed = await self.passwords.hash(password)
        doer = Doer(member_id=member_id, name=visitor.name, address=browser.address)
        async with conn.transaction():
            await keep_password(conn, member_id, hashed)
            await end_invites_of(conn, member_id)
            await note_deed_of(conn, doer, Did.CHANGED_PASSWORD, at=now, about="")
            await end_other_sessions(conn, visitor.session_id or 0, member_id, doer, now)
        return session

    async def leave(self, conn: Conn, visitor: Visitor, browser: Browser) -> None:
        """End the session of who asks."""
        if visitor.session_id is None or visitor.member_id is None:
            return
        async with conn.transaction():
            await end_session(conn, visitor.session_id, visitor.member_id)
            await note(
                conn,
                Did.SIGNED_OUT,
                at=self.clock.now(),
                member_id=visitor.member_id,
                who=visitor.name,
                address=browser.address,
            )

    async def enter(self, conn: Conn, member: Member, browser: Browser, did: Did) -> Entered:
        """Begin a session for somebody who showed who they are, in the caller's transaction."""
        now = self.clock.now()
        await end_old_sessions(conn, now, self.limits)
        session = await begin_session(conn, member.member_id, browser, now)
        begun = await find_visitor(conn, session, now, self.limits)
        half = did is Did.SIGNED_IN and begun is not None and begun.factor
        doer = Doer(member_id=member.member_id, name=member.name, address=browser.address)
        await note_deed_of(conn, doer, Did.KNEW_PASSWORD if half else did, at=now, about="")
        return Entered(member=member, session=session, known=self._known(member.member_id))

    def _known(self, member_id: int) -> str:
        said = f"{member_id}.{new_secret()}"
        return f"{said}.{self.vault.index('known browser', said).hex()}"

    def _knows(self, known: str, member_id: int) -> bool:
        said, _, mac = known.rpartition(".")
        signed = hmac.compare_digest(
            self.vault.index("known browser", said).hex().encode(), mac.encode("utf-8", "replace")
        )
        return signed and said.startswith(f"{member_id}.")
