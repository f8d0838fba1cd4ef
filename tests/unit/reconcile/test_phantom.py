"""What shows that an order will never take its units, and what only suggests it."""

from datetime import timedelta
from typing import Any

from tests.unit.ledger.stories import AT, line, order, shipped
from trueup.canon.order import PaymentStatus
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.canon.record import Record
from trueup.canon.release import ReleaseReason
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentState
from trueup.reconcile.phantom import Asked, Elsewhere, Verdict, judge_order

NOW = AT + timedelta(days=5)


def asked(*records: Record, open_units: dict[str, int] | None = None, **fields: Any) -> Asked:
    whole = order(line(quantity=2), **fields.pop("order", {}))
    given = {
        "order": whole,
        "records": (whole, *records),
        "open_units": {"l1": 2} if open_units is None else open_units,
        "asked_at": NOW,
        "knows": True,
    }
    return Asked(**(given | fields))


def seen(verdict: Verdict | None) -> tuple[ReleaseReason, bool, int] | None:
    if verdict is None:
        return None
    assert verdict.evidence
    assert all(each.evidence == verdict.evidence for each in verdict.lines)
    return verdict.reason, verdict.proven, sum(each.units for each in verdict.lines)


def beside(record: Record, *spaces: str) -> tuple[Elsewhere, ...]:
    return (Elsewhere(record=record, name="3pl", event_id=9, spaces=frozenset(spaces)),)


def parcel(status: ParcelStatus) -> Parcel:
    return Parcel(ref="p", updated_at=AT, status=status)


def test_an_order_that_lives_shows_nothing() -> None:
    assert judge_order(asked()) is None
    assert judge_order(asked(open_units={}, knows=False)) is None


def test_one_silence_suggests_and_two_prove() -> None:
    assert seen(judge_order(asked(knows=False))) == (ReleaseReason.GONE, False, 2)
    before = NOW - timedelta(hours=2)
    assert seen(judge_order(asked(knows=False, gone_at=before))) == (ReleaseReason.GONE, True, 2)
    assert judge_order(asked(knows=None)) is None, "who can not be asked says nothing"


def test_closed_needs_the_money_back_to_be_proof() -> None:
    closed = {"closed_at": AT}
    assert seen(judge_order(asked(order=closed))) == (ReleaseReason.CLOSED, False, 2)
    back = closed | {"payment_status": PaymentStatus.REFUNDED}
    assert seen(judge_order(asked(order=back))) == (ReleaseReason.CLOSED, True, 2)


def test_unpaid_by_age_is_proposed_and_expired_is_proven() -> None:
    pending = {"payment_status": PaymentStatus.PENDING}
    assert judge_order(asked(order=pending)) is None
    late = judge_order(asked(order=pending, unpaid_after=timedelta(days=4)))
    assert seen(late) == (ReleaseReason.UNPAID, False, 2)
    expired = {"payment_status": PaymentStatus.EXPIRED}
    assert seen(judge_order(asked(order=expired))) == (ReleaseReason.UNPAID, True, 2)


def test_age_alone_is_proposed() -> None:
    old = judge_order(asked(old_after=timedelta(days=5)))
    assert seen(old) == (ReleaseReason.PERSON, False, 2)


def test_another_systems_shipment_proves_the_skus_that_it_names() -> None:
    parts = (ShipmentLine(line_ref="x", sku="TEE", quantity=1),)
    sent = Shipment(ref="s", updated_at=AT, state=ShipmentState.SHIPPED, lines=parts, shipped_at=AT)
    found = judge_order(asked(elsewhere=beside(sent, "order")))
    assert seen(found) == (ReleaseReason.SHIPPED, True, 1)
    assert found is not None
    assert found.lines[0].shipped_at == AT
    assert "3pl shipped it" in found.evidence[0]
    assert "event/9" in found.evidence[0]
    twin = judge_order(asked(elsewhere=beside(sent, "order"), alone=False))
    assert seen(twin) == (ReleaseReason.SHIPPED, False, 1), "another shop has this number too"
    waiting = Shipment(ref="s", updated_at=AT, state=ShipmentState.PENDING, lines=parts)
    assert judge_order(asked(elsewhere=beside(waiting, "order"))) is None
    foreign = (ShipmentLine(line_ref="x", sku="MUG", quantity=1),)
    other = Shipment(ref="s", updated_at=AT, state=ShipmentState.SHIPPED, lines=foreign)
    assert judge_order(asked(elsewhere=beside(other, "order"))) is None


def test_a_parcel_with_the_number_of_a_waiting_shipment_proves_its_lines() -> None:
    pending = shipped(1, state=ShipmentState.PENDING)
    moving = beside(parcel(ParcelStatus.IN_TRANSIT), "tracking")
    assert seen(judge_order(asked(pending, elsewhere=moving))) == (ReleaseReason.SHIPPED, True, 1)
    made = beside(parcel(ParcelStatus.CREATED), "tracking")
    assert judge_order(asked(pending, elsewhere=made)) is None, "a label is no parcel yet"


def test_a_parcel_with_the_orders_number_alone_says_not_what_is_in_it() -> None:
    delivered = beside(parcel(ParcelStatus.DELIVERED), "order")
    assert seen(judge_order(asked(elsewhere=delivered))) == (ReleaseReason.SHIPPED, False, 2)
    one = judge_order(asked(elsewhere=delivered, open_units={"l1": 1}))
    assert seen(one) == (ReleaseReason.SHIPPED, True, 1)
    on_its_way = beside(parcel(ParcelStatus.IN_TRANSIT), "order")
    late = judge_order(asked(elsewhere=on_its_way, open_units={"l1": 1}))
    assert seen(late) == (ReleaseReason.SHIPPED, False, 1)
