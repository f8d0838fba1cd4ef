"""Which returns the rule `return_label` had labels bought for, and what became of these."""

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from trueup.canon.command import VoidLabel
from trueup.config import read_section
from trueup.db.rows import Row
from trueup.decisions.blanks.postage import Postage
from trueup.decisions.blanks.sticker import Sticker
from trueup.decisions.commands import ref_of
from trueup.decisions.model import State
from trueup.decisions.reads import STANDS, ordered_actions
from trueup.decisions.returning.agreed import REQUESTS
from trueup.decisions.returning.policy import Place, PolicySettings
from trueup.decisions.rule import Look
from trueup.hub import Hub
from trueup.outbox.command import find_commands
from trueup.outbox.model import CommandState

LABELS: Final = "return_label"
"""The rule's name; it goes by what it ordered itself."""

_STATES: Final = (*STANDS, State.FAILED)
_UNSOLD: Final = frozenset((CommandState.REFUSED.value, CommandState.DEAD.value))
_KINDS: Final = (Postage.command, Sticker.command, VoidLabel.command)


class Unsold(msgspec.Struct, frozen=True, kw_only=True):
    """A label that was asked for and not sold.

    Attributes:
        ref: of the command; `code` says why it was not, in the seller's words.
        wish: what was asked for.
    """

    ref: str
    code: str
    wish: Postage


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """How far the label of one return is.

    Attributes:
        order: whose it is, as a decision about it is called.
        times: how many labels were bought in all, with those that were taken back.
        bought_by: the command of the newest; None: it was taken back.
        attached: it was put on the return.
        unsold: the newest that was asked for, where it was not sold; of the next one, `refusals`
            were not.
    """

    order: str
    times: int
    bought_by: str | None
    attached: bool = False
    unsold: Unsold | None = None
    refusals: int = 0


async def labels_of(look: Look, subjects: Collection[str]) -> dict[str, Labelled]:
    """Return how far the labels of some returns are, by what a decision about one is about."""
    if not subjects:
        return {}
    rows = await ordered_actions(look.conn, LABELS, subjects, _KINDS, states=_STATES)
    refs = [ref_of(row["decision_id"], row["position"]) for row in rows]
    known = await find_commands(look.conn, refs) if refs else {}
    found: dict[str, Labelled] = {}
    for row, ref in zip(rows, refs, strict=True):
        now = _after(found.get(row["subject"]), row, ref, known)
        if now is not None:
            found[row["subject"]] = now
    return found


def _after(
    before: Labelled | None, row: Row, ref: str, known: Mapping[str, Row]
) -> Labelled | None:
    """Return how far a label is after one more thing was ordered, if that was done or refused."""
    command = known.get(ref)
    done = command is not None and command["state"] == CommandState.DONE.value
    if row["kind"] == Postage.command:
        return _asked_for(before, row, command)
    if before is None or not done:
        return before  # it goes on being asked for until it was done
    if row["kind"] == Sticker.command:
        return msgspec.structs.replace(before, attached=True)
    return msgspec.structs.replace(before, bought_by=None)


def _asked_for(before: Labelled | None, row: Row, command: Row | None) -> Labelled | None:
    """Return how far a label is after one was asked for."""
    if command is None:
        return before
    wish: Postage = msgspec.convert(row["content"], Postage, strict=False)
    known = before or Labelled(order=wish.order, times=0, bought_by=None)
    if command["state"] == CommandState.DONE.value:
        return Labelled(order=wish.order, times=known.times + 1, bought_by=command["ref"])
    if command["state"] in _UNSOLD:
        unsold = Unsold(ref=command["ref"], code=command["code"] or "refused", wish=wish)
        return msgspec.structs.replace(known, unsold=unsold, refusals=known.refusals + 1)
    return before if before is None else msgspec.structs.replace(before, unsold=None)


def places_of(hub: Hub) -> tuple[Place, ...]:
    """Return where goods go: what the rule that agrees to returns is set to."""
    table: Any = hub.rule_tables.get(REQUESTS, {})
    where = {"places": table["places"]} if "places" in table else {}
    return read_section(PolicySettings, where, f"[decisions.{REQUESTS}]").places
