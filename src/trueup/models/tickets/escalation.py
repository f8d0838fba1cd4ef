"""How soon a ticket wants a person: points with their reasons, highest first. Pure.

Points are given and not learned, so that whoever runs the desk can say why one ticket came before
another, and change it. The sum is at most 100.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

import msgspec

from trueup.kernel.money import Money
from trueup.models.tickets.cause import Cause
from trueup.models.tickets.matters import Matter

POINTS_FROM: Final = 50
"""From so many points on a ticket is escalated."""

_BREACHED, _NEARLY, _HALF = 40, 25, 10
_DEAR, _WORTH = 25, 12
_AGAIN, _AGAIN_MAX = 8, 16

_OF_CAUSE: Final[Mapping[Cause, int]] = {
    Cause.DELIVERED_NOT_RECEIVED: 19,
    Cause.LOST: 19,
    Cause.REFUND_OPEN: 15,
    Cause.WRONG_SKU: 15,
    Cause.CAME_DAMAGED: 15,
    Cause.SILENT: 12,
    Cause.NO_SCAN: 12,
    Cause.SENT_SHORT: 12,
    Cause.MAY_CHANGE: 12,  # soon it can not be changed any more
    Cause.RETURNING: 10,
    Cause.HELD: 10,
    Cause.LATE: 8,
}
_OF_MATTER: Final[Mapping[Matter, int]] = {
    Matter.NOT_RECEIVED: 12,
    Matter.DAMAGED: 10,
    Matter.WRONG_ITEM: 10,
    Matter.REFUND: 8,
    Matter.CANCEL: 8,
    Matter.CHANGE_ADDRESS: 8,
}


class TicketFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a ticket.

    Attributes:
        waiting_since: of the customer's message that nobody answered; None where it is answered.
        sla: how soon an answer was promised.
        value: of the order that it is about; None where none is known.
        dear: from this value on an order is dear, in its currency; None where nobody said.
        contacts: tickets of the same customer in the last 14 days, this one among them.
    """

    matter: Matter
    cause: Cause
    waiting_since: datetime | None
    sla: timedelta
    value: Money | None = None
    dear: Money | None = None
    contacts: int = 1


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a ticket has some of its points."""

    points: int
    why: str


class Escalation(msgspec.Struct, frozen=True, kw_only=True):
    """How soon a ticket wants a person, of 100.

    Attributes:
        reasons: their points are the whole.
    """

    points: int
    reasons: tuple[Reason, ...]

    @property
    def wanted(self) -> bool:
        """Whether it is to be escalated."""
        return self.points >= POINTS_FROM


def escalation_of(facts: TicketFacts, now: datetime) -> Escalation:
    """Return how soon a ticket wants a person, with each reason, the weightiest first."""
    reasons = [
        each
        for each in (_of_age(facts, now), _of_value(facts), _of_kind(facts), _of_contacts(facts))
        if each is not None
    ]
    reasons.sort(key=lambda each: -each.points)
    return Escalation(points=sum(each.points for each in reasons), reasons=tuple(reasons))


def _of_age(facts: TicketFacts, now: datetime) -> Reason | None:
    if facts.waiting_since is None:
        return None
    waited = now - facts.waiting_since
    hours, promised = int(waited / timedelta(hours=1)), int(facts.sla / timedelta(hours=1))
    why = f"It has waited for {hours} hours; an answer is promised within {promised}."
    for share, points in ((1.0, _BREACHED), (0.75, _NEARLY), (0.5, _HALF)):
        if waited >= facts.sla * share:
            return Reason(points=points, why=why)
    return None


def _of_value(facts: TicketFacts) -> Reason | None:
    value, dear = facts.value, facts.dear
    if value is None or dear is None or value.currency != dear.currency:
        return None
    if value.amount >= dear.amount:
        return Reason(points=_DEAR, why=f"The order is worth {value}, and {dear} is dear.")
    if value.amount * 2 >= dear.amount:
        return Reason(points=_WORTH, why=f"The order is worth {value}, over half of {dear}.")
    return None


def _of_kind(facts: TicketFacts) -> Reason | None:
    by_cause = _OF_CAUSE.get(facts.cause, 0)
    by_matter = _OF_MATTER.get(facts.matter, 0)
    if not by_cause and not by_matter:
        return None
    if by_cause >= by_matter:
        return Reason(points=by_cause, why=f"What is known of it: {facts.cause.value}.")
    return Reason(points=by_matter, why=f"What is asked: {facts.matter.value}.")


def _of_contacts(facts: TicketFacts) -> Reason | None:
    if facts.contacts <= 1:
        return None
    points = min(_AGAIN_MAX, _AGAIN * (facts.contacts - 1))
    return Reason(points=points, why=f"The customer wrote {facts.contacts} times in 14 days.")
