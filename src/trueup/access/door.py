"""The door: how somebody comes in by a name and a password, or by a link."""

import hmac
from typing import Any, Final

import msgspec
import psycopg

from trueup.access.guess import count_guess, forgive_guess, subjects_of
from trueup.access.invite import Purpose, make_invite, take_invite
from trueup.access.member import (
    Member,
    add_member,
    find_member,
    fold_name,
    has_members,
    keep_password,
    tidy_name,
)
from trueup.access.password import Passwords, judge_password
from trueup.access.rights import Role
from trueup.access.secret import new_secret
from trueup.access.session import Browser, Limits, begin_session, end_old_sessions, end_session
from trueup.access.trail import Did, note
from trueup.access.visitor import Visitor
from trueup.errors import LinkSpent, WrongCredentials
from trueup.govern.vault import Vault
from trueup.kernel.clock import Clock, SystemClock

Conn = psycopg.AsyncConnection[Any]

_ON_THIS_MACHINE: Final = "the command line"


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
    """

    def __init__(
        self,
        vault: Vault,
        *,
        limits: Limits | None = None,
        passwords: Passwords | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.vault = vault
        self.limits = limits or Limits()
        self.passwords = passwords or Passwords()
        self.clock = clock or SystemClock()

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
            return await self._enter(conn, member, browser, Did.SIGNED_IN)

    async def first_link(self, conn: Conn) -> str | None:
        """Return the secret of a link that makes the first owner; None once there is somebody."""
        if await has_members(conn):
            return None
        return await make_invite(
            conn,
            Purpose.FIRST,
            role=Role.OWNER,
            made_by=_ON_THIS_MACHINE,
            now=self.clock.now(),
            lasts=self.limits.link,
        )

    async def enter_first(
        self, conn: Conn, secret: str, name: str, password: str, browser: Browser
    ) -> Entered:
        """Make the first owner, and begin their session.

        Raises:
            LinkSpent: the link is not good any more, or somebody is there already.
            ConfigError: the name or the password can not be taken; the link stays good.
        """
        tidy = tidy_name(name)
        judge_password(password, name=tidy)
        hashed = await self.passwords.hash(password)
        now = self.clock.now()
        async with conn.transaction():
            invite = await take_invite(conn, secret, now)
            if invite.purpose is not Purpose.FIRST or await has_members(conn):
                raise LinkSpent
            member = await add_member(conn, name=tidy, role=Role.OWNER, password=hashed, now=now)
            return await self._enter(conn, member, browser, Did.BECAME_OWNER)

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

    async def _enter(self, conn: Conn, member: Member, browser: Browser, did: Did) -> Entered:
        now = self.clock.now()
        await end_old_sessions(conn, now, self.limits)
        session = await begin_session(conn, member.member_id, browser, now)
        await note(
            conn,
            did,
            at=now,
            member_id=member.member_id,
            who=member.name,
            address=browser.address,
        )
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
