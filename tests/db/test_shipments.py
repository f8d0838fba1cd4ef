"""Units that were sent beside units that were ordered: what is planted is found, and nothing else."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.db.test_money import BOOKS, SHOP, WOO
from tests.support.told import at, causes, told_to
from trueup.canon.order import Order, OrderLine, OrderTotals, PaymentStatus
from trueup.canon.parcel import Parcel, ParcelStatus
from trueup.canon.price import Price
from trueup.canon.refund import Refund, RefundLine, Restock
from trueup.canon.shipment import Shipment, ShipmentLine, ShipmentState
from trueup.db.pool import connect
from trueup.kernel.money import Money
from trueup.reconcile.money.model import By, Rules
from trueup.reconcile.money.shipments import check_shipments
from trueup.reconcile.report import Report
from trueup.records.model import Stored

pytestmark = pytest.mark.anyio

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW = datetime(2026, 3, 20, tzinfo=UTC)
_PRICE = Price(Money(Decimal("10.00"), "EUR"))


def ordered(ref: str, *lines: tuple[str, int], **fields: Any) -> Order:
    """Give a paid order with lines (SKU, units), whose refs are 1, 2, ..."""
    current = fields.pop("current", {})
    told = {"payment_status": PaymentStatus.PAID, "placed_at": AT} | fields
    return Order(
        ref=ref,
        updated_at=AT,
        number=f"#{ref}",
        currency="EUR",
        lines=tuple(
            OrderLine(
                ref=str(n),
                title=sku,
                sku=sku or None,
                quantity=units,
                price=_PRICE,
                quantity_current=current.get(n),
                requires_shipping=sku != "CODE",
            )
            for n, (sku, units) in enumerate(lines, 1)
        ),
        totals=OrderTotals(total=_PRICE),
        **told,
    )


def sent(ref: str, order: str | None, *lines: tuple[str, int, str], **fields: Any) -> Shipment:
    """Give a shipment with lines (line's ref, units, SKU)."""
    told = {"state": ShipmentState.SHIPPED, "shipped_at": AT + timedelta(days=1)} | fields
    return Shipment(
        ref=ref,
        updated_at=AT,
        order_ref=order,
        lines=tuple(
            ShipmentLine(line_ref=line, quantity=units, sku=sku or None)
            for line, units, sku in lines
        ),
        **told,
    )


def refunded(ref: str, order: str, line: str, units: int, restock: Restock) -> Refund:
    lines = (RefundLine(line_ref=line, quantity=units, restock=restock),)
    return Refund(ref=ref, order_ref=order, updated_at=AT, created_at=AT, lines=lines)


async def check(
    database_url: str, told: list[Stored], *names: tuple[Any, ...], **rules: Any
) -> Report:
    async with await connect(database_url, application_name="test") as conn:
        hub = await told_to(conn, told, *names)
        return await check_shipments(conn, hub, Rules(as_of=NOW, **rules))


async def test_what_left_as_it_should_is_no_difference(database_url: str) -> None:
    """In parts, edited, refunded before and after it left, unpaid, fresh, digital, cancelled."""
    late = NOW - timedelta(days=1)
    report = await check(
        database_url,
        [
            *(
                at(1, ordered("1", ("A", 3), ("B", 1)), SHOP),
                at(2, sent("s1", "1", ("1", 2, "A")), SHOP),
            ),
            at(3, sent("s2", "1", ("1", 1, "A"), ("2", 1, "B")), SHOP),
            *(
                at(4, ordered("2", ("A", 3), current={1: 1}), SHOP),
                at(5, sent("s3", "2", ("1", 1, "A")), SHOP),
            ),
            at(6, refunded("r1", "2", "1", 1, Restock.CANCEL), SHOP),
            *(
                at(7, ordered("3", ("A", 2), current={1: 1}), SHOP),
                at(8, sent("s4", "3", ("1", 2, "A")), SHOP),
            ),
            at(9, refunded("r2", "3", "1", 1, Restock.RETURN), SHOP),
            at(10, ordered("4", ("A", 1), payment_status=PaymentStatus.PENDING), SHOP),
            at(11, ordered("5", ("A", 1), placed_at=late), SHOP),
            at(12, ordered("6", ("CODE", 1)), SHOP),
            at(13, ordered("7", ("A", 1), cancelled_at=AT), SHOP),
            at(14, ordered("8", ("A", 1), test=True), SHOP),
            at(15, sent("s5", "8", ("1", 1, "A")), SHOP),
            at(16, ordered("9", ("A", 1), cancelled_at=AT + timedelta(days=2)), SHOP),
            at(17, sent("s6", "9", ("1", 1, "A")), SHOP),
            at(18, sent("s7", "4", ("1", 1, "A"), state=ShipmentState.CANCELLED), SHOP),
        ],
    )
    assert report.discrepancies == ()
    assert (report.left, report.matched, report.left_out) == (9, 9, ())
    assert report.left_totals == report.right_totals == {"": Decimal(8)}


async def test_every_planted_difference_is_found_with_its_cause(database_url: str) -> None:
    report = await check(
        database_url,
        [
            *(at(1, ordered("1", ("A", 2)), SHOP), at(2, sent("s1", "1", ("1", 3, "A")), SHOP)),
            at(3, ordered("2", ("A", 1), cancelled_at=AT), SHOP),
            at(4, sent("s2", "2", ("1", 1, "A")), SHOP),
            at(5, ordered("3", ("A", 2), current={1: 1}), SHOP),
            at(6, refunded("r1", "3", "1", 1, Restock.CANCEL), SHOP),
            at(7, sent("s3", "3", ("1", 2, "A")), SHOP),
            at(8, ordered("4", ("A", 1)), SHOP),
            at(9, ordered("5", ("A", 4), fulfilment_code="fulfilled"), SHOP),
            at(10, sent("s4", "77", ("1", 5, "A")), SHOP),
            *(
                at(11, ordered("6", ("A", 1)), SHOP),
                at(12, sent("s5", "6", ("1", 1, "A"), ("9", 1, "Z"), ("8", 2, "A")), SHOP),
            ),
            at(13, ordered("7", ("A", 6)), SHOP),
            at(14, sent("s6", "7", ("1", 6, "A"), state=ShipmentState.PENDING), SHOP),
            at(15, Parcel(ref="p1", updated_at=AT, status=ParcelStatus.DELIVERED), WOO),
            at(16, sent("s7", "1", state=ShipmentState.UNKNOWN), SHOP),
        ],
        ("tracking", "1Z", 14, 15),
        by=By.DAY,
    )
    assert causes(report) == [
        ("delivered_unshipped", "-6", None),
        ("not_ordered", "2", None),
        ("shipment_untold", "-4", None),
        ("shipment_without_order", "5", None),
        ("shipped_cancelled", "1", None),
        ("shipped_refunded", "1", None),
        ("shipped_too_many", "1", None),
        ("unknown_code", "0", None),
        ("unknown_sku", "1", None),
        ("unshipped", "-1", None),
    ]
    by_cause = {each.cause: each for each in report.discrepancies}
    assert (by_cause["unshipped"].left_ref, by_cause["unshipped"].right_ref) == (
        "shop/order/4",
        None,
    )
    assert by_cause["shipped_too_many"].right_ref == "shop/shipment/s1"
    assert by_cause["shipped_too_many"].evidence[0] == (
        "SKU A: 2 ordered, 0 taken off before they left, 3 sent"
    )
    assert report.explained_share == 1.0
    assert [(day.left, day.right, day.differing) for day in report.periods] == [
        (7, 0, 6),
        (0, 7, 0),
    ]


async def test_deliveries_of_an_erp_are_held_by_the_orders_number(database_url: str) -> None:
    """A shop that tells no shipments; its orders leave by the ERP, SKU by SKU."""
    report = await check(
        database_url,
        [
            at(1, ordered("1", ("A", 1), ("A", 1), ("B", 1)), WOO),
            at(2, sent("d1", None, ("x", 2, "A"), ("y", 1, "B")), BOOKS),
            at(3, ordered("2", ("A", 2)), WOO),
            at(4, sent("d2", None, ("x", 1, "A")), BOOKS),
            at(5, ordered("3", ("A", 1)), WOO),
            at(6, sent("d3", None, ("x", 9, "A")), BOOKS),
        ],
        *(("order", "1", 1, 2), ("order", "2", 3, 4), ("order", "two", 3), ("tracking", "1Z", 4)),
    )
    assert causes(report) == [("unshipped", "-1", None)]
    assert (report.left, report.matched) == (3, 2), "two lines of one SKU are one item"
    assert report.left_out == ("woo: nobody tells shipments of 1 of its orders",)
