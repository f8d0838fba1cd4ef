"""The last look at a command before it leaves: whether it may still be sent.

Between the order and the call a command may have waited, for a vendor, a budget or a process that
died. What was right when it was ordered need not be any more.
"""

from datetime import datetime
from typing import Any, Final

import psycopg

from trueup.canon.command import ReplyToTicket, SendMessage
from trueup.canon.ticket import UNSOLVED
from trueup.govern.vault import Vault
from trueup.outbox.model import ClaimedCommand
from trueup.records.asked import is_answerable
from trueup.records.people import Keys
from trueup.records.will import read_will, why_not

TOO_LATE: Final = "too_late"
OPTED_OUT: Final = "opted_out"
TICKET_CLOSED: Final = "ticket_closed"
"""The ticket that it answers was closed meanwhile: they are written to by another medium."""


async def why_withheld(
    conn: psycopg.AsyncConnection[Any],
    vault: Vault,
    keys: Keys,
    claimed: ClaimedCommand,
    medium: str | None,
    now: datetime,
) -> str | None:
    """Return the code that says why a command may not leave now; None where it may.

    Args:
        conn: any session.
        vault: finds by an address what its owner said.
        keys: which names join people, as the brand declares it.
        claimed: with its content open.
        medium: over which its connection reaches customers.
        now: when it would leave.
    """
    if claimed.not_after is not None and now >= claimed.not_after:
        return TOO_LATE
    content = claimed.command.content if claimed.command is not None else None
    if not isinstance(content, SendMessage | ReplyToTicket) or content.purpose is None:
        return None
    over, address, ticket = _ways_of(content, medium)
    if over is None:
        return None
    if ticket is not None and not await is_answerable(
        conn, claimed.connection_id, ticket, UNSOLVED
    ):
        return TICKET_CLOSED
    persons = [] if claimed.person is None else [claimed.person]
    will = await read_will(conn, vault, persons=persons, address=address, keys=keys)
    return OPTED_OUT if why_not(will, over, content.purpose) is not None else None


def _ways_of(
    content: SendMessage | ReplyToTicket, medium: str | None
) -> tuple[str | None, str | None, str | None]:
    """Return by which medium a message reaches them, at which address, and in which ticket."""
    if isinstance(content, ReplyToTicket):
        return content.over, None, content.ticket_ref
    return content.over or medium, content.to, content.reply_to_ref if content.over else None
