"""Which returns the rule `return_request` had agreed to or declined, and what it said of them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from trueup.canon.content import CommandContent
from trueup.canon.return_command import ApproveReturn, DeclineReturn, OpenReturn
from trueup.decisions.commands import ref_of
from trueup.decisions.reads import ordered_actions
from trueup.decisions.returning.seen import ReturnSeen
from trueup.decisions.rule import Look
from trueup.outbox.command import find_commands
from trueup.outbox.model import CommandState

REQUESTS: Final = "return_request"
"""The rule's name; the rules after it go by what it ordered."""

_KINDS: Final[Mapping[str, type[CommandContent]]] = {
    each.command: each for each in (OpenReturn, ApproveReturn, DeclineReturn)
}


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered to a customer who wants to send something back, and was done at the shop.

    Attributes:
        at: when it was ordered.
    """

    content: OpenReturn | ApproveReturn | DeclineReturn
    at: datetime

    @property
    def kept(self) -> bool:
        """Whether the customer keeps the goods."""
        return not isinstance(self.content, DeclineReturn) and self.content.kept

    @property
    def send_to(self) -> str | None:
        """Where the customer was told to send the goods; None: nowhere."""
        return None if isinstance(self.content, DeclineReturn) else self.content.send_to


async def answers_to(look: Look, returns: Iterable[ReturnSeen]) -> dict[tuple[int, str], Answered]:
    """Return what was answered about some returns, by connection and return.

    A return that was opened for a ticket is known by what its shop called it.
    """
    subjects = {each.order: each.connection_id for each in returns}
    if not subjects:
        return {}
    rows = await ordered_actions(look.conn, REQUESTS, subjects, _KINDS)
    refs = [ref_of(row["decision_id"], row["position"]) for row in rows]
    known = await find_commands(look.conn, refs) if refs else {}
    found = {}
    for row, ref in zip(rows, refs, strict=True):
        state = known.get(ref)
        if state is None or state["state"] != CommandState.DONE.value:
            continue
        content: Any = msgspec.convert(row["content"], _KINDS[row["kind"]], strict=False)
        named = state["vendor_ref"] if isinstance(content, OpenReturn) else content.return_ref
        if named is not None:
            found[subjects[row["subject"]], named] = Answered(content=content, at=row["ordered_at"])
    return found
