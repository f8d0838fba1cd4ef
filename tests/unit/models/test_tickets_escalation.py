"""How soon a ticket wants a person: points that say why, and the late dear ones come first."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from trueup.kernel.money import Money
from trueup.models.tickets.cause import Cause
from trueup.models.tickets.escalation import TicketFacts, escalation_of
from trueup.models.tickets.matters import Matter

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SLA = timedelta(hours=24)
DEAR = Money(Decimal(200), "EUR")


def facts(waited_h: float | None, **more: Any) -> TicketFacts:
    plain: dict[str, Any] = {"matter": Matter.OTHER, "cause": Cause.NO_FACTS, "dear": DEAR}
    waiting = None if waited_h is None else NOW - timedelta(hours=waited_h)
    return TicketFacts(**(plain | {"waiting_since": waiting, "sla": SLA} | more))


@pytest.mark.parametrize(
    ("waited_h", "points"), [(None, 0), (1, 0), (12, 10), (18, 25), (23.9, 25), (24, 40), (99, 40)]
)
def test_the_longer_it_waits_beside_what_was_promised(waited_h: float | None, points: int) -> None:
    assert escalation_of(facts(waited_h), NOW).points == points


@pytest.mark.parametrize(
    ("value", "points"),
    [
        (Money(Decimal("99.99"), "EUR"), 0),
        (Money(Decimal(100), "EUR"), 12),
        (Money(Decimal(200), "EUR"), 25),
        (Money(Decimal(999), "USD"), 0),  # nobody said what is dear in it
        (None, 0),
    ],
)
def test_what_the_order_is_worth(value: Money | None, points: int) -> None:
    assert escalation_of(facts(None, value=value), NOW).points == points
    assert escalation_of(facts(None, value=value, dear=None), NOW).points == 0


def test_the_cause_or_the_question_and_how_often_it_was_asked() -> None:
    lost = escalation_of(facts(None, cause=Cause.LOST, matter=Matter.REFUND, contacts=2), NOW)
    assert [each.points for each in lost.reasons] == [19, 8]
    asked = escalation_of(facts(None, matter=Matter.DAMAGED, contacts=9), NOW)
    assert [each.points for each in asked.reasons] == [16, 10]
    assert asked.reasons[0].why == "The customer wrote 9 times in 14 days."


def test_the_reasons_are_the_whole_and_a_hundred_is_the_most() -> None:
    worst = facts(99, value=DEAR, cause=Cause.LOST, matter=Matter.NOT_RECEIVED, contacts=20)
    found = escalation_of(worst, NOW)
    assert found.points == sum(each.points for each in found.reasons) == 100
    assert found.wanted
    assert [each.points for each in found.reasons] == [40, 25, 19, 16]


def test_nearly_all_late_dear_tickets_are_found_in_a_fifth_of_all() -> None:
    """A seeded desk of 5,000 tickets: most are answered in time, one in nine is late."""
    desk = random.Random(41)
    causes = [*[Cause.NO_FACTS] * 4, *[Cause.ON_ITS_WAY] * 4, Cause.LATE, Cause.REFUND_OPEN]
    tickets = [
        facts(
            desk.expovariate(1 / 11),
            value=Money(Decimal(desk.randint(10, 300)), "EUR"),
            cause=desk.choice(causes),
            matter=desk.choice(list(Matter)),
            contacts=desk.choice([1, 1, 1, 1, 2, 3]),
        )
        for _ in range(5000)
    ]
    wanted = [escalation_of(each, NOW).wanted for each in tickets]
    urgent = [
        each.value is not None
        and each.waiting_since is not None
        and each.value.amount >= DEAR.amount
        and NOW - each.waiting_since >= SLA
        for each in tickets
    ]
    found = sum(w for w, u in zip(wanted, urgent, strict=True) if u)
    assert sum(urgent) > 100
    assert found >= 0.95 * sum(urgent)
    assert sum(wanted) <= 0.2 * len(tickets)
