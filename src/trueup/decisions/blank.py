"""What a rule asks for where the command holds something personal: a blank, filled in when ordered.

Facts and proposals are kept for as long as the brand likes, so nothing in them tells who a person
is. A blank names a record or a person by ref; who that is, is found in the transaction that orders.
"""

from datetime import datetime
from typing import Any, ClassVar

import msgspec
import psycopg

from trueup.canon.command import CommandContent
from trueup.decisions.contact.desk import Desk
from trueup.decisions.contact.permit import Withdraw
from trueup.hub import Hub


class Filling(msgspec.Struct, frozen=True, kw_only=True):
    """What a blank is filled in with.

    Attributes:
        conn: in the transaction that orders it.
        hub: with the connections as they are now.
        desk: how the team and customers are written to.
        connection_id: at which vendor, where the rule said so.
        now: of the order.
    """

    conn: psycopg.AsyncConnection[Any]
    hub: Hub
    desk: Desk
    connection_id: int | None
    now: datetime


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """A command with everything in it.

    Attributes:
        person: whose record told what is personal in it, and only theirs; it goes dark with them.
    """

    content: CommandContent
    connection_id: int
    person: bytes | None = None


class Blank(msgspec.Struct, frozen=True, kw_only=True):
    """A command with what is personal left open; each kind has its own file under `blanks/`.

    Attributes:
        command: its name, as a rule lists it among its kinds.
        is_told_of: a notice of the same decision waits until it was done.
    """

    command: ClassVar[str] = ""
    is_told_of: ClassVar[bool] = True

    async def fill(self, at: Filling) -> Filled | Withdraw:
        """Return the command; or why there is none, and how long it rests."""
        raise NotImplementedError
