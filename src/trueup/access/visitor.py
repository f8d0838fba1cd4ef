"""Who asks: somebody of the team in a browser, or a program with a token."""

from datetime import datetime, timedelta

import msgspec

from trueup.access.manner import Manner
from trueup.access.rights import ASKED_AGAIN, Role, may


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what they may do now.

    Attributes:
        member_id: of whoever it is; None: a program of nobody's.
        name: kept beside what is done.
        role: of the member, as it is now.
        manner: how they read.
        session_id: of the browser's session; None: a program.
        confirmed_at: when the member last showed who they are; None: a program.
    """

    member_id: int | None
    name: str
    role: Role
    manner: Manner = Manner()
    session_id: int | None = None
    confirmed_at: datetime | None = None

    def may(self, right: str) -> bool:
        """Say whether they have a right."""
        return may(self.role, right)

    def must_confirm(self, right: str, now: datetime, within: timedelta) -> bool:
        """Say whether the password is asked for again before this is done."""
        return (
            right in ASKED_AGAIN
            and self.confirmed_at is not None
            and now - self.confirmed_at > within
        )
