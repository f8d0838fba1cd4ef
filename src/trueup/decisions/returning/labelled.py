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
from trueup.decisions.reads import ordered_actions
from trueup.decisions.returning.agreed import REQUESTS
from trueup.decisions.returning.policy import Place, PolicySettings
from trueup.decisions.rule import Look
from trueup.hub import Hub
from trueup.outbox.command import find_commands
from trueup.outbox.model import CommandState

LABELS: Final = "return_label"
"""The rule's name; it goes by what it ordered itself."""

_KINDS: Final = (Postage.command, Sticker.command, VoidLabel.command)


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """How far the label of one return is.

    Attributes:
        order: whose it is, as a decision about it is called.
        times: how many labels were bought in all, with those that were taken back.
        bought_by: the command of the newest; None: it was taken back.
        attached: it was put on the return.
    """

    order: str
    times: int
    bought_by: str | None
    attached: bool = False


async def labels_of(look: Look, subjects: Collection[str]) -> dict[str, Labelled]:
    """Return how far the labels of some returns are, by what a decision about one is about."""
    rows = await ordered_actions(look.conn, LABELS, subjects, _KINDS) if subjects else []
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
    """Return how far a label is after one more thing that was ordered, if it was done."""
    if ref not in known or known[ref]["state"] != CommandState.DONE.value:
        return before  # it goes on being asked for until it was done
    if row["kind"] == Postage.command:
        times = 1 if before is None else before.times + 1
        return Labelled(order=row["content"]["order"], times=times, bought_by=ref)
    if before is None:
        return None
    if row["kind"] == Sticker.command:
        return msgspec.structs.replace(before, attached=True)
    return msgspec.structs.replace(before, bought_by=None)


def places_of(hub: Hub) -> tuple[Place, ...]:
    """Return where goods go: what the rule that agrees to returns is set to."""
    table: Any = hub.rule_tables.get(REQUESTS, {})
    where = {"places": table["places"]} if "places" in table else {}
    return read_section(PolicySettings, where, f"[decisions.{REQUESTS}]").places
