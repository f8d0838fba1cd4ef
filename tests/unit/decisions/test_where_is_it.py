"""Which questions may be answered, and why each other one is left to people."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from trueup.canon.parcel import ParcelStatus
from trueup.canon.ticket import Priority
from trueup.decisions.rules.where_is_it import WhereIsItSettings, why_left
from trueup.decisions.support.about import OrderSeen, ParcelSeen, ScanSeen
from trueup.decisions.support.asked import Spell, Waiting
from trueup.kernel.money import Money
from trueup.models.tickets.hearing import Heard
from trueup.models.tickets.matters import Matter

NOW = datetime(2026, 3, 9, 12, tzinfo=UTC)
SETTINGS = WhereIsItSettings()
MOVING = ParcelSeen(
    name="shop/shipment/7",
    status=ParcelStatus.IN_TRANSIT,
    expected_on=date(2026, 3, 9),
    scans=(ScanSeen(status=ParcelStatus.IN_TRANSIT, at=NOW - timedelta(hours=72)),),
)
ORDER = OrderSeen(
    name="shop/order/1",
    number="#1",
    placed_at=NOW - timedelta(days=4),
    total=Money(Decimal("30.00"), "EUR"),
    how="named",
    shipped_at=NOW - timedelta(days=3),
    parcels=(MOVING,),
)
WAITING = Waiting(
    connection_id=3,
    ticket_ref="5",
    name="desk/ticket/5",
    priority=Priority.NORMAL,
    assignee_ref=None,
    team_ref=None,
    spell=Spell(first_ref="1", since=NOW, messages=1, heard=Heard(matter=Matter.WHERE_IS_ORDER)),
    answered_before=False,
    asked_before=0,
    worth=(),
    order=ORDER,
)


def left(*, order: dict[str, object] | None = None, **parcel: object) -> str | None:
    moved = msgspec.structs.replace(MOVING, **parcel)
    changed = msgspec.structs.replace(ORDER, **{"parcels": (moved,)} | (order or {}))
    return why_left(msgspec.structs.replace(WAITING, order=changed), SETTINGS, NOW)


def test_what_moves_and_is_due_today_is_answered() -> None:
    assert left() is None
    assert left(expected_on=None) is None
    assert left(status=ParcelStatus.OUT_FOR_DELIVERY) is None


@pytest.mark.parametrize(
    ("why", "order", "parcel"),
    [
        ("it is not sure which order they mean", {"how": "likely"}, {}),
        ("the order was cancelled", {"cancelled": True}, {}),
        ("no carrier tells of it", {"parcels": ()}, {}),
        ("a parcel could not be delivered", {}, {"attempts": 1}),
        ("a parcel could not be delivered", {}, {"returning": True}),
        ("a parcel is delivered", {}, {"status": ParcelStatus.DELIVERED}),
        ("a parcel is lost", {}, {"status": ParcelStatus.LOST}),
        ("a parcel is created", {}, {"status": ParcelStatus.CREATED}),
        ("a parcel has not moved for 72 h", {}, {"scans": ()}),
        ("a parcel is late", {}, {"expected_on": date(2026, 3, 8)}),
        ("a parcel is late", {"shipped_at": NOW - timedelta(days=8)}, {"expected_on": None}),
    ],
)
def test_what_may_be_wrong_is_left_to_people(
    why: str, order: dict[str, object], parcel: dict[str, object]
) -> None:
    assert left(order=order, **parcel) == why


def test_one_parcel_of_several_that_does_not_move_is_enough() -> None:
    silent = (ScanSeen(status=ParcelStatus.IN_TRANSIT, at=NOW - timedelta(hours=73)),)
    still = msgspec.structs.replace(MOVING, scans=silent)
    assert left(order={"parcels": (MOVING, still)}) == "a parcel has not moved for 72 h"


def test_who_was_answered_or_has_no_order_is_left_to_people() -> None:
    again = msgspec.structs.replace(WAITING, answered_before=True)
    assert why_left(again, SETTINGS, NOW) == "they were answered before and ask again"
    nobody = msgspec.structs.replace(WAITING, order=None)
    assert why_left(nobody, SETTINGS, NOW) == "it is not sure which order they mean"
