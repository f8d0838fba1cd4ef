"""The commands of decisions: what they are called, and how they are taken back."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import psycopg

from trueup.db.rows import Row
from trueup.decisions.contact.contacts import Ended, close_contacts, contacts_of_decisions
from trueup.decisions.contact.notice import Notice
from trueup.outbox.command import withdraw_commands

Conn = psycopg.AsyncConnection[Any]

NO_LONGER_ASKED: Final = "no_longer_asked"
STOPPED: Final = "stopped"


def ref_of(decision_id: int, action: int, time: int = 1) -> str:
    """Return the name of a decision's command; a notice that came back has a new one each time."""
    first = f"decision/{decision_id}/{action}"
    return first if time == 1 else f"{first}/{time}"


def action_of(ref: str) -> int:
    """Return which of its decision's actions a command is."""
    return int(ref.split("/")[2])


def is_notice(row: Row, ref: str) -> bool:
    """Tell whether a command of a decision is a message to a customer."""
    return bool(row["actions"][action_of(ref)]["kind"] == Notice.command)


async def refs_of(conn: Conn, rows: Sequence[Row]) -> Mapping[int, list[str]]:
    """Return the names of the commands of decisions, of each notice that of the last time."""
    found: dict[int, dict[int, str]] = defaultdict(dict)
    for row in rows:
        for n, action in enumerate(row["actions"]):
            if action["kind"] != Notice.command:
                found[row["decision_id"]][n] = ref_of(row["decision_id"], n)
    for contact in await contacts_of_decisions(conn, [row["decision_id"] for row in rows]):
        found[contact["decision_id"]][action_of(contact["ref"])] = contact["ref"]
    return {row["decision_id"]: list(found[row["decision_id"]].values()) for row in rows}


async def take_back(conn: Conn, refs: Sequence[str], code: str, now: datetime) -> bool:
    """Take the commands of a decision back; False where one of them has left.

    In the caller's transaction.
    """
    taken = await withdraw_commands(conn, refs, code, now=now)
    await close_contacts(conn, [Ended(ref, None, void=True) for ref in taken])
    return bool(taken)
