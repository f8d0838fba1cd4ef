"""Who asks: somebody of the team in a browser, or a program with a token."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from trueup.access.manner import Manner
from trueup.access.rights import ASKED_AGAIN, Role, may


class Owes(StrEnum):
    """What somebody has to show before they may do anything else."""

    NOTHING = ""
    CODE = "code"
    FACTOR = "factor"


_WHILE_OWING = {
    Owes.CODE: frozenset({"own.enter"}),
    Owes.FACTOR: frozenset({"own.enter", "own.secure"}),
}
"""What may be done meanwhile: showing it, and going away."""


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what they may do now.

    Attributes:
        member_id: of whoever it is; None: a program of nobody's.
        name: kept beside what is done.
        role: of the member, as it is now.
        manner: how they read.
        session_id: of the browser's session; None: a program.
        confirmed_at: when the member last showed who they are; None: a program.
        factor: whether the member has a second factor.
        passed: whether they showed it in this session.
        owes: what they have to show first.
        scopes: what the token may have of the role's rights; None: a session, which has them all.
    """

    member_id: int | None
    name: str
    role: Role
    manner: Manner = Manner()
    session_id: int | None = None
    confirmed_at: datetime | None = None
    factor: bool = False
    passed: bool = False
    owes: Owes = Owes.NOTHING
    scopes: frozenset[str] | None = None

    def holds(self, right: str) -> bool:
        """Say whether a right is theirs, whatever they owe before it."""
        return may(self.role, right) and (self.scopes is None or right in self.scopes)

    def may(self, right: str) -> bool:
        """Say whether they have a right, and owe nothing before it."""
        return self.holds(right) and not self.must_show(right)

    def must_show(self, right: str) -> bool:
        """Say whether the second factor comes first."""
        return self.owes is not Owes.NOTHING and right not in _WHILE_OWING[self.owes]

    def must_confirm(self, right: str, now: datetime, within: timedelta) -> bool:
        """Say whether the password is asked for again before this is done."""
        return (
            right in ASKED_AGAIN
            and self.confirmed_at is not None
            and now - self.confirmed_at > within
        )


def owed_by(visitor: Visitor, factor_roles: frozenset[Role]) -> Owes:
    """Return what a visitor in a session has to show first.

    Args:
        visitor: in a session.
        factor_roles: whose members have to have a second factor.
    """
    if visitor.factor:
        return Owes.NOTHING if visitor.passed else Owes.CODE
    return Owes.FACTOR if visitor.role in factor_roles else Owes.NOTHING
