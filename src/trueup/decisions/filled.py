"""The commands of a decision besides its notices: as its rule wrote them, or filled in just now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
import psycopg

from trueup.canon.command import decode_content
from trueup.db.rows import Row
from trueup.decisions.blank import Filled, Filling
from trueup.decisions.blanks import find_blanks
from trueup.decisions.commands import ref_of
from trueup.decisions.contact.desk import Desk
from trueup.decisions.contact.notice import Notice
from trueup.decisions.contact.permit import Withdraw
from trueup.hub import Hub
from trueup.outbox.command import find_commands
from trueup.outbox.enqueue import want_commands
from trueup.outbox.model import CommandState, WantedCommand

Conn = psycopg.AsyncConnection[Any]

_FORGOTTEN: Final = "whom it is about was forgotten meanwhile"


class Ordered(NamedTuple):
    """Whether any command of a decision stands now, and why others do not."""

    stands: bool
    unsent: list[Withdraw]


async def order_commands(conn: Conn, hub: Hub, desk: Desk, row: Row, now: datetime) -> Ordered:
    """Order a decision's commands, in the caller's transaction that holds the decision.

    What was ordered before stays as it is: a blank is filled in once.
    """
    number = row["decision_id"]
    refs = {
        n: ref_of(number, n)
        for n, action in enumerate(row["actions"])
        if action["kind"] != Notice.command
    }
    known = await find_commands(conn, list(refs.values())) if refs else {}
    standing = {ref for ref, each in known.items() if each["state"] != CommandState.WITHDRAWN.value}
    wanted, unsent = [], []
    for n, ref in refs.items():
        if ref in standing:
            continue
        action = row["actions"][n]
        said = await _said(conn, hub, desk, action, now)
        if isinstance(said, Withdraw):
            unsent.append(said)
            continue
        wanted.append(
            WantedCommand(
                connection_id=said.connection_id,
                kind=said.content.command,
                key=action["key"],
                ref=ref,
                content=said.content,
                wanted_at=now,
                person=said.person,
            )
        )
    noted = await want_commands(conn, hub.vault, wanted)
    unsent += [Withdraw(because=_FORGOTTEN) for each in wanted if each.ref not in noted]
    return Ordered(bool(standing or noted), unsent)


async def _said(
    conn: Conn, hub: Hub, desk: Desk, action: Mapping[str, Any], now: datetime
) -> Filled | Withdraw:
    """Return the command of an action, with what its blank left open."""
    blank = find_blanks().get(action["kind"])
    if blank is None:
        content = decode_content(action["kind"], msgspec.json.encode(action["content"]))
        return Filled(content=content, connection_id=action["connection_id"])
    filling = Filling(conn=conn, hub=hub, desk=desk, connection_id=action["connection_id"], now=now)
    return await msgspec.convert(action["content"], blank, strict=False).fill(filling)
