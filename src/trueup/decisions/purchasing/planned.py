"""What the rule `reorder` would order now, read for whoever only looks: nothing is kept or sent."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from trueup.canon.command import DraftPurchase
from trueup.decisions.rule import Look, Settings
from trueup.decisions.rules.reorder import RULE
from trueup.hub import Hub
from trueup.kernel.money import Money


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A line that would be ordered now.

    Attributes:
        cost: of one unit; None where nobody told.
        reason: of the whole order.
    """

    sku: str
    subject: str
    supplier: str
    units: int
    cost: Money | None
    reason: str


async def planned_lines(
    conn: psycopg.AsyncConnection[Any], hub: Hub, settings: Settings, now: datetime
) -> Mapping[str, Planned]:
    """Return what would be ordered, by SKU.

    Args:
        conn: in a transaction that only reads.
        hub: with the connections as they are now.
        settings: of the rule.
        now: of the look.
    """
    found: dict[str, Planned] = {}
    for facts in await RULE.read(Look(conn=conn, hub=hub, now=now), settings, None):
        proposal = RULE.propose(facts, settings)
        for action in () if proposal is None else proposal.actions:
            if not isinstance(action.content, DraftPurchase):
                continue
            for sku, units, cost in action.content.lines:
                found[sku] = Planned(
                    sku=sku,
                    subject=facts.subject,
                    supplier=facts.values.supplier,
                    units=units,
                    cost=cost,
                    reason="" if proposal is None else proposal.reason,
                )
    return found
