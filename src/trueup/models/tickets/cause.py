"""Why a ticket came: what it is about, joined to what is known of its order. Pure.

No text is read here. The matter says which question was asked, the records answer it; so the same
matter and the same records give the same cause, whatever else a customer wrote.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from trueup.canon.order import Order, PaymentStatus
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.canon.record import Record
from trueup.canon.refund import Refund
from trueup.canon.returns import Return, ReturnState
from trueup.canon.shipment import Shipment, ShipmentState
from trueup.models.tickets.matters import Matter


class Cause(StrEnum):
    """Why a customer writes, as far as records prove it."""

    NO_ORDER = "no_order"  # nothing is known that it could be about
    NOT_PAID = "not_paid"
    CANCELLED = "cancelled"
    NOT_SENT = "not_sent"
    NO_SCAN = "no_scan"  # sent, and the carrier has never seen it
    SILENT = "silent"  # the carrier has said nothing for longer than is usual
    LATE = "late"  # it moves, and the promised day is over
    ON_ITS_WAY = "on_its_way"  # and not late
    ATTEMPT_FAILED = "attempt_failed"
    AWAITING_COLLECTION = "awaiting_collection"
    HELD = "held"
    RETURNING = "returning"  # on its way back to the sender
    LOST = "lost"
    CAME_DAMAGED = "came_damaged"  # the carrier says so itself
    DELIVERED = "delivered"
    DELIVERED_NOT_RECEIVED = "delivered_not_received"  # the scan says so, the customer not
    WRONG_SKU = "wrong_sku"  # another SKU left than was ordered
    SENT_SHORT = "sent_short"  # fewer units left than were ordered
    RETURN_COMING = "return_coming"  # asked for, not here yet
    REFUND_OPEN = "refund_open"  # the return is here, the money has not gone back
    REFUNDED = "refunded"
    MAY_CHANGE = "may_change"  # nothing has left: it can be changed or stopped
    TOO_LATE = "too_late"  # it has left
    NO_FACTS = "no_facts"  # no record can answer such a question


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The cause of a ticket.

    Attributes:
        reasons: what shows it, each a sentence of records alone.
        answered: the records answer the question; else a person has to look.
    """

    cause: Cause
    reasons: tuple[str, ...]
    answered: bool = False


class OrderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the order that a ticket is about, by the records of every system.

    Attributes:
        unpaid: nothing of it was paid yet.
        carried: the newest word of the carrier; None where it never said anything.
        said_at: when it said so.
        expected_on: the day that the carrier promised last.
        ordered, sent: units by SKU; `sent` is None where no shipment tells its lines.
        return_asked_at, return_here: of the newest return.
        refunded_at: of the newest refund.
    """

    placed_at: datetime | None = None
    unpaid: bool = False
    cancelled_at: datetime | None = None
    sent_at: datetime | None = None
    carried: ParcelStatus | None = None
    said_at: datetime | None = None
    expected_on: date | None = None
    delivered_at: datetime | None = None
    ordered: dict[str, int] = {}
    sent: dict[str, int] | None = None
    return_asked_at: datetime | None = None
    return_here: bool = False
    refunded_at: datetime | None = None


_RETURN_GONE: Final = frozenset((ReturnState.DECLINED, ReturnState.CANCELLED))


def order_facts(records: Sequence[Record]) -> OrderFacts:
    """Return what records of one order say together; the newest order of several counts."""
    there = [record for record in records if not record.deleted]
    orders = [each for each in there if isinstance(each, Order)]
    order = max(orders, key=lambda each: each.placed_at, default=None)
    parcels = [each for each in there if isinstance(each, Parcel)]
    parcel = max(parcels, key=_said_at, default=None)
    shipments = [
        each for each in there if isinstance(each, Shipment) and each.state is ShipmentState.SHIPPED
    ]
    returns = [
        each for each in there if isinstance(each, Return) and each.state not in _RETURN_GONE
    ]
    back = max(returns, key=lambda each: each.created_at or each.updated_at, default=None)
    refunds = [each.created_at or each.updated_at for each in there if isinstance(each, Refund)]
    left = [each.shipped_at or each.created_at or each.updated_at for each in shipments]
    left += [each.shipped_at for each in parcels if each.shipped_at is not None]
    return OrderFacts(
        placed_at=None if order is None else order.placed_at,
        unpaid=order is not None and order.payment_status is PaymentStatus.PENDING,
        cancelled_at=None if order is None else order.cancelled_at,
        sent_at=min(left, default=None),
        carried=None if parcel is None else parcel.status,
        said_at=None if parcel is None or not parcel.scans else parcel.scans[-1].occurred_at,
        expected_on=None if parcel is None else parcel.expected_on,
        delivered_at=None if parcel is None else parcel.delivered_at,
        ordered={} if order is None else _ordered(order),
        sent=_sent(shipments),
        return_asked_at=None if back is None else back.created_at or back.updated_at,
        return_here=back is not None
        and any(line.restocked or line.quarantined for line in back.lines),
        refunded_at=max(refunds, default=None),
    )


def _said_at(parcel: Parcel) -> datetime:
    return parcel.scans[-1].occurred_at if parcel.scans else parcel.updated_at


def _ordered(order: Order) -> dict[str, int]:
    units: dict[str, int] = {}
    for line in order.lines:
        wanted = line.quantity if line.quantity_current is None else line.quantity_current
        if line.sku and line.requires_shipping and wanted > 0:
            units[line.sku] = units.get(line.sku, 0) + wanted
    return units


def _sent(shipments: Sequence[Shipment]) -> dict[str, int] | None:
    lines = [line for each in shipments for line in each.lines]
    if not lines or any(line.sku is None for line in lines):
        return None
    units: dict[str, int] = {}
    for line in lines:
        units[str(line.sku)] = units.get(str(line.sku), 0) + line.quantity
    return units


SILENT_FROM: Final = 0.5
"""A parcel that is more likely stuck than not, counts as silent."""


def cause_of(
    matter: Matter, facts: OrderFacts, now: datetime, *, stuck: float | None = None
) -> Found:
    """Return why a customer asks, with what shows it.

    Args:
        matter: what is asked.
        facts: of the order that it is about.
        now: of the look.
        stuck: the chance that the parcel is stuck, by its route; None where nobody can say.
    """
    if facts.placed_at is None and facts.sent_at is None and facts.carried is None:
        return Found(cause=Cause.NO_ORDER, reasons=("No order is linked to it.",))
    answer = _ANSWERS.get(matter)
    if answer is None:
        return Found(cause=Cause.NO_FACTS, reasons=("No record can answer this.",))
    return answer(facts, now, stuck)


def _where(facts: OrderFacts, now: datetime, stuck: float | None) -> Found:
    """Answer where an order is: the latest thing that is known of it comes first."""
    if facts.carried in _TOLD:
        cause, why = _TOLD[facts.carried]
        return Found(cause=cause, reasons=(why, *_last_word(facts)), answered=cause in _PLAIN)
    if facts.sent_at is None and facts.said_at is None:
        return _not_gone(facts)
    if facts.said_at is None:
        why = f"It left on {_day(facts.sent_at)}, and the carrier never scanned it."
        return Found(cause=Cause.NO_SCAN, reasons=(why,))
    return _moving(facts, facts.said_at, now, stuck)


def _not_gone(facts: OrderFacts) -> Found:
    if facts.cancelled_at is not None:
        return _answer(Cause.CANCELLED, f"The order was cancelled on {_day(facts.cancelled_at)}.")
    if facts.unpaid:
        return _answer(Cause.NOT_PAID, "The order is not paid yet, and nothing has left.")
    return _answer(Cause.NOT_SENT, f"Nothing has left since {_day(facts.placed_at)}.")


def _moving(facts: OrderFacts, said_at: datetime, now: datetime, stuck: float | None) -> Found:
    if stuck is not None and stuck >= SILENT_FROM:
        hours = int((now - said_at) / timedelta(hours=1))
        likely = f"On this route it is stuck with a chance of {stuck:.0%}."
        why = f"The carrier has said nothing for {hours} hours."
        return Found(cause=Cause.SILENT, reasons=(why, likely))
    if facts.expected_on is not None and now.date() > facts.expected_on:
        why = f"It was promised for {facts.expected_on}."
        return _answer(Cause.LATE, why, *_last_word(facts))
    promised = () if facts.expected_on is None else (f"It is promised for {facts.expected_on}.",)
    return _answer(Cause.ON_ITS_WAY, *promised, *_last_word(facts))


_TOLD: Final[dict[ParcelStatus | None, tuple[Cause, str]]] = {
    ParcelStatus.DELIVERED: (Cause.DELIVERED, "The carrier says that it was delivered."),
    ParcelStatus.ATTEMPT_FAILED: (Cause.ATTEMPT_FAILED, "It could not be handed over."),
    ParcelStatus.AWAITING_COLLECTION: (
        Cause.AWAITING_COLLECTION,
        "It lies where the customer fetches it.",
    ),
    ParcelStatus.RETURNING: (Cause.RETURNING, "It is on its way back to the sender."),
    ParcelStatus.RETURNED: (Cause.RETURNING, "It is back at the sender."),
    ParcelStatus.HELD: (Cause.HELD, "The carrier holds it."),
    ParcelStatus.LOST: (Cause.LOST, "The carrier says that it is lost."),
    ParcelStatus.DAMAGED: (Cause.CAME_DAMAGED, "The carrier says that it is damaged."),
}
_PLAIN: Final = frozenset((Cause.AWAITING_COLLECTION, Cause.DELIVERED, Cause.ATTEMPT_FAILED))
"""What a customer can be told as it is; of the rest somebody has to do something."""


def _not_received(facts: OrderFacts, now: datetime, stuck: float | None) -> Found:
    if facts.carried is not ParcelStatus.DELIVERED:
        return _where(facts, now, stuck)
    at = "" if facts.delivered_at is None else f" on {_day(facts.delivered_at)}"
    why = f"The carrier says that it was delivered{at}; the customer says that nothing came."
    return Found(cause=Cause.DELIVERED_NOT_RECEIVED, reasons=(why,))


def _money_back(facts: OrderFacts, now: datetime, stuck: float | None) -> Found:
    del now, stuck
    asked = facts.return_asked_at
    if facts.refunded_at is not None and (asked is None or facts.refunded_at >= asked):
        return _answer(Cause.REFUNDED, f"It was refunded on {_day(facts.refunded_at)}.")
    if facts.return_here:
        why = f"What was asked to be returned on {_day(asked)} is here, and was not refunded."
        return Found(cause=Cause.REFUND_OPEN, reasons=(why,))
    if asked is not None:
        why = f"A return was asked for on {_day(asked)}, and is not here yet."
        return _answer(Cause.RETURN_COMING, why)
    if facts.cancelled_at is not None:
        why = f"The order was cancelled on {_day(facts.cancelled_at)}, and was not refunded."
        return Found(cause=Cause.REFUND_OPEN, reasons=(why,))
    return Found(cause=Cause.NO_FACTS, reasons=("There is no return, and no refund.",))


def _back(facts: OrderFacts, now: datetime, stuck: float | None) -> Found:
    if facts.return_asked_at is not None:
        return _money_back(facts, now, stuck)
    if facts.delivered_at is not None or facts.carried is ParcelStatus.DELIVERED:
        at = "" if facts.delivered_at is None else f" on {_day(facts.delivered_at)}"
        return _answer(Cause.DELIVERED, f"It was delivered{at}, and no return was asked for yet.")
    return _where(facts, now, stuck)


def _still_here(facts: OrderFacts, now: datetime, stuck: float | None) -> Found:
    """Answer whether an order can still be changed or stopped."""
    del now, stuck
    if facts.cancelled_at is not None:
        return _answer(Cause.CANCELLED, f"The order was cancelled on {_day(facts.cancelled_at)}.")
    if facts.sent_at is None:
        why = "Nothing has left yet, so it can still be changed."
        return Found(cause=Cause.MAY_CHANGE, reasons=(why,))
    return _answer(Cause.TOO_LATE, f"It left on {_day(facts.sent_at)}.")


def _wrong(facts: OrderFacts, now: datetime, stuck: float | None) -> Found:
    """Answer whether what left is what was ordered."""
    del now, stuck
    if facts.sent is None or not facts.ordered:
        return Found(cause=Cause.NO_FACTS, reasons=("No shipment says what was in it.",))
    others = sorted(facts.sent.keys() - facts.ordered.keys())
    if others:
        why = f"Sent, and not ordered: {', '.join(others[:5])}."
        return Found(cause=Cause.WRONG_SKU, reasons=(why,))
    short = sorted(sku for sku, units in facts.ordered.items() if facts.sent.get(sku, 0) < units)
    if short:
        why = f"Fewer left than were ordered of: {', '.join(short[:5])}."
        return Found(cause=Cause.SENT_SHORT, reasons=(why,))
    return Found(cause=Cause.NO_FACTS, reasons=("By the shipments, what was ordered has left.",))


def _damaged(facts: OrderFacts, now: datetime, stuck: float | None) -> Found:
    if facts.carried is ParcelStatus.DAMAGED:
        return _where(facts, now, stuck)
    return Found(cause=Cause.NO_FACTS, reasons=("The carrier tells of no damage.",))


_ANSWERS: Final[dict[Matter, Callable[[OrderFacts, datetime, float | None], Found]]] = {
    Matter.WHERE_IS_ORDER: _where,
    Matter.NOT_RECEIVED: _not_received,
    Matter.REFUND: _money_back,
    Matter.RETURN: _back,
    Matter.CANCEL: _still_here,
    Matter.CHANGE_ADDRESS: _still_here,
    Matter.WRONG_ITEM: _wrong,
    Matter.DAMAGED: _damaged,
}


def _answer(cause: Cause, *reasons: str) -> Found:
    return Found(cause=cause, reasons=reasons, answered=True)


def _last_word(facts: OrderFacts) -> tuple[str, ...]:
    if facts.said_at is None:
        return ()
    return (f"The carrier's last word is of {facts.said_at:%Y-%m-%d %H:%M} UTC.",)


def _day(at: datetime | None) -> str:
    return "a day that nobody tells" if at is None else at.date().isoformat()
