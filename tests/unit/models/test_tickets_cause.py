"""The cause of a ticket: what is asked, joined to what the records of its order prove."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from trueup.canon.parcel import Parcel, ParcelStatus, Scan
from trueup.canon.refund import Refund
from trueup.canon.returns import Return, ReturnLine, ReturnState
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentState
from trueup.models.tickets.cause import Cause, OrderFacts, cause_of, order_facts
from trueup.models.tickets.matters import Matter

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
DAY = timedelta(days=1)
PLACED = NOW - 10 * DAY
SENT = NOW - 8 * DAY


def moving(**more: Any) -> OrderFacts:
    facts = {"placed_at": PLACED, "sent_at": SENT, "carried": ParcelStatus.IN_TRANSIT}
    return OrderFacts(**(facts | {"said_at": NOW - 36 * DAY / 24} | more))


def delivered(**more: Any) -> OrderFacts:
    return moving(carried=ParcelStatus.DELIVERED, delivered_at=NOW - DAY, **more)


WHERE, REFUND, BACK = Matter.WHERE_IS_ORDER, Matter.REFUND, Matter.RETURN
WRONG = {"ordered": {"A": 2, "B": 1}}


@pytest.mark.parametrize(
    ("matter", "facts", "cause", "answered"),
    [
        (WHERE, OrderFacts(), Cause.NO_ORDER, False),
        (WHERE, OrderFacts(placed_at=PLACED), Cause.NOT_SENT, True),
        (WHERE, OrderFacts(placed_at=PLACED, unpaid=True), Cause.NOT_PAID, True),
        (WHERE, OrderFacts(placed_at=PLACED, cancelled_at=NOW), Cause.CANCELLED, True),
        (WHERE, OrderFacts(placed_at=PLACED, sent_at=SENT), Cause.NO_SCAN, False),
        (WHERE, moving(), Cause.ON_ITS_WAY, True),
        (WHERE, moving(expected_on=NOW.date()), Cause.ON_ITS_WAY, True),
        (WHERE, moving(expected_on=NOW.date() - DAY), Cause.LATE, True),
        (WHERE, moving(carried=ParcelStatus.LOST), Cause.LOST, False),
        (WHERE, moving(carried=ParcelStatus.HELD), Cause.HELD, False),
        (WHERE, moving(carried=ParcelStatus.RETURNING), Cause.RETURNING, False),
        (WHERE, moving(carried=ParcelStatus.ATTEMPT_FAILED), Cause.ATTEMPT_FAILED, True),
        (WHERE, delivered(), Cause.DELIVERED, True),
        (Matter.NOT_RECEIVED, delivered(), Cause.DELIVERED_NOT_RECEIVED, False),
        (Matter.NOT_RECEIVED, moving(), Cause.ON_ITS_WAY, True),
        (REFUND, delivered(), Cause.NO_FACTS, False),
        (REFUND, delivered(return_asked_at=NOW - DAY), Cause.RETURN_COMING, True),
        (REFUND, delivered(return_asked_at=NOW - DAY, return_here=True), Cause.REFUND_OPEN, False),
        (
            REFUND,
            delivered(return_asked_at=NOW - DAY, return_here=True, refunded_at=NOW),
            Cause.REFUNDED,
            True,
        ),
        # A refund of before the return was asked for is of something else.
        (
            REFUND,
            delivered(return_asked_at=NOW, return_here=True, refunded_at=NOW - DAY),
            Cause.REFUND_OPEN,
            False,
        ),
        (REFUND, OrderFacts(placed_at=PLACED, cancelled_at=NOW), Cause.REFUND_OPEN, False),
        (BACK, delivered(), Cause.DELIVERED, True),
        (BACK, delivered(return_asked_at=NOW), Cause.RETURN_COMING, True),
        (BACK, moving(), Cause.ON_ITS_WAY, True),
        (Matter.CANCEL, OrderFacts(placed_at=PLACED), Cause.MAY_CHANGE, False),
        (Matter.CANCEL, moving(), Cause.TOO_LATE, True),
        (Matter.CANCEL, moving(cancelled_at=NOW), Cause.CANCELLED, True),
        (Matter.CHANGE_ADDRESS, moving(), Cause.TOO_LATE, True),
        (Matter.WRONG_ITEM, delivered(**WRONG, sent={"A": 2, "C": 1}), Cause.WRONG_SKU, False),
        (Matter.WRONG_ITEM, delivered(**WRONG, sent={"A": 1, "B": 1}), Cause.SENT_SHORT, False),
        (Matter.WRONG_ITEM, delivered(**WRONG, sent={"A": 2, "B": 1}), Cause.NO_FACTS, False),
        (Matter.WRONG_ITEM, delivered(**WRONG), Cause.NO_FACTS, False),
        (Matter.DAMAGED, moving(carried=ParcelStatus.DAMAGED), Cause.CAME_DAMAGED, False),
        (Matter.DAMAGED, delivered(), Cause.NO_FACTS, False),
        (Matter.PRODUCT_QUESTION, delivered(), Cause.NO_FACTS, False),
        (Matter.OTHER, moving(), Cause.NO_FACTS, False),
    ],
)
def test_what_is_asked_and_what_is_known_say_why(
    matter: Matter, facts: OrderFacts, cause: Cause, *, answered: bool
) -> None:
    found = cause_of(matter, facts, NOW)
    assert (found.cause, found.answered) == (cause, answered)
    assert all(reason.endswith(".") for reason in found.reasons)
    assert found.reasons


def test_silence_on_a_risky_route_comes_before_the_promised_day() -> None:
    late = moving(expected_on=NOW.date() - DAY)
    found = cause_of(WHERE, late, NOW, stuck=0.7)
    assert found.cause is Cause.SILENT
    assert found.reasons == (
        "The carrier has said nothing for 36 hours.",
        "On this route it is stuck with a chance of 70%.",
    )
    assert cause_of(WHERE, late, NOW, stuck=0.3).cause is Cause.LATE


def parcel(ref: str, *scans: Scan, **more: Any) -> Parcel:
    last = scans[-1]
    return Parcel(ref=ref, updated_at=last.occurred_at, status=last.status, scans=scans, **more)


def scan(status: ParcelStatus, at: datetime) -> Scan:
    return Scan(status=status, code=status.value, occurred_at=at)


def test_the_records_of_an_order_say_it_together() -> None:
    """The parcel of which the carrier spoke last counts, and returns that are gone do not."""
    first = parcel("1", scan(ParcelStatus.DELIVERED, NOW - 3 * DAY), delivered_at=NOW - 3 * DAY)
    second = parcel("2", scan(ParcelStatus.IN_TRANSIT, NOW - DAY), expected_on=date(2026, 11, 25))
    line = ShipmentLine(line_ref="1", quantity=2, sku="A")
    sent = Shipment(
        ref="3", updated_at=NOW, state=ShipmentState.SHIPPED, lines=(line,), shipped_at=SENT
    )
    undone = Shipment(ref="4", updated_at=NOW, state=ShipmentState.CANCELLED, lines=(line,))
    asked = Return(
        ref="5",
        updated_at=NOW,
        state=ReturnState.OPEN,
        created_at=NOW - DAY,
        lines=(ReturnLine(line_ref="1", quantity=1, restocked=1),),
    )
    declined = Return(ref="6", updated_at=NOW, state=ReturnState.DECLINED, created_at=NOW)
    paid = Refund(ref="7", updated_at=NOW, created_at=NOW - 2 * DAY)
    gone = Refund(ref="8", updated_at=NOW, created_at=NOW, deleted=True)
    facts = order_facts((first, second, sent, undone, asked, declined, paid, gone))
    assert facts == OrderFacts(
        sent_at=SENT,
        carried=ParcelStatus.IN_TRANSIT,
        said_at=NOW - DAY,
        expected_on=date(2026, 11, 25),
        sent={"A": 2},
        return_asked_at=NOW - DAY,
        return_here=True,
        refunded_at=NOW - 2 * DAY,
    )
    assert order_facts(()) == OrderFacts()
