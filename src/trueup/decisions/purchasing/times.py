"""Which time of a supplier it is: of one there is one order, whatever runs out meanwhile. Pure.

A SKU's **time** begins when there last came to be more of it. Once an order for it was agreed to,
turned down or left unanswered, it is drafted no more until its next time. What is still to be
answered is taken back where something else needs an order by now, and proposed anew with it; what
was agreed to stays as it is, and what else is needed is another order.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from trueup.decisions.model import State

_OPEN: Final = frozenset((State.SHADOW, State.PROPOSED))
_AGREED: Final = frozenset((State.APPROVED, State.ORDERED))

Time = tuple[str, str]
"""A SKU, and since when there is no more of it."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What was said about a supplier before.

    Attributes:
        lines: what was ordered, or would have been: SKUs of which time.
        alone: it was of a single SKU, as all once were: it stands no more, and its time is over.
    """

    episode: str
    state: State
    lines: frozenset[Time]
    alone: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it still has to be answered."""
        return self.state in _OPEN and not self.alone


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """SKUs of a supplier that are told together.

    Attributes:
        episode: its name; None: it is to be named by what needs an order now.
        skus: those that may be ordered.
    """

    episode: str | None
    skus: frozenset[str]


def said_of(row: Mapping[str, Any]) -> Said:
    """Return a decision as it is kept."""
    ordered = {line[0] for action in row["actions"] for line in action["content"]["lines"]}
    alone = row["subject"].startswith("sku/")
    pairs = zip(row["skus"], row["sinces"], strict=True)
    times = ((sku, row["episode"]) for sku in ordered) if alone else pairs
    return Said(
        episode=row["episode"],
        state=State(row["state"]),
        lines=frozenset((sku, since) for sku, since in times if sku in ordered),
        alone=alone,
    )


def batches_of(times: Iterable[Time], said: Sequence[Said]) -> list[Batch]:
    """Return what is told about a supplier: what was agreed to and has not come, and the rest."""
    now = frozenset(times)
    closed = frozenset(line for each in said if not each.is_open for line in each.lines)
    agreed = [
        Batch(episode=each.episode, skus=_skus(each.lines & now))
        for each in said
        if each.state in _AGREED and not each.alone and each.lines & now
    ]
    rest = now - closed
    return [*agreed, Batch(episode=None, skus=_skus(rest))] if rest else agreed


def episode_of(urgent: Iterable[Time], said: Sequence[Said]) -> str:
    """Name the time of what needs an order now: as it was named, where it is in that order."""
    needs = frozenset(urgent)
    for each in reversed(said):
        if each.is_open and needs <= each.lines:
            return each.episode
    digest = hashlib.sha256()
    for sku, since in sorted(needs):
        digest.update(f"{len(sku)}:{sku}{since};".encode())
    return digest.hexdigest()[:16]


def money_of(actions: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """Return what the lines of some drafts cost, by currency, as far as somebody told."""
    spent: dict[str, Decimal] = {}
    for action in actions:
        for _, units, cost in action["content"]["lines"]:
            if cost is not None:
                paid = Decimal(cost["amount"]) * units
                spent[cost["currency"]] = spent.get(cost["currency"], Decimal(0)) + paid
    return spent


def _skus(times: Iterable[Time]) -> frozenset[str]:
    return frozenset(sku for sku, _ in times)
